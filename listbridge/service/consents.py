"""The accounts that log in by OAuth 2.0, whoever uses them: one for each token file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from listbridge.category import Category
from listbridge.config import Configuration, Service, session_alone
from listbridge.errors import ConfigError
from listbridge.mailbox import IncomingSettings
from listbridge.oauth2 import OAuth2Settings
from listbridge.submission import OutgoingSettings

Half = Literal["incoming", "outgoing"]
_HALVES: tuple[Half, Half] = ("incoming", "outgoing")
_Settings = IncomingSettings | OutgoingSettings | None


@dataclass(frozen=True)
class Account:
    """One user at one provider."""

    settings: OAuth2Settings
    username: str
    token_file: Path
    scopes: tuple[str, ...]  #: all that its users need
    users: tuple[str, ...]  #: categories and mail sessions, by name


@dataclass(frozen=True)
class _Use:
    name: str
    half: Half
    settings: OAuth2Settings
    username: str
    token_file: Path
    need: str  #: "imap", "pop3" or "smtp"


def every(configuration: Configuration) -> list[Account]:
    """Return all accounts of the usable categories and of the mail sessions."""
    return _accounts(_uses(configuration.service, configuration.categories))


def in_effect(
    categories: Mapping[str, Category], alert_settings: OutgoingSettings | None
) -> list[Account]:
    """Return the accounts of these categories and of the alerts."""
    found = list(_of_categories(categories))
    return _accounts([*found, *_use("alerts", "outgoing", alert_settings)])


def find(configuration: Configuration, name: str, half: Half | None) -> Account:
    """Return the account of a category, a mail session or a user name; raise `ConfigError`.

    Asked for a whole consent, it is one for all that use the account.
    """
    if name in configuration.broken:
        raise ConfigError("\n".join(map(str, configuration.broken[name])))
    uses = list(_uses(configuration.service, configuration.categories))
    meant = {
        use.token_file
        for use in uses
        if name in (use.name, use.username) and half in (None, use.half)
    }
    if not meant:
        raise ConfigError(_nobody(name, uses))
    if len(meant) > 1:
        raise ConfigError(f"{name!r} has two accounts; add --half incoming or --half outgoing")
    return next(one for one in _accounts(uses) if one.token_file in meant)


def _nobody(name: str, uses: list[_Use]) -> str:
    known = ", ".join(sorted({use.name for use in uses} | {use.username for use in uses}))
    if not known:
        return "nothing in the configuration logs in by OAuth2; see `oauth2` in [incoming]"
    return f"nothing called {name!r} logs in by OAuth2 with a user name; what does: {known}"


def _uses(service: Service, categories: Mapping[str, Category]) -> Iterator[_Use]:
    yield from _of_categories(categories)
    for name in service.mail_sessions:
        for half in _HALVES:
            yield from _use(name, half, session_alone.settings(service, name, half))


def _of_categories(categories: Mapping[str, Category]) -> Iterator[_Use]:
    for slug, category in categories.items():
        yield from _use(slug, "incoming", category.incoming)
        yield from _use(slug, "outgoing", category.outgoing)


def _use(name: str, half: Half, settings: _Settings) -> Iterator[_Use]:
    if settings is None or settings.oauth2 is None or not settings.username:
        return
    file = settings.oauth2.token_file
    if file is not None:
        need = settings.protocol if isinstance(settings, IncomingSettings) else "smtp"
        yield _Use(name, half, settings.oauth2, settings.username, file, need)


def _accounts(uses: Iterator[_Use] | list[_Use]) -> list[Account]:
    by_file: dict[Path, list[_Use]] = {}
    for use in uses:
        by_file.setdefault(use.token_file, []).append(use)
    return [_account(file, some) for file, some in by_file.items()]


def _account(file: Path, uses: list[_Use]) -> Account:
    needs = {use.need for use in uses}
    scopes = dict.fromkeys(scope for use in uses for scope in use.settings.scopes(*needs))
    names = dict.fromkeys(use.name for use in uses)
    return Account(uses[0].settings, uses[0].username, file, tuple(scopes), tuple(names))
