"""What the repository must not hold, and that its lock files fit its dependencies."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]

#: Where packages come from is the business of the machine that installs them. Written in two
#: parts, so that this file does not hold what it forbids.
FORBIDDEN = {
    "a package registry": "pypi" + r"\.org|pythonhosted" + r"\.org|registry\.npm" + r"js\.org",
    "a Debian mirror": "deb\\.debian" + r"\.org|snapshot\.debian" + r"\.org",
    "an index address": "--(extra-)?index" + "-url|--find" + "-links",
    "a machine's own folder": r"(?<![\w.$])/(work|root|home/\w+|opt/(wheels|pypi))" + r"/\w",
}


def _files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_no_file_names_a_place_of_one_machine(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what].encode())
    found = {
        f"{file.relative_to(ROOT)}: {match[0]!r}"
        for file in _files()
        for match in pattern.finditer(file.read_bytes())
    }
    assert not found


def _locked(name: str) -> dict[str, str]:
    pins = re.findall(r"^([\w.-]+)==([\w.+!-]+)", (ROOT / "requirements" / name).read_text(), re.M)
    return {canonicalize_name(package): version for package, version in pins}


def _declared() -> tuple[list[Requirement], list[Requirement]]:
    """What the program with its demonstration needs, and what developers need besides."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = table["project"]
    base = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    return [Requirement(each) for each in base], [
        Requirement(each) for each in table["dependency-groups"]["dev"]
    ]


def test_lock_files_satisfy_the_declared_dependencies() -> None:
    base, dev = _declared()
    for needed, lock in ((base, _locked("base.txt")), (base + dev, _locked("dev.txt"))):
        wrong = [
            f"{each}: locked {lock.get(canonicalize_name(each.name))}"
            for each in needed
            if not each.specifier.contains(lock.get(canonicalize_name(each.name), ""))
        ]
        assert not wrong, "run: make lock"


def test_both_lock_files_agree() -> None:
    dev = _locked("dev.txt")
    assert {name: dev.get(name) for name in _locked("base.txt")} == _locked("base.txt")


@pytest.mark.parametrize("name", ["base.txt", "dev.txt"])
def test_every_locked_package_has_hashes(name: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text())
    pins = [entry for entry in entries if not entry.startswith("#")]
    assert pins
    assert all("--hash=sha256:" in entry for entry in pins)
