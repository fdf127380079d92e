"""Who may import whom: layers, the independence of the three packages, one adapter a library."""

import io
import logging.config
from contextlib import redirect_stdout
from pathlib import Path

import grimp
import pytest
from importlinter import cli as importlinter

ROOT = Path(__file__).parents[2]

#: The only parts of the program that may import a library (or a module of Python's own).
ADAPTERS = {
    "aiosmtpd": ("listbridge.demo",),
    "aiosmtplib": ("listbridge.submission",),
    "alembic": ("storage",),
    "apscheduler": ("scheduler",),
    "click": ("listbridge.cli", "listbridge.demo"),
    "defusedxml": ("listbridge.mailsession",),
    "email_validator": ("listbridge.message", "listbridge.submission"),
    "fastapi": ("listbridge.web",),
    "imapclient": ("listbridge.mailbox",),
    "imaplib": ("listbridge.mailbox",),
    "mailparser": ("listbridge.message",),
    "poplib": ("listbridge.mailbox",),
    "prometheus_client": ("listbridge.metrics",),
    "proxyprotocol": ("listbridge.demo",),
    "pymap": ("listbridge.demo",),
    "rich": ("listbridge.cli", "listbridge.demo"),
    "smtplib": (),
    "sqlalchemy": ("storage",),
    "sqlite3": ("storage",),
    "starlette": (),
    "structlog": ("listbridge.maillog",),
    "uvicorn": ("listbridge.web",),
}


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph(
        "listbridge", "scheduler", "storage", include_external_packages=True, cache_dir=None
    )


def test_import_contracts_of_pyproject_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    # It would switch off every logger that is there, for the tests that follow as well.
    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)
    report = io.StringIO()
    with redirect_stdout(report):
        status = importlinter.lint_imports(str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == importlinter.EXIT_STATUS_SUCCESS, report.getvalue()


@pytest.mark.parametrize("library", sorted(ADAPTERS))
def test_library_is_imported_by_its_adapter_only(imports: grimp.ImportGraph, library: str) -> None:
    importers = (
        imports.find_modules_that_directly_import(library) if library in imports.modules else set()
    )
    allowed = ADAPTERS[library]
    strangers = {
        module
        for module in importers
        if not any(f"{module}.".startswith(f"{part}.") for part in allowed)
    }
    assert not strangers


def test_graph_knows_the_libraries_by_these_names(imports: grimp.ImportGraph) -> None:
    """Otherwise the test above would find nothing wrong because it finds nothing."""
    assert {"aiosmtplib", "click", "imapclient", "imaplib", "sqlalchemy"} <= imports.modules
