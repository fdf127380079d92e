"""`listbridge status`"""

from collections.abc import Iterator

import click

from listbridge import bootstrap, clock
from listbridge.cli import output
from listbridge.cli.options import Settings, common
from listbridge.service import status as service
from listbridge.service.status import CategoryStatus, State

_COLUMNS = ("category", "state", "last_poll", "next_poll", "backlog", "done_by")
_POLLED = {State.ACTIVE, State.FAILING, State.PAUSED}


@click.command()
@common
def status(settings: Settings) -> None:
    """Show how each category is doing, what waits, and what needs a person."""
    with bootstrap.store(settings.config, make=False) as (configuration, db):
        found = service.every(configuration, db, clock.now())
        untold = service.untold(configuration, db)
    rows = [_row(one) for one in found]
    nothing = output.no_categories(configuration.service.categories)
    output.show(rows, _COLUMNS, as_json=settings.json, nothing=nothing)
    if not settings.json:
        for sentence in (*_sentences(found), *untold):
            click.echo(output.printable(sentence))


def _row(one: CategoryStatus) -> output.Row:
    waits = one.waits
    return {
        "category": one.category,
        "state": one.state,
        "last_poll": one.last_poll,
        "next_poll": one.next_poll,
        "backlog": waits.unsent,
        "due": waits.due,
        "oldest": waits.oldest,
        "done_by": one.done_by,
        "deferred": waits.deferred,
        "uncertain": waits.uncertain,
        "held_deliveries": waits.held,
        "undecided": waits.received,
        "scheduled": waits.scheduled,
        "held": waits.held_posts,
        "shunted": waits.shunted,
        "paused_until": one.pause.until if one.pause else None,
        "error": one.error,
    }


def _sentences(found: list[CategoryStatus]) -> Iterator[str]:
    """Say what a person should know or do, with the command that shows it."""
    polled = [one for one in found if one.state in _POLLED]
    unserved = [one.category for one in polled if one.next_poll is None]
    if unserved:
        whom = "" if len(unserved) == len(polled) else f" {', '.join(unserved)}"
        yield f"No service is polling{whom}: run `listbridge serve`, or `listbridge poll-once`."
    for hold in {one.hold for one in found if one.hold}:
        yield f"Since {output.time(hold.since)} {hold}."
    for pause in {one.pause.account: one.pause for one in found if one.pause}.values():
        later = pause.until > clock.now()
        again = f"at {output.time(pause.until)}" if later else "with the next round"
        yield (
            f"{pause.account} is paused since {output.time(pause.since)} and tried again {again}: "
            f"{pause.reason}"
        )
    for one in found:
        if one.complaint:
            look = f"; see `listbridge check {one.category}`" if one.state is State.FAILING else ""
            yield f"{one.category}: {one.complaint}{look}"
        for number, what, shown_by in _waiting_for_people(one):
            if number:
                yield f"{one.category}: {what}: {number}; see `listbridge {shown_by}`"


def _waiting_for_people(one: CategoryStatus) -> tuple[tuple[int, str, str], ...]:
    waits, slug = one.waits, one.category
    return (
        (waits.held_posts, "posts held for a moderator", f"held list {slug}"),
        (waits.shunted, "messages set aside", f"shunted list {slug}"),
        (waits.held, "deliveries held", "queue list --state held"),
        (waits.uncertain, "deliveries that may arrive twice", "queue list --state uncertain"),
    )
