"""`listbridge oauth …`"""

import sys
import webbrowser
from collections.abc import Sequence

import click

from listbridge import clock, config
from listbridge.cli import output
from listbridge.cli.group import Group
from listbridge.cli.options import Settings, common, plain_text
from listbridge.oauth2 import access_token, browser, device, token_file, tokens
from listbridge.oauth2.answers import Given
from listbridge.oauth2.errors import OAuth2Error
from listbridge.oauth2.token_file import Tokens
from listbridge.oauth2.tokens import Client
from listbridge.service import consents
from listbridge.service.consents import Account, Half

_COLUMNS = ("account", "provider", "expires", "refreshed", "problem")
# As long as a person may look for the second factor.
_BROWSER_SECONDS = 900.0


@click.group(cls=Group)
@common
@click.pass_context
def oauth(context: click.Context, settings: Settings) -> None:
    """Let listbridge use accounts that want OAuth2 instead of a password."""
    context.obj = settings


@oauth.command()
@click.argument("session")
@click.option("--half", type=click.Choice(["incoming", "outgoing"]))
@click.option("--no-browser", is_flag=True, help="Open no browser; read the address it ends at.")
@common
def login(session: str, half: Half | None, no_browser: bool, settings: Settings) -> None:
    """Ask for the consent to use an account, and keep the tokens that it brings.

    SESSION is a mail session, a category or a user name.
    """
    account = consents.find(config.load(settings.config), session, half)
    who = tokens.client(account.settings, account.username)
    flow = account.settings.effective_flow
    if flow == "client_credentials":
        access_token(account.settings, account.username, newer_than=clock.now())
        found = token_file.read(who.file)
    elif flow == "device":
        found = tokens.keep(who, _by_code(who, account.scopes))
    else:
        found = tokens.keep(who, _by_browser(who, account.scopes, no_browser=no_browser))
    if found is not None:
        _warn(account, found)
    row = _row(account)
    output.show_one(row, as_json=settings.json)


@oauth.command()
@common
def status(settings: Settings) -> None:
    """Show the tokens there are: whose, until when, and what is wrong with them."""
    rows = [_row(one) for one in consents.every(config.load(settings.config))]
    nothing = "Nothing in the configuration logs in by OAuth2."
    output.show(rows, _COLUMNS, as_json=settings.json, nothing=nothing)


def _by_code(who: Client, scopes: Sequence[str]) -> Given:
    prompt = device.begin(who, scopes)
    _tell(f"On any device, open  {prompt.page}")
    _tell(f"and type in          {prompt.user_code}")
    _tell(f"as {who.username}. Waiting …")
    return device.wait(who, prompt)


def _by_browser(who: Client, scopes: Sequence[str], *, no_browser: bool) -> Given:
    with browser.Return() as back:
        asked = browser.question(who, scopes, back.port)
        if not no_browser and webbrowser.open(asked.url):
            _tell(f"A browser shows what to do. Allow it as {who.username}; waiting …")
            return browser.exchange(who, asked, back.wait(asked, _BROWSER_SECONDS))
    _tell(f"Open this address in a browser, on any machine, and allow it as {who.username}:")
    _tell(asked.url)
    _tell("In the end the browser cannot show a page. Copy its address, and paste it here:")
    return browser.exchange(who, asked, plain_text(sys.stdin.readline().strip()))


def _warn(account: Account, found: Tokens) -> None:
    if found.granted_by and found.granted_by.lower() != account.username.lower():
        _tell(
            f"The consent was given as {found.granted_by}, and not as {account.username}: that "
            "works only if the one may use the other's mailbox."
        )
    if account.settings.effective_flow != "client_credentials" and found.refresh_token is None:
        _tell("There came nothing to renew the access with: it ends when the token does.")


def _row(account: Account) -> output.Row:
    problem = None
    try:
        found = token_file.read(account.token_file)
        tokens.client(account.settings, account.username)
    except OAuth2Error as err:
        found, problem = None, str(err)
    if (
        found is None
        and problem is None
        and account.settings.effective_flow != "client_credentials"
    ):
        problem = f"no consent yet; run `listbridge oauth login {account.username}`"
    return {
        "account": account.username,
        "provider": account.settings.title,
        "used_by": list(account.users),
        "flow": account.settings.effective_flow,
        "granted": found.granted_at if found else None,
        "granted_by": found.granted_by if found else None,
        "expires": found.expires_at if found else None,
        "refreshed": found.refreshed_at if found else None,
        "consent_ends": found.consent_ends if found else None,
        "secret_expires": _day(account),
        "file": str(account.token_file),
        "problem": found.refused_because if found and found.refused_because else problem,
    }


def _day(account: Account) -> str | None:
    day = account.settings.secret_expires
    return day.isoformat() if day else None


def _tell(text: str) -> None:
    click.echo(output.printable(text), err=True)
