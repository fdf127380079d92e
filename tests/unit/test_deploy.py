"""The systemd unit, the container file and the Procfile fit the program they run."""

import re
from pathlib import Path

import pytest

from listbridge.quantities import parse_duration
from tests import command_lines

ROOT = Path(__file__).parents[2]
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")


def _unit() -> dict[str, list[str]]:
    """The settings of the unit; one that stands there more than once has several values."""
    settings: dict[str, list[str]] = {}
    file = ROOT / "deploy" / "listbridge.service"
    for line in file.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings


UNIT = _unit()


def test_the_unit_starts_a_command_that_there_is() -> None:
    [start] = UNIT["ExecStart"]
    _, line = start.split("/bin/listbridge ")

    assert command_lines.problem(line) is None


def test_systemd_waits_until_the_service_has_drained() -> None:
    # It drains for up to 25 seconds after SIGTERM.
    [wait] = UNIT["TimeoutStopSec"]

    assert parse_duration(wait) > parse_duration("25s")


def test_a_wrong_configuration_is_not_tried_again_and_again() -> None:
    assert UNIT["RestartPreventExitStatus"] == ["2"]


def test_the_service_can_tell_whether_other_processes_live() -> None:
    # With ProcSubset=pid the number of the boot, which is part of an owner's name, is hidden.
    assert "ProcSubset" not in UNIT


def test_the_service_may_do_nothing_it_need_not() -> None:
    wanted = {
        "DynamicUser": "yes",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "MemoryDenyWriteExecute": "yes",
        "UMask": "0077",
    }
    assert {name: UNIT[name] for name in wanted} == {name: [x] for name, x in wanted.items()}


@pytest.mark.parametrize(
    ("name", "line"), re.findall(r"^(\w+): *(.+)$", (ROOT / "Procfile").read_text(), re.M)
)
def test_the_procfile_names_commands_that_there_are(name: str, line: str) -> None:
    for call in re.findall(r"listbridge ([^;|&]+)", line):
        assert command_lines.problem(call) is None


def test_the_container_runs_a_command_that_there_is() -> None:
    [arguments] = re.findall(r'^CMD \["(.+)"\]$', CONTAINERFILE, re.MULTILINE)

    assert 'ENTRYPOINT ["listbridge"]' in CONTAINERFILE
    assert command_lines.problem(arguments.replace('", "', " ")) is None


def test_the_container_takes_only_what_is_locked() -> None:
    installs = re.findall(r"pip install ([^&\n\\]+)", CONTAINERFILE)

    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)


def test_everything_the_container_copies_is_there_and_not_ignored() -> None:
    ignore = (ROOT / ".containerignore").read_text(encoding="utf-8")
    copied = [words.split()[:-1] for words in re.findall(r"^COPY ([^-].+)$", CONTAINERFILE, re.M)]

    for name in (name for names in copied for name in names):
        assert (ROOT / name).exists()
        assert f"!{name.split('/')[0]}\n" in ignore


def test_the_container_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\d+)$", CONTAINERFILE, re.MULTILINE)

    assert users
    assert "0" not in users
