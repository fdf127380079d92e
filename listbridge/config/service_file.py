"""The service file: read, checked as a whole, its paths made absolute."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from listbridge.config import alert_account, database_url, logins, not_yet, unsafe
from listbridge.config.gathering import Gathering
from listbridge.config.models import Service, ServiceFile
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
    gathering = Gathering(parsed.mail_sessions, folder)
    sessions = gathering.sessions()
    found = merged(found, [*gathering.findings, *alert_account.findings(parsed, sessions)])
    try:
        database = database_url.absolute(parsed.database, folder)
    except ValueError as err:
        database = parsed.database
        found.append(Finding(("database",), str(err)))
    given = dict(parsed) | {
        "database": database,
        "categories": folder / parsed.categories,
        "templates": None if parsed.templates is None else folder / parsed.templates,
    }
    service = Service(**given, file=file, folder=folder, sessions=sessions)
    alerting = alert_account.settings(parsed, sessions, folder, service.tokens)
    service = service.model_copy(update={"alert_settings": alerting})
    if "categories" in parsed.model_fields_set and not service.categories.is_dir():
        found.append(Finding(("categories",), f"there is no folder {service.categories}"))
    return ServiceReading(
        service,
        source.problems(found),
        (
            *not_yet.warnings(source, not_yet.SERVICE),
            *logins.warnings(source),
            *source.problems(gathering.warnings),
        ),
    )


def _parse(table: Mapping[str, Any]) -> tuple[ServiceFile, list[Finding]]:
    parsed, wrong = validate(ServiceFile, table)
    found = merged(unsafe.findings(table), wrong)
    if found:
        # Without what is wrong, so that the rest and the category files are looked at all the same.
        parsed, _ = validate(ServiceFile, _without(table, {one.path for one in found}))
    return parsed or ServiceFile(), found


def _without(
    table: Mapping[str, Any], paths: set[tuple[str, ...]], at: tuple[str, ...] = ()
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in table.items():
        path = (*at, key)
        if path not in paths:
            kept[key] = _without(value, paths, path) if isinstance(value, dict) else value
    return kept
