"""Findings about a whole configuration: categories side by side, told in their order."""

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from listbridge.config import Configuration, templates
from listbridge.service.checking.alerts import check_alerts
from listbridge.service.checking.category import check_category
from listbridge.service.checking.files import broken_file, refused
from listbridge.service.checking.finding import Finding, fine, wrong
from listbridge.service.checking.servers import Accounts
from listbridge.service.checking.store import Store, looked_at
from listbridge.service.checking.umbrellas import check_umbrellas

# A server that does not answer keeps its thread until the time limit.
_AT_ONCE = 32


def check_everything(
    configuration: Configuration,
    named: Sequence[str],
    *,
    offline: bool,
    probe: bool,
    done: Callable[[], None],
) -> Iterator[Finding]:
    """Yield findings about the service and about the categories named, or all of them.

    `done` is called, from any thread, as each category is finished. A category that is not active
    is only looked at if it is named, and the alerts if none is.
    """
    with looked_at(configuration) as store:
        yield from store.findings
        yield from _check_templates(configuration)
        umbrellas = check_umbrellas(configuration, store.db)
        yield from (one for one in umbrellas if not named or one.category in named)
        look = _Look(configuration, store, bool(named), offline, probe)

        def check(slug: str) -> list[Finding]:
            found = look.at(slug)
            done()
            return found

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="check") as threads:
            alerts = () if named else check_alerts(configuration.service, offline=offline)
            of_alerts = threads.submit(_whatever_comes, None, alerts)
            of_categories = threads.map(check, named or every_slug(configuration))
            yield from of_alerts.result()
            for found in of_categories:
                yield from found


def every_slug(configuration: Configuration) -> list[str]:
    """Return the slugs of all category files, right or wrong, in their order."""
    return sorted({*configuration.categories, *configuration.broken})


def _check_templates(configuration: Configuration) -> Iterator[Finding]:
    if configuration.service.templates is None:
        return
    written = templates.read(configuration.service)
    for one in written.warnings:
        yield wrong(None, "templates", str(one), "correct it")
    if not written.warnings:
        number = sum(map(len, written.texts.values()))
        yield fine(None, "templates", f"{number} texts in the place of the built-in ones")


def _whatever_comes(slug: str | None, findings: Iterable[Finding]) -> list[Finding]:
    """Return all findings; never raises."""
    try:
        return list(findings)
    except Exception as err:
        # Whatever a server makes a library raise, it costs this category its findings.
        where = traceback.extract_tb(err.__traceback__)[-1]
        return [wrong(slug, "check", f"{type(err).__name__} in {where.name}", "report this defect")]


@dataclass(frozen=True)
class _Look:
    """What looking at each of several categories needs at hand."""

    configuration: Configuration
    store: Store
    named: bool
    offline: bool
    probe: bool
    accounts: Accounts = field(default_factory=Accounts)

    def at(self, slug: str) -> list[Finding]:
        """Return everything found about one category; never raises."""
        return _whatever_comes(slug, self._findings(slug))

    def _findings(self, slug: str) -> Iterator[Finding]:
        if slug in self.configuration.broken:
            yield from broken_file(slug, self.configuration.broken[slug])
            return
        if slug in self.store.refused:
            yield refused(slug, self.store.refused[slug])
        category = self.configuration.categories[slug]
        if not (category.active or self.named):
            yield fine(slug, "active", "no: neither polled nor sent, and not looked at")
            return
        yield from check_category(
            category,
            offline=self.offline,
            probe=self.probe,
            db=self.store.db,
            accounts=self.accounts,
        )
