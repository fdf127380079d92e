"""The bounces of twenty years that flufl.bounce is tested with, read from its source package.

Its wheel holds no tests, so they are read from its source package: from a copy kept beside the
virtual environment, else it is fetched as pip fetches everything, and must be the one that is
locked. `FLUFL_BOUNCE_SOURCE` names an archive that is there already. Where it cannot be had the
test is skipped with the reason, and fails in CI.
"""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

from listbridge import bounces

LOCK = Path(__file__).parents[2] / "requirements" / "dev.txt"
VERSION = version("flufl.bounce")
ARCHIVE = f"flufl_bounce-{VERSION}.tar.gz"
KEPT = Path(sys.prefix) / "sources" / ARCHIVE
#: Right are 115 of the 117: one is from a person's program in all but its words, and one says
#: `RE:` in its subject.
LEAST = 0.98


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tarfile.TarFile:
    given = os.environ.get("FLUFL_BOUNCE_SOURCE")
    path = Path(given) if given else KEPT
    if not path.exists():
        said = _fetch(tmp_path_factory.mktemp("source"))
        if not path.exists():
            reason = f"the source package of flufl.bounce {VERSION} cannot be had: {said}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
    _require_locked(path)
    return tarfile.open(path)


def _fetch(folder: Path) -> str:
    """Put the archive where it is kept; return what pip said if it cannot."""
    # pip may be missing in an environment that another program made.
    for python in dict.fromkeys((sys.executable, os.path.realpath(sys.executable))):
        wanted = [f"flufl.bounce=={VERSION}", "--no-binary", "flufl.bounce", "--no-deps"]
        command = [python, "-m", "pip", "download", "--quiet", *wanted, "--dest", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        if done.returncode == 0:
            KEPT.parent.mkdir(exist_ok=True)
            # Whole or not at all: another worker may be looking for it.
            shutil.copy(folder / ARCHIVE, KEPT.with_suffix(f".{os.getpid()}"))
            KEPT.with_suffix(f".{os.getpid()}").replace(KEPT)
            return ""
    return done.stderr.strip().rpartition("\n")[2]


def _require_locked(path: Path) -> None:
    entry = re.search(
        rf"^flufl-bounce=={re.escape(VERSION)} .*(?:\n +.*)+", LOCK.read_text(), re.MULTILINE
    )
    assert entry is not None, "run: make lock"
    assert f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" in entry[0]


def _text(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(f"flufl_bounce-{VERSION}/tests/{name}")
    assert file is not None
    return file.read()


def _truth(archive: tarfile.TarFile) -> dict[str, tuple[set[str], bool]]:
    """Whom each sample reports, and whether it is only delayed; from the table of its own tests."""
    module = ast.parse(_text(archive, "test_detectors.py"))
    tables = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    names = [Path(name).name for name in archive.getnames() if "/tests/data/" in name]
    truth: dict[str, tuple[set[str], bool]] = {x: (set(), False) for x in names if "_" in x}
    truth = {name: none for name, none in truth.items() if name.endswith(".txt")}
    for _detector, name, addresses, delayed in ast.literal_eval(tables["DETECTORS"]):
        if addresses:
            truth[name] = {x.decode().lower() for x in addresses}, delayed
    return truth


def _is_right(raw: bytes, expected: set[str], delayed: bool) -> bool:
    report = bounces.read(raw)
    failures = report.failures if report else ()
    # That a policy is the reason is not distinguished there.
    classes = {"temporary"} if delayed else {"permanent", "policy"}
    return {(x.recipient or "").lower() for x in failures} == expected and all(
        x.class_.value in classes for x in failures
    )


def test_address_and_class_are_right_for_nearly_all(archive: tarfile.TarFile) -> None:
    truth = _truth(archive)

    wrong = [
        name
        for name, (expected, delayed) in truth.items()
        if not _is_right(_text(archive, f"data/{name}"), expected, delayed)
    ]

    assert len(truth) > 110
    assert len(wrong) <= len(truth) * (1 - LEAST), wrong


@pytest.mark.parametrize("name", ["groupwise_03", "qmail_08"])
def test_what_is_no_bounce_among_them_is_none(archive: tarfile.TarFile, name: str) -> None:
    assert bounces.read(_text(archive, f"data/{name}.txt")) is None
