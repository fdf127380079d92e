"""Lists of people as other programs write them: each format, known by its content, and ours."""

import codecs
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listbridge.errors import ListbridgeError
from listbridge.membership.people import Format, People, read, read_text, write
from storage.states import Origin, Receives, SubscriptionState
from storage.subscriptions import Subscription

SAMPLES = Path(__file__).parents[3] / "fixtures" / "imports" / "people"
ACTIVE, SUSPENDED = SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED


def sample(name: str) -> People:
    return read((SAMPLES / name).read_bytes())


def forms(found: People) -> dict[str, Receives | None]:
    return {one.address: one.receives for one in found.people}


def bad(text: str, wanted: Format | None = None) -> list[tuple[int, str]]:
    return [(one.number, one.problem) for one in read_text(text, wanted).bad]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mailman2-list_members.txt", Format.PLAIN),
        ("mailman2-roster.txt", Format.MAILMAN2),
        ("mailman3-members.txt", Format.PLAIN),
        ("mailman3-members.json", Format.MAILMAN3),
        ("postorius.csv", Format.PLAIN),
        ("google.csv", Format.GOOGLE),
        ("groupsio.csv", Format.GROUPSIO),
        ("ours.csv", Format.CSV),
        ("plain.txt", Format.PLAIN),
    ],
)
def test_a_format_is_known_by_its_content_and_no_line_is_bad(name: str, kind: Format) -> None:
    found = sample(name)

    assert (found.format, found.bad) == (kind, [])
    assert len(found.people) >= 2


def test_list_members_keeps_the_case_of_addresses_and_undoes_quotes() -> None:
    found = sample("mailman2-list_members.txt").people

    assert [(one.address, one.name) for one in found] == [
        ("Anna@example.org", "Anna Berg"),
        ("jan@example.org", "Dvorak, Jan (alto)"),
        ("bea@example.org", ""),
    ]


def test_a_roster_says_who_gets_digests() -> None:
    assert forms(sample("mailman2-roster.txt")) == {
        "anna@example.org": Receives.EACH,
        "bea@example.org": Receives.EACH,
        "carl@example.org": Receives.DIGEST,
    }


def test_names_that_mailman_3_encodes_are_read_as_they_are_meant() -> None:
    assert [one.name for one in sample("mailman3-members.txt").people] == [
        "Anna Berg",
        "Zoë Žižka",
        "Dvorak, Jan",
    ]


def test_each_state_of_mailman_3_leads_to_its_own() -> None:
    found = sample("mailman3-members.json")

    assert [(x.address[0], x.receives, x.state, x.suspended_by) for x in found.people] == [
        ("a", Receives.EACH, None, None),
        ("b", Receives.MIME_DIGEST, None, None),
        ("c", Receives.NONE, None, None),
        ("d", Receives.EACH, SUSPENDED, Origin.BOUNCES),
        ("e", Receives.EACH, SUSPENDED, None),
    ]
    assert [(one.role, one.address) for one in found.staff] == [("owner", "anna@example.org")]
    assert [one.address for one in found.left_out] == ["fritz@example.org"]


def test_pages_of_the_rest_interface_may_follow_each_other() -> None:
    page = '{"entries": [{"email": "%s@example.org", "role": "member"}], "start": 0}\n'

    found = read_text(page % "a" + page % "b")

    assert [one.address for one in found.people] == ["a@example.org", "b@example.org"]


def test_google_s_preferences_lead_to_their_forms_and_the_banned_stay_out() -> None:
    found = sample("google.csv")

    assert forms(found) == {
        "anna@example.org": Receives.EACH,
        "bea@example.org": Receives.DIGEST,
        "carl@example.org": Receives.DIGEST,
        "dora@example.org": Receives.NONE,
    }
    assert [one.address for one in found.people if one.suspended_by] == ["carl@example.org"]
    assert [one.address for one in found.left_out] == ["emil@example.org"]
    assert [one.address for one in found.staff] == ["anna@example.org"]


def test_groups_io_s_deliveries_lead_to_their_forms_and_the_unconfirmed_stay_out() -> None:
    found = sample("groupsio.csv")

    assert list(forms(found).values()) == [
        Receives.EACH,
        Receives.DIGEST,
        Receives.DIGEST,
        Receives.NONE,
        Receives.NONE,
    ]
    assert [one.why for one in found.left_out] == ["pending there", "not confirmed there"]
    assert [one.address for one in found.people if one.suspended_by] == ["carl@example.org"]


@pytest.mark.parametrize(
    ("word", "form"),
    [
        ("email_delivery_single", Receives.EACH),
        ("email_delivery_digest", Receives.DIGEST),
        ("email_delivery_html_digest", Receives.DIGEST),
        ("email_delivery_summary", Receives.DIGEST),
        ("email_delivery_special", Receives.NONE),
        ("email_delivery_none", Receives.NONE),
        ("", None),
    ],
)
def test_the_words_of_groups_io_s_interface_are_known(word: str, form: Receives | None) -> None:
    found = read_text(f"Email,Email Delivery\na@example.org,{word}\n")

    assert forms(found) == {"a@example.org": form}


@pytest.mark.parametrize(
    "text",
    [
        "Email,Email Delivery\na@example.org,Weekly\n",
        "Email address,Group status,Email preference\na@example.org,member,often\n",
        "email,delivery_mode\na@example.org,hourly\n",
        "email,delivery_status\na@example.org,by_magic\n",
        "address,receives\na@example.org,hourly\n",
        "address,state\na@example.org,removed\n",
        "address,own_posts\na@example.org,perhaps\n",
        "address,holiday_until\na@example.org,soon\n",
        "address,name\n,Anna\n",
        "name,address\nAnna\n",
    ],
)
def test_what_is_not_known_for_certain_is_an_error_with_its_line(text: str) -> None:
    [(line, problem)] = bad(text)

    assert line == 2
    assert problem


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_spreadsheet_s_own_way_of_csv_is_read(separator: str, end: str, encoding: str) -> None:
    rows = (("Name", "E-Mail"), ('"Zoë, the first"', "zoe@example.org"), ("", "b@example.org"))
    text = "".join(separator.join(row) + end for row in rows)

    found = read(text.encode(encoding))

    assert found.bad == []
    assert [(one.address, one.name) for one in found.people] == [
        ("zoe@example.org", "Zoë, the first"),
        ("b@example.org", ""),
    ]
    assert (found.guessed is not None) == (encoding == "cp1252")


def test_utf_16_of_the_other_byte_order_is_read() -> None:
    found = read(codecs.BOM_UTF16_BE + "a@example.org\n".encode("utf-16-be"))

    assert forms(found) == {"a@example.org": None}


def test_an_address_is_never_guessed_at() -> None:
    found = read("a@example.org\nköln@example.org\n".encode("cp1252"))

    assert [(one.number, "UTF-8" in one.problem) for one in found.bad] == [(2, True)]


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        ((SAMPLES / "config.pck").read_bytes(), "list_members"),
        (b"\x80\x04}.", "list_members"),
        (b"PK\x03\x04...", "CSV"),
        (b"\x1f\x8b...", "gunzip"),
        (b"a@example.org\0\n", "text"),
        (codecs.BOM_UTF16_LE + b"a", "UTF-8"),
    ],
)
def test_what_is_no_text_is_refused_with_a_cure(content: bytes, cure: str) -> None:
    with pytest.raises(ListbridgeError, match=cure):
        read(content)


@pytest.mark.parametrize(
    "line",
    [
        "Anna anna@example.org",
        "anna@example.org, bea@example.org",
        "anna@example.org\u2028bea@example.org",
        "Anna <anna@example.org",
        "<script>@example.org",
        "Anna\x07 <anna@example.org>",
    ],
)
def test_a_line_with_a_trick_names_nobody(line: str) -> None:
    assert [number for number, _ in bad(f"first@example.org\n{line}\n", Format.PLAIN)] == [2]


@pytest.mark.parametrize(
    "table",
    [
        "sep=;\r\nname;address\r\nAnn Berg;ann@example.org\r\n",
        "Name,Given Name,Family Name,E-mail 1 - Value\nAnn Berg,Ann,Berg,ann@example.org\n",
        "First Name,Last Name,Nickname,E-mail 1 - Value\nAnn,Berg,Annie,ann@example.org\n",
        "First Name,Last Name,Display Name,Primary Email\nAnn,Berg,,ann@example.org\n",
        '"First Name","Last Name","E-mail Address"\n"Ann","Berg","ann@example.org"\n',
        "Vorname;Nachname;E-Mail-Adresse\nAnn;Berg;ann@example.org\n",
        "Name;Vorname;E-Mail\nBerg;Ann;ann@example.org\n",
        "Prénom;Nom;Adresse de messagerie\nAnn;Berg;ann@example.org\n",
        "Nom;Adresse e-mail\nAnn Berg;ann@example.org\n",
        "Name,Address,Email\nAnn Berg,1 Lake Road,ann@example.org\n",
        "Ann Berg;ann@example.org\n",  # without names of columns
        "ann@example.org,Ann Berg\n",
    ],
)
def test_address_books_and_spreadsheets_are_read_as_they_come(table: str) -> None:
    found = read_text(table)

    assert found.bad == []
    assert [(one.address, one.name) for one in found.people] == [("ann@example.org", "Ann Berg")]


@pytest.mark.parametrize("beside", ["bob@example.org", "none", "Ann,left"])
def test_what_stands_beside_an_address_is_not_guessed_at(beside: str) -> None:
    assert [number for number, _ in bad(f"ann@example.org,{beside}\n")] == [1]


def test_who_is_named_twice_counts_once_as_he_stands_first() -> None:
    found = read_text("address,receives\nA@example.org,none\na@EXAMPLE.org,each\n")

    assert (forms(found), found.repeated) == ({"A@example.org": Receives.NONE}, 1)


def test_a_table_that_breaks_off_is_told_and_ends() -> None:
    huge = '"' + "x" * 200_000
    assert bad(f"address,name\na@example.org,A\nb@example.org,{huge}\n")[0][0] >= 3


def test_json_that_breaks_off_is_told_with_its_line() -> None:
    [(line, problem)] = bad('{"entries": [\n{"email": "a@example.org"},\n')

    assert line == 3
    assert "JSON" in problem


def test_half_a_sign_in_a_name_is_an_error() -> None:
    [(_, problem)] = bad('[{"email": "a@example.org", "display_name": "\\ud800"}]')

    assert "half of a sign" in problem


@pytest.mark.parametrize("text", ["[1]", '{"entries": ["a@example.org"]}', "[[]]", "{}"])
def test_json_of_something_else_subscribes_nobody(text: str) -> None:
    assert read_text(text).people == []


def subscription(**more: object) -> Subscription:
    values = {
        "id": 1,
        "address": "a@example.org",
        "key": "a@example.org",
        "name": "",
        "state": ACTIVE,
        "receives": Receives.EACH,
        "origin": Origin.ADMIN,
        "removed_by": None,
        "suspended_by": None,
        "changed_at": datetime(2026, 11, 1, tzinfo=UTC),
    }
    return Subscription(**(values | more))  # type: ignore[arg-type]


def written(wanted: Format, *people: Subscription) -> str:
    return "".join(write(people, wanted, "Choir"))


def test_our_table_has_only_the_columns_that_say_something() -> None:
    plain = subscription()

    assert written(Format.CSV, plain) == "address,name,receives\na@example.org,,each\n"
    assert written(Format.CSV, plain, subscription(language="de")).splitlines() == [
        "address,name,receives,language",
        "a@example.org,,each,",
        "a@example.org,,each,de",
    ]


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]))


@given(name=names.map(str.strip) | st.sampled_from(["=1+1", "'=1", "+49", "-x", "@a", "''@", '"']))
def test_our_table_gives_back_each_name_as_it_was(name: str) -> None:
    if "=?" in name:
        return  # that stands for an encoded word

    [line] = read_text(written(Format.CSV, subscription(name=name))).people

    assert line.name == name


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)"])
@pytest.mark.parametrize("wanted", [Format.CSV, Format.GOOGLE, Format.GROUPSIO])
def test_no_name_is_a_formula_in_a_spreadsheet(name: str, wanted: Format) -> None:
    assert f",'{name}," in written(wanted, subscription(name=name))


def test_our_table_gives_back_everything_that_is_known_of_somebody() -> None:
    until = datetime(2099, 12, 24, 5, 6, 7, 890, tzinfo=UTC)
    one = subscription(
        name="Zoë",
        state=SUSPENDED,
        suspended_by=Origin.BOUNCES,
        receives=Receives.MIME_DIGEST,
        holiday_until=until,
        own_posts=False,
        language="de-AT",
    )

    [found] = read_text(written(Format.CSV, one)).people

    names = ("address", "name", "receives", "state", "suspended_by", "holiday_until", "own_posts")
    for name in (*names, "language"):
        assert getattr(found, name) == getattr(one, name), name


@pytest.mark.parametrize("wanted", [Format.PLAIN, Format.MAILMAN2, Format.MAILMAN3])
@pytest.mark.parametrize(
    "name", ["", "Anna", "Dvorak, Jan", 'Jan "J." Dvorak', "Back\\slash", "#1"]
)
def test_lines_give_back_names_with_every_sign(wanted: Format, name: str) -> None:
    [found] = read_text(written(wanted, subscription(name=name))).people

    assert (found.address, found.name) == ("a@example.org", name)


@pytest.mark.parametrize("wanted", [Format.GOOGLE, Format.GROUPSIO])
@pytest.mark.parametrize("receives", [Receives.EACH, Receives.DIGEST, Receives.NONE])
def test_other_tables_give_back_the_form(wanted: Format, receives: Receives) -> None:
    found = read_text(written(wanted, subscription(receives=receives)))

    assert (found.format, forms(found)) == (wanted, {"a@example.org": receives})


def test_lines_leave_out_who_is_suspended() -> None:
    assert written(Format.MAILMAN2, subscription(state=SUSPENDED)) == ""
