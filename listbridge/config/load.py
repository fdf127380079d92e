"""The whole configuration: the service file and every category file, all errors at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from listbridge.category import Category
from listbridge.config import category_file, conflicts, logins, not_yet, search, templates
from listbridge.config.models import Service
from listbridge.config.problems import Problem
from listbridge.config.service_file import read_service
from listbridge.config.source import Source, read
from listbridge.errors import ConfigError

_NOTHING: Mapping[str, Category] = MappingProxyType({})


@dataclass(frozen=True)
class Configuration:
    """Everything the files say. A category is known by its slug, the stem of its file's name."""

    service: Service
    categories: Mapping[str, Category]  #: the usable ones, by slug
    broken: Mapping[str, tuple[Problem, ...]]  #: what is wrong with other files, by slug
    warnings: tuple[Problem, ...]


def load(
    explicit: Path | None = None, in_effect: Mapping[str, Category] = _NOTHING
) -> Configuration:
    """Read the service file (the one named, else the usual places) and the category files.

    A wrong category file is listed in `broken` and stops nothing else; if that category is
    `in_effect` already, it also stays as it is. A wrong service file raises `ConfigError`, whose
    text lists all problems of all files.
    """
    file = search.service_file(explicit)
    reading = read_service(file)
    categories = _read_categories(reading.service, in_effect)
    problems = [*reading.problems, *(one for some in categories.broken.values() for one in some)]
    if reading.problems:
        raise ConfigError("\n".join(map(str, problems)))
    return replace(categories, warnings=reading.warnings + categories.warnings)


def slugs(explicit: Path | None = None) -> list[str]:
    """Name the categories that have a file, without reading any; raise `ConfigError` as `load`."""
    service = read_service(search.service_file(explicit)).service
    return [path.stem for path in _category_files(service)]


def _read_categories(service: Service, in_effect: Mapping[str, Category]) -> Configuration:
    categories: dict[str, Category] = {}
    broken: dict[str, tuple[Problem, ...]] = {}
    sources: dict[str, Source] = {}
    written = templates.read(service)
    warnings: list[Problem] = [*written.warnings]
    for path in _category_files(service):
        source = read(path)
        slug = source.file.stem
        if isinstance(source, Problem):
            broken[slug] = (source,)
            continue
        sources[slug] = source
        warnings += (*not_yet.warnings(source, not_yet.CATEGORY), *logins.warnings(source))
        category, found = category_file.understand(slug, source.table, service, written.texts)
        if category is None:
            broken[slug] = source.problems(found)
        else:
            categories[slug] = category
            warnings += templates.unknown_language(source, category.language, written.texts)
    categories |= {slug: in_effect[slug] for slug in broken if slug in in_effect}
    for slug, found in conflicts.find(categories).items():
        if slug in sources:
            broken[slug] = sources[slug].problems(found)
        del categories[slug]
    return Configuration(service, categories, broken, tuple(warnings))


def _category_files(service: Service) -> list[Path]:
    try:
        entries = sorted(service.categories.iterdir())
    except FileNotFoundError:
        return []  # Where the folder was asked for by name, the service file has the problem.
    except OSError as err:
        raise ConfigError(
            f"the folder of category files {service.categories} cannot be read: {err.strerror}"
        ) from None
    return [
        path
        for path in entries
        if path.suffix == ".toml" and not path.name.startswith(".") and path != service.file
    ]
