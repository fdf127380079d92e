"""`listbridge subscribers …`"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from listbridge import clock, maillog
from listbridge.category import Category
from listbridge.cli import output
from listbridge.cli.completion import slugs
from listbridge.cli.erase import erase
from listbridge.cli.group import Group
from listbridge.cli.options import LIMIT, Settings, category_with_members, common, one_line, opened
from listbridge.errors import ConfigError, ListbridgeError
from listbridge.membership import further, options
from listbridge.membership.subscriptions import subscribe, unsubscribe
from listbridge.message import AddressError, key, normalise
from storage import aliases, categories, outbox, posts, tokens
from storage import subscriptions as store
from storage.states import FOR_PEOPLE, Origin, Receives, SubscriptionState
from storage.subscriptions import Subscription
from storage.tokens import Token

_COLUMNS = ("address", "name", "state", "receives")
_KEYS = (
    *_COLUMNS,
    *("origin", "changed_at", "holiday_until", "own_posts", "language", "acknowledge", "also"),
)
_POST = click.IntRange(1, 10**12)
_ACKNOWLEDGE = {"yes": True, "no": False}
_OWN_POSTS = {"yes": True, "no": False, "default": None}


@click.group(cls=Group)
@common
@click.pass_context
def subscribers(context: click.Context, settings: Settings) -> None:
    """Who gets the posts of a category."""
    context.obj = settings


subscribers.add_command(erase)


@subscribers.command("list")
@click.argument("category", shell_complete=slugs)
@click.option("--limit", type=LIMIT, help="Show no more than so many.")
@common
def list_(category: str, limit: int | None, settings: Settings) -> None:
    """List the subscribers of CATEGORY, those removed included."""
    with opened(settings) as installation:
        category_id = category_with_members(installation, category)
        own = key(installation.category(category).address)
        with installation.db.reading() as tx:
            found = store.in_category(tx, category_id)
            asked = tokens.asked(tx, category_id, clock.now())
            also = aliases.in_category(tx, category_id)
    known = {one.key for one in found if one.state is not SubscriptionState.REMOVED}
    waiting = {one.key: one for one in asked if one.key not in known}
    rows = [subscriber_row(one, also) for one in found if one.key not in waiting]
    rows += [_unconfirmed(one) for one in waiting.values()]
    output.show(
        sorted(rows, key=lambda row: str(row["address"]).lower())[:limit],
        (*_COLUMNS, "also") if also else _COLUMNS,
        as_json=settings.json,
        nothing=f"{category} has no subscribers.",
    )
    if any(one.key == own and one.state is SubscriptionState.ACTIVE for one in found):
        sentence = f"listbridge: warning: {category} is subscribed to itself; remove it"
        click.echo(sentence, err=True)


@subscribers.command()
@click.argument("category", shell_complete=slugs)
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.option("--name", default="", callback=one_line, help="The person's name.")
@common
def add(category: str, addresses: tuple[str, ...], name: str, settings: Settings) -> None:
    """Subscribe each ADDRESS to CATEGORY."""
    with opened(settings) as installation:
        category_id = category_with_members(installation, category)
        normal = _normal(addresses)
        if key(installation.category(category).address) in map(key, normal):
            raise ConfigError(f"{category} cannot be subscribed to itself; nobody was subscribed")
        with installation.db.transaction() as tx:
            for address in normal:
                subscribe(tx, category_id, address, name, Origin.ADMIN)
    _tell(category, added=len(normal), addresses=normal)
    click.echo(f"{category}: {len(normal)} subscribed.", err=True)


@subscribers.command()
@click.argument("category", shell_complete=slugs)
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@common
@click.pass_context
def remove(
    context: click.Context, category: str, addresses: tuple[str, ...], settings: Settings
) -> None:
    """End the subscription of each ADDRESS, and cancel what was still to be sent to it."""
    gone: list[str] = []
    missing: list[str] = []
    with opened(settings) as installation:
        category_id = category_with_members(installation, category)
        normal = _normal(addresses)
        with installation.db.transaction() as tx:
            for address in normal:
                found = unsubscribe(tx, category_id, address, Origin.ADMIN)
                (gone if found else missing).append(address)
    if gone:
        _tell(category, removed=len(gone), addresses=gone)
    click.echo(f"{category}: {len(gone)} unsubscribed.", err=True)
    for address in missing:
        click.echo(f"listbridge: {address} is not subscribed to {category}", err=True)
    if missing:
        context.exit(1)


@subscribers.command("set")
@click.argument("category", shell_complete=slugs)
@click.argument("address")
@click.option("--name", callback=one_line, help="The person's name.")
@click.option("--receives", type=click.Choice([x.value for x in Receives]))
@click.option("--state", type=click.Choice(["active", "suspended"]))
@click.option("--holiday", metavar="DATE", help="No posts before this day (UTC); or `off`.")
@click.option("--own-posts", type=click.Choice([*_OWN_POSTS]), help="Whether he gets his own.")
@click.option("--language", callback=one_line, help="Of notices, such as `de`; or `default`.")
@click.option("--also", multiple=True, metavar="OTHER", help="He writes from OTHER, too.")
@click.option("--not-also", multiple=True, metavar="OTHER", help="He does no longer.")
@click.option(
    "--acknowledge",
    type=click.Choice([*_ACKNOWLEDGE]),
    help="Whether he is told when a post of his was accepted.",
)
@click.option(
    "--mute", type=_POST, metavar="POST", help="Leave him out of the thread of this post."
)
@click.option("--unmute", type=_POST, metavar="POST", help="Let him have it again.")
@common
def set_(
    category: str,
    address: str,
    name: str | None,
    receives: str | None,
    state: str | None,
    holiday: str | None,
    own_posts: str | None,
    language: str | None,
    also: tuple[str, ...],
    not_also: tuple[str, ...],
    acknowledge: str | None,
    mute: int | None,
    unmute: int | None,
    settings: Settings,
) -> None:
    """Change what is known of a subscriber, or how he gets the posts."""
    wanted = {"name": name, "receives": receives, "state": state}
    values: dict[str, str | bool | datetime | None] = {
        option: value for option, value in wanted.items() if value is not None
    }
    if holiday is not None:
        values["holiday_until"] = _holiday(holiday)
    if own_posts is not None:
        values["own_posts"] = _OWN_POSTS[own_posts]
    if acknowledge is not None:
        values["acknowledge"] = _ACKNOWLEDGE[acknowledge]
    threads = {mute: options.Muting(mute, True)} if mute is not None else {}
    threads |= {unmute: options.Muting(unmute, False)} if unmute is not None else {}
    if not (values or threads or also or not_also or language):
        raise click.UsageError(
            "say what to set: --name, --receives, --state, --holiday, --own-posts, --language, "
            "--acknowledge, --mute, --unmute, --also or --not-also"
        )
    with opened(settings) as installation:
        category_id = category_with_members(installation, category)
        if language is not None:
            values["language"] = _language(language, installation.category(category))
        address_key = key(*_normal([address]))
        more, less = _normal(also), _normal(not_also)
        with installation.db.transaction() as tx:
            categories.lock(tx, category_id)
            one = store.find(tx, category_id, address_key)
            if one is None or one.state is SubscriptionState.REMOVED:
                raise ListbridgeError(f"{address} is not subscribed to {category}")
            if receives in FOR_PEOPLE and categories.is_address(tx, address_key):
                raise ListbridgeError(
                    f"{one.address} is a list here; it can have each post, or none, since a list "
                    "takes anything else for a stranger's mail"
                )
            if values:
                store.change(tx, category_id, address_key, clock.now(), **values)
            if state == "suspended" and one.state is SubscriptionState.ACTIVE:
                outbox.cancel_for(tx, category_id, address_key)
            for other in less:
                if not aliases.remove(tx, one.id, key(other)):
                    raise ListbridgeError(f"{other} is no further address of {one.address}")
            for other in more:
                further.add(tx, installation.category(category), category_id, one, other)
            for post_id, muting in threads.items():
                post = posts.find(tx, post_id)
                if post is None or post.category_id != category_id:
                    raise ListbridgeError(f"{category} has no post {post_id}")
                options.choose(tx, category_id, address_key, muting, clock.now())


def _holiday(text: str) -> datetime | None:
    try:
        return options.holiday(text, clock.now())
    except options.NoSuchOption as err:
        raise click.UsageError(str(err)) from None


def _language(text: str, category: Category) -> str | None:
    try:
        return options.language(text, category.texts)
    except options.NoSuchOption as err:
        raise ConfigError(f"{err}, and a file in `templates` can add others") from None


def _tell(
    category: str,
    *,
    added: int | None = None,
    removed: int | None = None,
    addresses: Sequence[str] | None = None,
) -> None:
    maillog.info(
        "subscribers.changed",
        category=category,
        by="admin",
        added=added,
        removed=removed,
        addresses=addresses,
    )


def _normal(addresses: Sequence[str]) -> list[str]:
    """Check what the command line names, before anything is done; each address is there once."""
    found: dict[str, str] = {}
    try:
        for one in map(normalise, addresses):
            found.setdefault(key(one), one)
    except AddressError as err:
        raise ConfigError(str(err)) from None
    return list(found.values())


def _unconfirmed(one: Token) -> output.Row:
    """Somebody who has been asked whether he wants to be subscribed."""
    return dict.fromkeys(_KEYS) | {
        "address": one.address,
        "name": one.detail,
        "state": SubscriptionState.UNCONFIRMED,
        "receives": Receives.EACH,
        "origin": Origin.PERSON,
        "also": [],
    }


def subscriber_row(one: Subscription, also: Mapping[int, list[str]]) -> output.Row:
    """Show a subscription; `also` are the further addresses of all, by its id."""
    return {
        "address": one.address,
        "name": one.name,
        "state": one.state,
        "receives": one.receives,
        "origin": one.origin,
        "changed_at": one.changed_at,
        "holiday_until": one.holiday_until,
        "own_posts": one.own_posts,
        "language": one.language,
        "also": also.get(one.id, []),
        "acknowledge": one.acknowledge,
    }
