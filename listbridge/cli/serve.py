"""`listbridge serve`"""

import asyncio
import os
import time
from threading import Timer

import click

from listbridge import bootstrap, maillog
from listbridge.bootstrap import Installation
from listbridge.cli.options import Settings, common, opened
from listbridge.errors import ListbridgeError
from listbridge.metrics import Metrics
from listbridge.service.file_watch import FileWatch
from listbridge.service.part import Part
from listbridge.service.parts import mail_parts
from listbridge.service.readiness import Readiness
from listbridge.service.roster import Roster
from listbridge.service.serve import serve as run_service
from listbridge.service.signals import Told
from listbridge.service.store_watch import StoreWatch
from storage.errors import StoreError

_PARTS = ("poll", "send", "web")
# How long the end of a process that has nothing left to do may take.
_LEAVING_SECONDS = 5.0


@click.command()
@click.option(
    "--only",
    "only",
    type=click.Choice(_PARTS),
    multiple=True,
    help="Run only this part; may be given more than once.",
)
@click.option("--watch", is_flag=True, help="Reload when a configuration file changes.")
@common
@click.pass_context
def serve(context: click.Context, only: tuple[str, ...], watch: bool, settings: Settings) -> None:
    """Poll and send until told to stop: SIGTERM ends it, SIGHUP reloads the configuration."""
    maillog.configure(settings.verbose + 1)
    begun = time.time_ns()
    with opened(settings) as installation:
        bootstrap.note_start(installation.db)
        try:
            asyncio.run(_serve(installation, only or _PARTS, begun if watch else None))
        except (ListbridgeError, StoreError):
            raise
        except Exception as err:
            # Python's own words would be many lines, and might quote a message.
            maillog.error("service.failed", error=type(err).__name__, where=maillog.where(err))
            context.exit(1)


async def _serve(
    installation: Installation, only: tuple[str, ...], watch_since: int | None
) -> None:
    roster, told = Roster(installation), Told()
    metrics, readiness, store = Metrics(), Readiness(), StoreWatch(roster)
    parts: list[Part] = [store]
    parts += mail_parts(roster, metrics, store, poll="poll" in only, send="send" in only)
    if "web" in only:
        parts += _web_parts(roster, metrics, readiness, is_all=only == ("web",))
    if watch_since is not None:
        parts.append(FileWatch(roster, told, watch_since))
    drained = await run_service(roster, parts, told, readiness)
    # A thread that waits for a dead server or database would hold the process until its time limit.
    leaving = Timer(_LEAVING_SECONDS if drained else 0.0, os._exit, [0])
    leaving.daemon = True
    leaving.start()


def _web_parts(
    roster: Roster, metrics: Metrics, readiness: Readiness, *, is_all: bool
) -> list[Part]:
    """Build the web part; a port that another service has does not keep mail from moving."""
    # FastAPI takes half a second to import.
    from listbridge.web.part import WebPart
    from listbridge.web.server import CannotListen

    try:
        return [WebPart(roster, metrics, readiness)]
    except CannotListen as err:
        if is_all:
            raise
        maillog.warning("web.failed", error=str(err))
        return []
