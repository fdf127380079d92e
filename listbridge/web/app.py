"""What is answered over HTTP: whether all is well, and the metrics."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from listbridge import clock
from listbridge.metrics import CONTENT_TYPE, Metrics
from listbridge.web import gauges
from listbridge.web.gauges import InEffect
from storage import restored
from storage.database import Database
from storage.errors import StoreError

T = TypeVar("T")

# Readers of the database. A few are enough, and threads that hang on a dead one stay few.
_READERS = 4
_LONGEST_READING_SECONDS = 10
# Many a monitoring asks without wanting the text.
_METHODS = ["GET", "HEAD"]


class Health(Protocol):
    """What the process knows about itself; the database is looked at here."""

    def reasons(self) -> list[str]:
        """Say in sentences without secrets why it cannot work now; empty if it can. At once."""


def make_app(
    db: Database, metrics: Metrics, health: Health, in_effect: Callable[[], InEffect]
) -> FastAPI:
    """Make the application: `/healthz`, `/readyz` and `/metrics`."""
    app = FastAPI(openapi_url=None)  # and so no pages that describe it
    readers = ThreadPoolExecutor(_READERS, thread_name_prefix="web")

    async def reading(function: Callable[[], T]) -> T:
        running = asyncio.get_running_loop().run_in_executor(readers, function)
        return await asyncio.wait_for(running, _LONGEST_READING_SECONDS)

    @app.api_route("/healthz", methods=_METHODS)
    async def healthz() -> Response:
        return PlainTextResponse("alive\n")

    @app.api_route("/readyz", methods=_METHODS)
    async def readyz() -> Response:
        reasons = [*health.reasons()]
        try:
            hold = await reading(lambda: restored.standing(db, clock.now()))
            reasons += [str(one) for one in (db.trouble, hold) if one]
        except StoreError as err:
            reasons = [*reasons, str(err)]
        except TimeoutError:
            reasons = [*reasons, f"the database {db.url} does not answer"]
        return JSONResponse(
            {"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200
        )

    @app.api_route("/metrics", methods=_METHODS)
    async def metrics_() -> Response:
        try:
            text = await reading(lambda: metrics.text(gauges.read(db, in_effect())))
        except TimeoutError:
            text = metrics.text(gauges.DOWN)
        return Response(text, media_type=CONTENT_TYPE)

    return app
