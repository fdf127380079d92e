"""One half of a mail session or a category: its paths made absolute."""

from pathlib import Path
from typing import Any, TypeVar

from listbridge.mailbox import IncomingSettings
from listbridge.oauth2 import OAuth2Settings
from listbridge.secret import Secret
from listbridge.submission import DkimSettings, OutgoingSettings

_Half = TypeVar("_Half", IncomingSettings, OutgoingSettings)


def absolute(half: _Half, folder: Path, tokens: Path) -> _Half:
    """Return the settings with their relative paths counted from `folder`.

    `tokens` is where the tokens of OAuth 2.0 are kept unless something else is said.
    """
    changed: dict[str, Any] = {}
    for key in ("ca_file", "client_certificate", "client_key"):
        if (path := getattr(half, key)) is not None:
            changed[key] = folder / path
    if half.password is not None:
        changed["password"] = absolute_secret(half.password, folder)
    if half.oauth2 is not None:
        changed["oauth2"] = _absolute_oauth2(half.oauth2, half.username, folder, tokens)
    return half.model_copy(update=changed) if changed else half


def absolute_secret(secret: Secret, folder: Path) -> Secret:
    """Return the secret with its relative path counted from `folder`."""
    if secret.file is None:
        return secret
    return secret.model_copy(update={"file": folder / secret.file})


def signing(half: OutgoingSettings, folder: Path, address: str) -> OutgoingSettings:
    """Return the settings with their keys' paths absolute, signing for the address's domain.

    Unless they name a domain themselves.
    """
    if half.dkim is None:
        return half
    domain = half.dkim.domain or address.rpartition("@")[2]
    keys = {selector: absolute_secret(key, folder) for selector, key in half.dkim.keys.items()}
    return half.model_copy(update={"dkim": DkimSettings.model_construct(domain=domain, keys=keys)})


def _absolute_oauth2(
    settings: OAuth2Settings, username: str | None, folder: Path, tokens: Path
) -> OAuth2Settings:
    changed: dict[str, Any] = {}
    if settings.token_file is not None:
        changed["token_file"] = folder / settings.token_file
    elif username:
        changed["token_file"] = tokens / settings.file_name(username)
    if settings.client_secret is not None:
        changed["client_secret"] = absolute_secret(settings.client_secret, folder)
    return settings.model_copy(update=changed)
