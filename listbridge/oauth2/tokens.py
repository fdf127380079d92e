"""An access token that is good now: from its file, or refreshed, once, whoever needs it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from listbridge import clock, guard, maillog
from listbridge.errors import ListbridgeError
from listbridge.oauth2 import answers, http, token_file
from listbridge.oauth2.answers import Given
from listbridge.oauth2.errors import TokenRefused
from listbridge.oauth2.http import Answer
from listbridge.oauth2.sasl import AccessToken
from listbridge.oauth2.settings import OAuth2Settings
from listbridge.oauth2.token_file import Tokens, Writer

# A login that begins with a token must also end with it; of short-lived ones a share of their life.
_MARGIN = timedelta(minutes=5)
_MARGIN_SHARE = 0.2
# One refresh and a little more: longer nobody holds the lock.
_LOCK_SECONDS = 45.0


@dataclass(frozen=True)
class Client:
    """Who asks: the program as the provider knows it, for one user."""

    settings: OAuth2Settings
    username: str
    client_id: str
    file: Path

    @property
    def title(self) -> str:
        """Name the provider."""
        return self.settings.title

    def secret(self) -> str | None:
        """Return the client secret, if there is one; raise `TokenRefused`."""
        if self.settings.client_secret is None:
            return None
        try:
            return guard.safe(self.settings.client_secret.reveal(), "the client secret")
        except ListbridgeError as err:
            raise TokenRefused(err.fault, cure=err.cure or "check client_secret") from None

    def ask(self, fields: dict[str, str]) -> Answer:
        """Return what the token endpoint answers; raise `OAuth2Error`."""
        secret = self.secret()
        identity = {"client_id": self.client_id} | ({"client_secret": secret} if secret else {})
        return http.post(self.settings.token_url, identity | fields)

    def given(self, answer: Answer, *secrets: str) -> Given:
        """Return the tokens in an answer, or raise what it means; it must not repeat `secrets`."""
        hidden = [*secrets, self.secret() or ""]
        return answers.given(answer, self.title, self.username, hidden)

    def tokens(self, given: Given, now: datetime) -> Tokens:
        """Return what a person's consent has brought, ready to be saved."""
        return Tokens(
            username=self.username,
            client_id=self.client_id,
            token_endpoint=self.settings.token_url,
            access_token=given.access_token,
            expires_at=now + given.lifetime,
            refreshed_at=now,
            refresh_token=given.refresh_token,
            granted_at=now,
            granted_by=given.granted_by,
            consent_ends=now + given.consent_lasts if given.consent_lasts else None,
        )

    def owns(self, tokens: Tokens) -> bool:
        """Say whether these were given to this client, for this user."""
        own = (self.username, self.client_id, self.settings.token_url)
        return own == (tokens.username, tokens.client_id, tokens.token_endpoint)


def client(settings: OAuth2Settings, username: str | None) -> Client:
    """Return who asks; raise `TokenRefused` where the settings leave something open."""
    if not username:
        raise TokenRefused("oauth2 needs a user name", cure="set username beside oauth2")
    if settings.client_id is None:
        raise TokenRefused(
            f"there is no client_id for {settings.title}",
            cure="register an application there, and set its client_id in oauth2",
        )
    if settings.token_file is None:
        raise TokenRefused("there is no place for tokens", cure="set token_file in oauth2")
    return Client(settings, username, settings.client_id, settings.token_file)


def access_token(
    settings: OAuth2Settings,
    username: str | None,
    *,
    refused: AccessToken | None = None,
    newer_than: datetime | None = None,
) -> AccessToken:
    """Return a token that is good for some time yet; blocks on the network where it has to.

    `refused` is one that a mail server would not take: unless another has come meanwhile, it is
    refreshed. So it is if the last refresh was not `newer_than` that moment. Raises `TokenRefused`
    where a person has to do something, `TokenUnavailable` where it is to be tried again.
    """
    who = client(settings, username)

    def is_good(tokens: Tokens) -> bool:
        fresh = newer_than is None or tokens.refreshed_at > newer_than
        return fresh and _is_good(tokens, clock.now()) and AccessToken(_text(tokens)) != refused

    found = token_file.read(who.file)
    if found is None and settings.effective_flow == "client_credentials":
        found = _first(who)
    if found is None:
        raise TokenRefused(
            f"nobody has allowed listbridge to use {username} at {who.title} yet",
            cure=f"run `listbridge oauth login {username}`",
        )
    if who.owns(found) and is_good(found):
        return AccessToken(_text(found))
    with token_file.locked(who.file, _LOCK_SECONDS):
        tokens = token_file.read(who.file)
        if tokens is None:
            raise TokenRefused(f"the token file {who.file} has just been removed")
        if not (who.owns(tokens) and is_good(tokens)):
            if tokens.refused_at is not None and tokens.refused_at != found.refused_at:
                # Whoever had the lock before was told so just now.
                raise TokenRefused(tokens.refused_because or "the refresh was refused")
            tokens = _refreshed(who, tokens)
    return AccessToken(_text(tokens))


def keep(who: Client, given: Given) -> Tokens:
    """Save what a person's consent has brought, in the place of what was there."""
    tokens = who.tokens(given, clock.now())
    # Whoever is just refreshing the old ones must not put them back.
    with token_file.locked(who.file, _LOCK_SECONDS), Writer(who.file) as writer:
        writer.replace(tokens)
    maillog.info("oauth.granted", username=who.username, until=tokens.consent_ends)
    return tokens


def _first(who: Client) -> Tokens:
    """Make a token file without a token in it: no person has to do it, and it can be locked."""
    now = clock.now()
    empty = Tokens(
        username=who.username,
        client_id=who.client_id,
        token_endpoint=who.settings.token_url,
        expires_at=now,
        refreshed_at=now - _MARGIN,
    )
    with Writer(who.file) as writer:
        writer.put_unless_there(empty)
    return empty


def _is_good(tokens: Tokens, now: datetime) -> bool:
    life = tokens.expires_at - tokens.refreshed_at
    # One that comes from the future was given before the clock was set back.
    is_past = tokens.refreshed_at <= now + _MARGIN
    margin = min(_MARGIN, life * _MARGIN_SHARE)
    return tokens.access_token is not None and is_past and now < tokens.expires_at - margin


def _text(tokens: Tokens) -> str:
    return tokens.access_token or ""


def _refreshed(who: Client, old: Tokens) -> Tokens:
    """Ask for a new token, and save what comes before anybody uses it; the lock is held."""
    fields = _fields(who, old)
    with Writer(who.file) as writer:
        try:
            given = who.given(who.ask(fields), *old.secrets())
        except TokenRefused as err:
            writer.replace(old.refused(str(err), clock.now()))
            maillog.warning("oauth.refused", username=who.username, reason=str(err))
            raise
        new = _joined(who, old, given, clock.now())
        writer.replace(new)
    maillog.info("oauth.refreshed", username=who.username, until=new.expires_at)
    if given.access_token is None or given.lifetime <= timedelta(0):
        raise answers.unusable(who.title, who.username)
    return new


def _fields(who: Client, old: Tokens) -> dict[str, str]:
    if who.settings.effective_flow == "client_credentials":
        # RFC 6749 4.4.2.
        scope = " ".join(who.settings.scopes())
        return {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
    if not who.owns(old):
        raise TokenRefused(
            f"the token file {who.file} was made for another user, client_id or provider",
            cure=f"run `listbridge oauth login {who.username}`, or set another token_file",
        )
    if old.refresh_token is None:
        raise TokenRefused(
            f"the access token for {who.username} has ended, and {who.title} gave none to renew it",
            cure=f"run `listbridge oauth login {who.username}`",
        )
    # RFC 6749 6: without a scope it is the one of the consent.
    return {"grant_type": "refresh_token", "refresh_token": old.refresh_token}


def _joined(who: Client, old: Tokens, given: Given, now: datetime) -> Tokens:
    """Return what is known after a refresh; what was not given anew stays as it was."""
    new: dict[str, object] = {
        "username": who.username,
        "client_id": who.client_id,
        "token_endpoint": who.settings.token_url,
        "access_token": given.access_token,
        "expires_at": now + given.lifetime,
        "refreshed_at": now,
        "refused_because": None,
        "refused_since": None,
        "refused_at": None,
    }
    if given.refresh_token is not None:
        new["refresh_token"] = given.refresh_token
    if given.consent_lasts is not None:
        new["consent_ends"] = now + given.consent_lasts
    return old.model_copy(update=new)
