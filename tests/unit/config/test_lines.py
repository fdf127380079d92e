"""The line of each key, against the traps of TOML's syntax."""

import tomllib

import pytest

from listbridge.config.lines import key_lines


def lines(text: str) -> dict[str, int]:
    tomllib.loads(text)  # the scanner is only ever given valid TOML
    return {".".join(path): line for path, line in key_lines(text).items()}


def test_keys_are_found_under_their_tables() -> None:
    found = lines('a = 1\n\n[incoming]\nhost = "x"\n\n[a1.b.c]\nd = 2\n')

    assert found == {
        "a": 1,
        "incoming": 3,
        "incoming.host": 4,
        "a1": 6,
        "a1.b": 6,
        "a1.b.c": 6,
        "a1.b.c.d": 7,
    }


def test_dotted_keys_count_as_tables() -> None:
    found = lines('incoming.host = "x"\nincoming . port = 1\n')

    assert found == {"incoming": 1, "incoming.host": 1, "incoming.port": 2}


def test_quoted_keys_are_read_as_toml_reads_them() -> None:
    found = key_lines("[a.\"b.c\"]\n'd = e' = 1\n\"\\u0066\" = 2\n[ g . 'h' ]\n")

    assert found[("a", "b.c")] == 1
    assert found[("a", "b.c", "d = e")] == 2
    assert found[("a", "b.c", "f")] == 3
    assert found[("g", "h")] == 4


@pytest.mark.parametrize(
    "value",
    [
        '"""\nhost = 1\n[x]\n"""',
        '"""\n\\"""\nhost = 1\n"""',
        '"""\n""quoted""\n"""""',
        "'''\nhost = \"1\n[x]\n'''",
        '[\n  "a", # ]\n  "]",\n  [1,\n 2]\n]',
        '[{ a = "}" },\n { b = "\\"]" }\n]',
        '"a # b = [" # [',
        "'\\'",
        "2026-11-20",
        "2026-11-20T10:00:00Z",
        "{ host = 1, b.c = [\n1\n] }",
    ],
)
def test_what_stands_in_a_value_is_no_key(value: str) -> None:
    text = f"first = {value}\nlast = 1\n"

    assert lines(text) == {"first": 1, "last": text.count("\n")}


def test_line_ends_of_windows_count_once() -> None:
    assert lines("a = 1\r\n\r\n[b]\r\nc = 2\r\n") == {"a": 1, "b": 3, "b.c": 4}


def test_a_last_line_needs_no_line_end() -> None:
    assert lines("a = 1\nb = 2") == {"a": 1, "b": 2}
