"""What one category's file comes to."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from listbridge.category import Category
from listbridge.config import load

Write = Callable[[str, str], Path]
WriteCategory = Callable[..., Path]

SESSIONS = """
[mail_sessions.default.incoming]
host = "imap.session.example"
port = 1143
password = "of the session"
[mail_sessions.default.outgoing]
host = "smtp.session.example"
[mail_sessions.in-only.incoming]
host = "in.session.example"
"""


def problems(slug: str = "general") -> list[str]:
    return [str(one) for one in load().broken[slug]]


def loaded(slug: str = "general") -> Category:
    configuration = load()
    assert configuration.broken == {}
    return configuration.categories[slug]


def test_smallest_category_gets_the_defaults(category: WriteCategory) -> None:
    category()

    general = loaded()

    assert general.incoming is not None
    assert general.outgoing is not None
    assert (general.slug, general.name) == ("general", "general")
    assert general.active is True
    assert general.poll_every == timedelta(minutes=1)
    assert general.owners == general.moderators == ()
    assert general.incoming.username == "general@example.org"
    assert general.outgoing.username is None
    assert general.posting.members == "accept"
    assert general.posting.non_members == "hold"
    assert general.posting.max_size == 10_000_000
    assert general.posting.own_copy is True
    assert general.message.from_ == "auto"
    assert general.message.reply_to == "list"
    assert general.message.subject_prefix == general.message.footer == ""
    assert general.subscribers_file is None


def test_one_half_is_enough(write: Write) -> None:
    write("categories/in.toml", 'address = "in@example.org"\nincoming.host = "h"\n')
    write("categories/out.toml", 'address = "out@example.org"\noutgoing.host = "h"\n')

    assert loaded("in").outgoing is None
    assert loaded("out").incoming is None


@pytest.mark.parametrize("half", ["incoming", "outgoing"])
@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("imaps://mail.example.org", "write only the name of the server"),
        ("mail.example.org:993", "its port has a key of its own, `port`"),
    ],
)
def test_a_host_is_a_name_and_nothing_more(write: Write, half: str, host: str, why: str) -> None:
    write("categories/general.toml", f'address = "a@example.org"\n{half}.host = "{host}"\n')

    [problem] = problems()
    assert f"{half}.host: " in problem
    assert why in problem


def test_an_ipv6_address_is_a_host(write: Write) -> None:
    write("categories/in.toml", 'address = "in@example.org"\nincoming.host = "2001:db8::1"\n')

    assert loaded("in").incoming is not None


def test_no_half_at_all_is_an_error(write: Write) -> None:
    write("categories/general.toml", 'address = "in@example.org"\n')

    assert problems() == [
        "categories/general.toml: there is neither [incoming] nor [outgoing]; "
        "add at least one, or a mail_session"
    ]


def test_missing_address_and_hosts_are_named(write: Write) -> None:
    write("categories/general.toml", "active = true\n[incoming]\n[outgoing]\n")

    assert problems() == [
        "categories/general.toml: address: required, and not given",
        "categories/general.toml:2: incoming.host: required, and not given",
        "categories/general.toml:3: outgoing.host: required, and not given",
    ]


def test_unknown_keys_are_named_with_line_and_nearest_key(category: WriteCategory) -> None:
    category(top="adress = 1", incoming='prot = "imap"', end="[subscriber]\nfile = 1")

    assert problems() == [
        "categories/general.toml:1: adress: unknown key; did you mean 'address'?",
        "categories/general.toml:5: incoming.prot: unknown key; did you mean 'protocol'?",
        "categories/general.toml:9: subscriber: unknown key; did you mean 'subscribers'?",
    ]


def test_python_name_of_a_key_is_unknown(category: WriteCategory) -> None:
    category(end='[message]\nfrom_ = "list"')

    assert "message.from_: unknown key; did you mean 'from'?" in problems()[0]


def test_slug_cannot_be_set_in_the_file(category: WriteCategory) -> None:
    category(top='slug = "other"')

    assert "slug: unknown key" in problems()[0]


@pytest.mark.parametrize(
    ("where", "line", "expected"),
    [
        ("top", "active = 1", "active: expected true or false"),
        ("top", "name = 1", "name: expected a text in quotation marks"),
        ("top", 'poll_every = "5"', "poll_every: write a number and a unit"),
        ("top", 'poll_every = "0s"', "poll_every: write a duration above zero"),
        ("top", 'poll_every = "999999999w"', "write a duration of at most ten years"),
        ("top", 'owners = "a@example.org"', "owners: expected a list"),
        ("top", 'owners = ["alice"]', "owners: “alice” is not a mail address"),
        ("top", "posting = 1", "posting: expected a table"),
        ("incoming", "port = 0", "incoming.port: expected a number of at least 1"),
        ("incoming", "port = 65536", "incoming.port: expected a number of at most 65535"),
        ("incoming", 'port = "imaps"', "incoming.port: expected a whole number"),
        ("incoming", 'protocol = "pop"', "incoming.protocol: expected 'imap' or 'pop3'"),
        (
            "incoming",
            "since = 2026-11-20T10:00:00",
            "incoming.since: expected a date, such as 2026-11-20",
        ),
        ("incoming", 'timeout = "0s"', "incoming.timeout: write at least 1s"),
        ("incoming", "ca_file = 1", "incoming.ca_file: expected a path"),
        ("incoming", "oauth2 = 1", "incoming.oauth2: expected a table"),
        (
            "incoming",
            'oauth2 = { provider = "gmail" }',
            "incoming.oauth2.provider: expected 'google' or 'microsoft'",
        ),
        (
            "incoming",
            'oauth2 = { provider = "google", clientid = "x" }',
            "incoming.oauth2: has an unknown key; the known ones are provider, flow, client_id",
        ),
        (
            "incoming",
            'oauth2 = { provider = "google", client_secret = 1 }',
            'incoming.oauth2.client_secret: expected "literal", { env',
        ),
        ("incoming", 'oauth2 = { client_id = "x" }', "incoming.oauth2: name a provider"),
        (
            "incoming",
            'oauth2 = { token_endpoint = "http://login.example.org/token" }',
            "incoming.oauth2.token_endpoint: write an address that begins with https://",
        ),
        (
            "incoming",
            'oauth2 = { provider = "google", tenant = "x" }',
            'incoming.oauth2: tenant is for provider = "microsoft" alone',
        ),
        (
            "incoming",
            'oauth2 = { provider = "microsoft", tenant = "a/b" }',
            "incoming.oauth2.tenant: write a domain",
        ),
        (
            "incoming",
            'oauth2 = { provider = "google", flow = "device" }',
            'incoming.oauth2: Google gives no mail by flow = "device"',
        ),
        (
            "incoming",
            'oauth2 = { provider = "microsoft", flow = "client_credentials" }',
            'incoming.oauth2: flow = "client_credentials" needs a client_secret',
        ),
        (
            "incoming",
            'oauth2 = { token_endpoint = "https://h/t", flow = "device" }',
            'incoming.oauth2: flow = "device" needs device_endpoint',
        ),
        (
            "incoming",
            'oauth2 = { provider = "google", secret_expires = "soon" }',
            "incoming.oauth2.secret_expires: ",
        ),
        ("incoming", "password = 1", 'incoming.password: expected "literal", { env'),
        ("incoming", "password = {}", 'incoming.password: expected "literal", { env'),
        ("incoming", 'password = { nev = "X" }', 'incoming.password: expected "literal", { env'),
        (
            "end",
            "max_recipients = 101",
            "outgoing.max_recipients: expected a number of at most 100",
        ),
        ("end", "max_per_hour = 0", "outgoing.max_per_hour: expected a number of at least 1"),
        ("end", "[posting]\nmax_size = 0", "posting.max_size: write a size above zero"),
        (
            "end",
            '[posting]\nmembers = "yes"',
            "posting.members: expected 'accept', 'hold', 'reject'",
        ),
        ("end", '[message]\nreply_to = "all"', "message.reply_to: expected 'list', 'author' or"),
        ("end", "[subscribers]\nfile = []", "subscribers.file: expected a path"),
    ],
)
def test_wrong_value_says_what_was_expected(
    category: WriteCategory, where: str, line: str, expected: str
) -> None:
    category(**{where: line})

    [problem] = problems()

    assert f": {expected}" in problem


@pytest.mark.parametrize("address", ["general", "General <a@example.org>", "a@b@c", ""])
def test_address_must_be_one_plain_address(write: Write, address: str) -> None:
    write("categories/general.toml", f'address = "{address}"\nincoming.host = "h"\n')

    assert problems()[0].startswith("categories/general.toml:1: address: ")


def test_address_is_normalised_and_logged_in_with(write: Write) -> None:
    write("categories/general.toml", 'address = "General@EXAMPLE.org"\nincoming.host = "h"\n')

    general = loaded()

    assert general.address == "General@example.org"
    assert general.incoming is not None
    assert general.incoming.username == "General@example.org"


@pytest.mark.parametrize("bad", [r"\r\n", r"\n", r"\u0000", r"\u007f", r"\u0085", r"\u2028"])
@pytest.mark.parametrize(
    "line",
    [
        'name = "a{}b"',
        'owners = ["a@example.org{}"]',
        '[incoming]\nhost = "h"\nusername = "a{}b"',
        '[incoming]\nhost = "h"\npassword = "a{}b"',
        '[incoming]\nhost = "h"\npassword = {{ file = "a{}b" }}',
        '[incoming]\nhost = "h"\nfolder = "a{}b"',
        '[incoming]\nhost = "h"\n"a{}b" = 1',
        '[outgoing]\nhost = "a{}b"',
        '[outgoing]\nhost = "h"\nhello_name = "a{}b"',
        '[message]\nsubject_prefix = "a{}b"',
        '[subscribers]\nfile = "a{}b"',
    ],
)
def test_control_characters_are_refused_wherever_they_stand(
    write: Write, line: str, bad: str
) -> None:
    write("categories/general.toml", f'address = "a@example.org"\n{line.format(bad)}\n')

    assert any("control character" in one for one in problems())


def test_footer_may_have_several_lines(category: WriteCategory) -> None:
    category(end='[message]\nfooter = """\nOne\n\tTwo\n"""')

    assert loaded().message.footer == "One\n\tTwo\n"


def test_footer_may_have_no_other_control_character(category: WriteCategory) -> None:
    category(end='[message]\nfooter = "a\\u0000"')

    assert "message.footer: contains a control character" in problems()[0]


def test_footer_may_name_only_what_there_is(category: WriteCategory) -> None:
    category(end='[message]\nfooter = "{list_name}: {membre}"')

    [problem] = problems()
    assert "message.footer: " in problem
    assert "no {membre}" in problem
    assert "{list_name}, {list_address}, {list_id}, {member}, {unsubscribe}" in problem


@pytest.mark.parametrize("name", ["member", "unsubscribe"])
def test_footer_may_name_the_subscribers_own_only_where_each_has_his_own_copy(
    category: WriteCategory, name: str
) -> None:
    footer = f'[message]\nfooter = "For {{{name}}}"'
    category(end=footer)
    [problem] = problems()
    category(end=f"{footer}\npersonalise = true")

    assert "message.footer: {member} and {unsubscribe} are each subscriber's own" in problem
    assert "set personalise = true" in problem
    assert loaded().message.footer == f"For {{{name}}}"


def test_moderators_are_the_owners_unless_said_otherwise(category: WriteCategory) -> None:
    category("a", top='owners = ["o@example.org"]')
    category("b", top='owners = ["o@example.org"]\nmoderators = []')

    assert loaded("a").moderators == ("o@example.org",)
    assert loaded("b").moderators == ()


def test_relative_paths_count_from_the_service_files_folder(
    category: WriteCategory, folder: Path
) -> None:
    category(
        incoming='ca_file = "ca.pem"\npassword = { file = "secrets/in" }',
        end='ca_file = "/etc/ca.pem"\n[subscribers]\nfile = "general.subscribers"',
    )

    general = loaded()

    assert general.incoming is not None
    assert general.incoming.ca_file == folder / "ca.pem"
    assert general.incoming.password is not None
    assert general.incoming.password.file == folder / "secrets/in"
    assert general.outgoing is not None
    assert general.outgoing.ca_file == Path("/etc/ca.pem")
    assert general.subscribers_file == folder / "general.subscribers"


def test_since_is_a_date(category: WriteCategory) -> None:
    category(incoming="since = 2026-11-20")

    general = loaded()

    assert general.incoming is not None
    assert general.incoming.since == date(2026, 11, 20)


def test_category_overrides_its_session_key_by_key(write: Write) -> None:
    write("listbridge.toml", SESSIONS)
    write(
        "categories/general.toml",
        'address = "a@example.org"\nmail_session = "default"\n'
        '[incoming]\nhost = "own.example"\npassword = { env = "OWN" }\n',
    )

    general = loaded()

    assert general.incoming is not None
    assert (general.incoming.host, general.incoming.port) == ("own.example", 1143)
    assert general.incoming.password is not None
    assert general.incoming.password.env == "OWN"
    assert general.outgoing is not None
    assert general.outgoing.host == "smtp.session.example"


def test_each_half_may_name_its_own_session(write: Write) -> None:
    write("listbridge.toml", SESSIONS)
    write(
        "categories/general.toml",
        'address = "a@example.org"\nincoming_session = "in-only"\nmail_session = "default"\n',
    )

    general = loaded()

    assert general.incoming is not None
    assert general.incoming.host == "in.session.example"
    assert general.outgoing is not None
    assert general.outgoing.host == "smtp.session.example"


def test_session_with_one_half_makes_a_category_with_one_half(write: Write) -> None:
    write("listbridge.toml", SESSIONS)
    write("categories/general.toml", 'address = "a@example.org"\nmail_session = "in-only"\n')

    assert loaded().outgoing is None


def test_half_that_the_named_session_lacks_is_an_error(write: Write) -> None:
    write("listbridge.toml", SESSIONS)
    write("categories/general.toml", 'address = "a@example.org"\noutgoing_session = "in-only"\n')

    assert "outgoing_session: the mail session 'in-only' has no half 'outgoing'" in problems()[0]


def test_unknown_session_is_an_error_with_the_nearest_name(write: Write) -> None:
    write("listbridge.toml", SESSIONS)
    write(
        "categories/general.toml",
        'address = "a@example.org"\nmail_session = "defualt"\n[incoming]\nport = 1\n',
    )

    assert problems() == [
        "categories/general.toml:2: mail_session: there is no mail session 'defualt'; "
        "did you mean 'default'?"
    ]


def test_session_without_any_defined_is_an_error(category: WriteCategory) -> None:
    category(top='mail_session = "default"')

    assert problems()[0].endswith("'default'; the service file defines none")


@pytest.mark.parametrize("slug", ["General", "-a", "a+b", "a b", "ä"])
def test_slug_must_be_plain(category: WriteCategory, slug: str) -> None:
    category("general").rename(Path(f"categories/{slug}.toml"))

    [problem] = problems(slug)

    assert "the file's name is the category's slug" in problem


def test_one_warning_names_all_keys_without_effect(category: WriteCategory) -> None:
    category(top='description = "x"')

    [warning] = load().warnings

    assert str(warning) == (
        "categories/general.toml: accepted, but not yet in effect in this version: description"
    )


def test_keys_in_effect_cause_no_warning(category: WriteCategory) -> None:
    category()

    assert load().warnings == ()


def test_of_two_logins_the_one_that_is_used_is_told(category: WriteCategory) -> None:
    category(incoming='password = "hunter2"\noauth2 = { provider = "google" }')

    assert loaded().incoming is not None
    [warning] = load().warnings
    assert "incoming.oauth2: is what is used; the password beside it is not" in str(warning)
    assert "hunter2" not in str(warning)
