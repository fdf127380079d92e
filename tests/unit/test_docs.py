"""Every command has help, and every command, option, key and setting stands in the documents."""

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import time, timedelta
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from listbridge.category import (
    BounceSettings,
    Category,
    DigestSettings,
    Members,
    MessageSettings,
    Moderation,
    Posting,
)
from listbridge.cli import command
from listbridge.config import not_yet
from listbridge.config.models import (
    Alerts,
    CategoryFile,
    MailSession,
    ServiceFile,
    Subscribers,
    Web,
)
from listbridge.intake.tally import Tally
from listbridge.mailbox import IncomingSettings
from listbridge.oauth2 import OAuth2Settings
from listbridge.posting import HeaderRule
from listbridge.quantities import parse_duration, parse_size
from listbridge.submission import DkimSettings, OutgoingSettings

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = (DOCS / "commands.md").read_text(encoding="utf-8")
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")

#: The models, under the heading or table that describes them.
MODELS: dict[str, type[BaseModel]] = {
    "## The service file": ServiceFile,
    "`[web]`": Web,
    "`[alerts]`": Alerts,
    "`[mail_sessions.NAME]`": MailSession,
    "## A category": CategoryFile,
    "### `[incoming]`": IncomingSettings,
    "### `[outgoing]`": OutgoingSettings,
    "`[outgoing.dkim]`": DkimSettings,
    "### `[posting]`": Posting,
    "`[[posting.headers]]`": HeaderRule,
    "### `[members]`": Members,
    "### `[message]`": MessageSettings,
    "### `[bounces]`": BounceSettings,
    "### `[moderation]`": Moderation,
    "### `[digest]`": DigestSettings,
    "### `[subscribers]`": Subscribers,
    "## OAuth2": OAuth2Settings,
}


def _commands(
    group: click.Command = command, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(group, click.Group):
        yield " ".join(path), group
        return
    for name, one in group.commands.items():
        yield from _commands(one, (*path, name))


EVERY = dict(_commands())


def test_the_commands_were_found() -> None:
    assert {"poll-once", "queue retry", "category rename", "audit"} <= EVERY.keys()


@pytest.mark.parametrize("name", EVERY)
def test_every_command_has_help_and_a_place_in_the_documents(name: str) -> None:
    one = EVERY[name]

    assert (one.help or "").strip().endswith(".")
    # A long line goes on in the next ones, further to the right.
    usage = re.search(rf"^    listbridge {name}\b.*(?:\n {{5,}}.*)*$", COMMANDS, re.MULTILINE)
    assert usage, f"no usage line for {name}"
    for option in one.params:
        if isinstance(option, click.Option):
            assert option.help or isinstance(option.type, click.Choice), option.name
            if option.name not in ("config", "as_json", "verbose"):
                assert option.opts[0] in usage[0]


@pytest.mark.parametrize("name", EVERY)
def test_every_command_takes_config_json_and_verbose(name: str) -> None:
    options = {option for one in EVERY[name].params for option in one.opts}
    assert {"--config", "--json", "--verbose"} <= options


def _groups(group: click.Group = command) -> Iterator[click.Group]:
    yield group
    for one in group.commands.values():
        if isinstance(one, click.Group):
            yield from _groups(one)


def test_every_group_has_help_and_no_line_of_it_is_cut() -> None:
    groups = list(_groups())
    assert len(groups) >= 6
    for one in groups:
        assert one.help
        with click.Context(one, terminal_width=80) as context:
            _usage, *lines = one.get_help(context).splitlines()
        assert not [line for line in lines if line.endswith("...")]


def test_no_document_describes_an_option_that_there_is_not() -> None:
    known = {option for one in EVERY.values() for each in one.params for option in each.opts}
    assert set(re.findall(r"--[a-z][a-z0-9-]+", COMMANDS)) <= known | {"--help"}


def _section(heading: str) -> str:
    """What stands between this heading or table title and the next."""
    behind = CONFIGURATION.split(f"\n{heading}", 1)[1]
    return re.split(r"\n(?:#|`\[)", behind, maxsplit=1)[0]


def _keys_of(section: str) -> set[str]:
    cells = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("heading", MODELS)
def test_every_key_is_described_and_no_other(heading: str) -> None:
    aliases = {"from_": "from"}
    names = {aliases.get(name, name) for name in MODELS[heading].model_fields}
    tables = {"web", "alerts", "mail_sessions", "posting", "message", "bounces", "subscribers"}
    if heading == "## A category":
        tables |= {"incoming", "outgoing", "members", "moderation", "digest"}

    assert _keys_of(_section(heading)) == names - tables


def _is_marked(heading: str, key: str) -> bool:
    section = _section(heading)
    row = next(x for x in section.splitlines() if x.startswith("| `") and f"`{key}`" in x)
    return "**(not yet)**" in row or "**(not yet)**" in section.splitlines()[0]


def _marked(headings: dict[str, str]) -> set[str]:
    """Every key that the document says is not in effect yet, as `not_yet` writes it."""
    return {
        f"{prefix}{key}"
        for heading, prefix in headings.items()
        for key in _keys_of(_section(heading))
        if _is_marked(heading, key)
    }


def test_keys_without_effect_are_marked_and_no_others() -> None:
    service = {
        "## The service file": "",
        "`[web]`": "web.",
        "`[alerts]`": "alerts.",
        "`[mail_sessions.NAME]`": "mail_sessions.*.",
    }
    category = {
        "## A category": "",
        "### `[incoming]`": "incoming.",
        "### `[outgoing]`": "outgoing.",
        "### `[posting]`": "posting.",
        "### `[members]`": "members.",
        "### `[message]`": "message.",
        "### `[bounces]`": "bounces.",
        "### `[moderation]`": "moderation.",
        "### `[digest]`": "digest.",
        "### `[subscribers]`": "subscribers.",
    }
    whole = {"alerts.*": {"alerts.to", "alerts.mail_session"}}
    halves = re.compile(r"mail_sessions\.\*\.(incoming|outgoing)\.")  # described with the category
    expected = {x for key in not_yet.SERVICE for x in whole.get(key, {key})}

    assert _marked(service) == {key for key in expected if not halves.match(key)}
    assert _marked(category) == set(not_yet.CATEGORY)


@pytest.mark.parametrize(
    "model",
    [
        Category,
        IncomingSettings,
        OutgoingSettings,
        Posting,
        Members,
        BounceSettings,
        DigestSettings,
        Moderation,
    ],
)
def test_defaults_that_are_written_down_are_the_real_ones(model: type[BaseModel]) -> None:
    headings = {found: heading for heading, found in MODELS.items()} | {Category: "## A category"}
    section = _section(headings[model])
    written = dict(re.findall(r"^\| `(\w+)` \| `([^|`]+)` \|", section, re.MULTILINE))

    assert written
    for key, text in written.items():
        if key != "move_to":  # it has a default only together with `after_fetch`
            default = model.model_fields[key].default
            assert _as_written(text, default) == default, key


def _as_written(text: str, default: object) -> object:
    """Read a default as the configuration would."""
    value = text.strip('"')
    if isinstance(default, timedelta):
        return parse_duration(value)
    if isinstance(default, bool):
        return {"true": True, "false": False}[value]
    if isinstance(default, time):
        return time.fromisoformat(value)
    return parse_size(value) if value.endswith("MB") else type(default)(value)


def test_every_number_of_poll_once_is_described() -> None:
    names = {one.name for one in fields(Tally)} - {"category", "warnings", "trouble"}
    assert names <= set(re.findall(r"`(\w+)`", COMMANDS.split("## poll-once")[1].split("\n## ")[0]))
