"""XML that is made to do harm, or is none, is refused by the one error there is for it."""

from pathlib import Path

import pytest

from listbridge import mailsession
from listbridge.mailsession import SourceError

RESOURCE = '<Context><Resource type="javax.mail.Session" mail.smtp.host="{}"/></Context>'
LOL = "".join(
    f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' if n else '<!ENTITY lol0 "lol">' for n in range(10)
)

HOSTILE = {
    "an entity bomb": f"<!DOCTYPE x [{LOL}]>" + RESOURCE.format("&lol9;"),
    "a large entity": f'<!DOCTYPE x [<!ENTITY a "{"a" * 99999}">]>' + RESOURCE.format("&a;" * 999),
    "an external entity": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    + RESOURCE.format("&a;"),
    "an external document type": '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'
    + RESOURCE.format("h"),
    "a parameter entity": '<!DOCTYPE x [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>'
    + RESOURCE.format("h"),
    "an end that is missing": "<Context><Resource",
    "two roots": "<a/><b/>",
    "an unknown encoding": '<?xml version="1.0" encoding="x-none"?><a/>',
    "an encoding of several bytes": '<?xml version="1.0" encoding="big5"?><a/>',
    "an undefined entity": RESOURCE.format("&nothing;"),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_xml_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "context.xml"
    file.write_text(text)

    with pytest.raises(SourceError) as caught:
        mailsession.read_all(file)

    assert str(caught.value).startswith(str(file))
    assert "root:" not in str(caught.value)


def test_ten_megabytes_are_refused_without_being_parsed(tmp_path: Path) -> None:
    file = tmp_path / "context.xml"
    file.write_bytes(b"<a>" + b"<b/>" * 2_500_000 + b"</a>")

    with pytest.raises(SourceError, match="more than 4000000 bytes"):
        mailsession.read_all(file)


def test_a_deep_tree_is_read_and_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "context.xml"
    file.write_bytes(b"<a>" * 50_000 + b"</a>" * 50_000)

    with pytest.raises(SourceError, match="holds no mail session"):
        mailsession.read_all(file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_encoding_that_the_file_declares_is_used(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "context.xml"
    declared = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{declared}"?>' + RESOURCE.format("gr\u00fcn.example")
    file.write_bytes(text.encode(encoding))

    outgoing = mailsession.read_file(file).reading.outgoing

    assert (outgoing or {})["host"] == "grün.example"
