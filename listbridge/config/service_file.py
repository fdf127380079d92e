"""The service file: read, checked as a whole, its paths made absolute."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from listbridge.config import alert_account, database_url, not_yet, unsafe
from listbridge.config.known_keys import nearest
from listbridge.config.models import HALVES, Service, ServiceFile
from listbridge.config.problems import Finding, Problem, merged, validate
from listbridge.config.source import Source, read
from listbridge.errors import ConfigError


@dataclass(frozen=True)
class ServiceReading:
    """What a service file came to; with problems, what could still be made of it."""

    service: Service
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def read_service(file: Path | None) -> ServiceReading:
    """Read the service file, or take the defaults; raise `ConfigError` if it is no TOML."""
    folder = file.parent if file else Path.cwd()
    source = read(file) if file else Source(folder)
    if isinstance(source, Problem):
        raise ConfigError(str(source))
    parsed, found = _parse(source.table)
    found += _session_findings(parsed, {one.path for one in found})
    try:
        database = database_url.absolute(parsed.database, folder)
    except ValueError as err:
        database = parsed.database
        found.append(Finding(("database",), str(err)))
    given = dict(parsed) | {"database": database, "categories": folder / parsed.categories}
    alert_settings = alert_account.settings(parsed, folder)
    service = Service(**given, file=file, folder=folder, alert_settings=alert_settings)
    if "categories" in parsed.model_fields_set and not service.categories.is_dir():
        found.append(Finding(("categories",), f"there is no folder {service.categories}"))
    return ServiceReading(
        service,
        source.problems(found),
        (
            *not_yet.warnings(source, not_yet.SERVICE),
            *source.problems(alert_account.warnings(parsed)),
        ),
    )


def no_session(name: str, service: ServiceFile) -> str:
    """Say that there is no such mail session, and which one may have been meant."""
    if not service.mail_sessions:
        return f"there is no mail session {name!r}; the service file defines none"
    return f"there is no mail session {name!r}; {nearest(name, service.mail_sessions)}"


def _parse(table: Mapping[str, Any]) -> tuple[ServiceFile, list[Finding]]:
    parsed, wrong = validate(ServiceFile, table)
    found = merged(unsafe.findings(table), wrong)
    if found:
        # Without what is wrong, so that the rest and the category files are looked at all the same.
        parsed, _ = validate(ServiceFile, _without(table, {one.path for one in found}))
    return parsed or ServiceFile(), found


def _session_findings(service: ServiceFile, blamed: set[tuple[str, ...]]) -> list[Finding]:
    """Check what the mail sessions say; what they leave open, the categories have to supply."""
    found: list[Finding] = []
    for name, session in service.mail_sessions.items():
        for half, model in HALVES.items():
            table = getattr(session, half)
            if table is not None:
                at = ("mail_sessions", name, half)
                found += validate(model, {"host": "left.open"} | table, at)[1]
    alerts = service.alerts.mail_session
    if alerts is not None and alerts not in service.mail_sessions:
        found.append(Finding(("alerts", "mail_session"), no_session(alerts, service)))
    found += alert_account.findings(service)
    return [one for one in found if one.path not in blamed]


def _without(
    table: Mapping[str, Any], paths: set[tuple[str, ...]], at: tuple[str, ...] = ()
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in table.items():
        path = (*at, key)
        if path not in paths:
            kept[key] = _without(value, paths, path) if isinstance(value, dict) else value
    return kept
