"""The wheel holds everything: installed from another folder, it works without the checkout."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import listbridge

ROOT = Path(__file__).parents[2]
PACKAGES = ("listbridge", "scheduler", "storage")


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it; other packages are borrowed from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    _run(*build, "--outdir", folder, ROOT, cwd=folder)
    [wheel] = folder.glob("*.whl")
    environment = folder / "venv"
    venv.create(environment)
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin/python", "install"]
    _run(*pip, "--no-deps", "--no-index", "--disable-pip-version-check", wheel, cwd=folder)
    # The checkout itself, installed for editing, is not borrowed: a .pth file inside a folder
    # that comes from a .pth file is not read.
    _site_packages(environment).joinpath("borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return environment


def _site_packages(environment: Path) -> Path:
    [folder] = environment.glob("lib/python*/site-packages")
    return folder


def _files(folder: Path) -> set[str]:
    return {
        str(file.relative_to(folder))
        for package in PACKAGES
        for file in (folder / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_every_file_of_the_three_packages_is_in_the_wheel(installed: Path) -> None:
    there = _files(_site_packages(installed))
    assert there == _files(ROOT)
    assert {f"{package}/py.typed" for package in PACKAGES} <= there
    assert any(name.startswith("storage/migrations/versions/") for name in there)


def test_module_and_command_run_from_another_folder(installed: Path, elsewhere: Path) -> None:
    ways = (["python", "-m", "listbridge"], ["listbridge"])
    for program, *rest in ways:
        output = _run(installed / "bin" / program, *rest, "--version", cwd=elsewhere)
        assert listbridge.__version__ in output


def test_packages_are_those_of_the_wheel(installed: Path, elsewhere: Path) -> None:
    code = f"import {', '.join(PACKAGES)}; print({', '.join(f'{p}.__file__' for p in PACKAGES)})"
    places = _run(installed / "bin/python", "-c", code, cwd=elsewhere).split()
    assert [Path(place).parents[1] for place in places] == [_site_packages(installed)] * 3


def test_installed_migrations_make_a_database(installed: Path, elsewhere: Path) -> None:
    code = "from storage.opening import open_database; open_database('sqlite:///new.db').close()"
    _run(installed / "bin/python", "-c", code, cwd=elsewhere)
    assert (elsewhere / "new.db").stat().st_size > 0
