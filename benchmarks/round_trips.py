"""Targets 3 and 4: a server 40 ms away, 20 connections."""

from benchmarks import chunking_sink, distance
from benchmarks.measure import Row, against_peer
from benchmarks.members import queue_post, send, settings_for, store
from benchmarks.peers import smtp_sink, with_smtplib

_CONNECTIONS = 20
_ROUND_TRIP = 0.04


def rows() -> list[Row]:
    """Measure; return the lines of the table."""
    with smtp_sink() as sink, distance.relay(sink, _ROUND_TRIP) as port:
        return [*_pipelined(port), _chunked(port)]


def _pipelined(port: int) -> list[Row]:
    return [
        against_peer(
            3,
            "40 ms, 1 recipient a transaction, PIPELINING",
            lambda: _rate(port, 1, 1_000),
            lambda: with_smtplib(port, 400, 1, _CONNECTIONS),
            "smtplib",
            3.5,
        ),
        against_peer(
            4,
            "40 ms, 50 recipients a transaction, PIPELINING",
            lambda: _rate(port, 50, 10_000),
            lambda: with_smtplib(port, 40, 50, _CONNECTIONS),
            "smtplib",
            8,
        ),
    ]


def _chunked(beside: int) -> Row:
    with chunking_sink.running() as sink, distance.relay(sink, _ROUND_TRIP) as port:
        return against_peer(
            3,
            "40 ms, 1 recipient a transaction, CHUNKING",
            lambda: _rate(port, 1, 5_000),
            lambda: with_smtplib(beside, 400, 1, _CONNECTIONS),
            "smtplib",
            15,
        )


def _rate(port: int, recipients: int, members: int) -> float:
    settings = settings_for(port, max_recipients=recipients, max_connections=_CONNECTIONS)
    with store(members) as (db, category_id):
        queue_post(db, category_id)
        return members / send(db, category_id, settings)[0]
