"""Thousands of categories with real polls, a tenth of them on a host that swallows connections.

LISTBRIDGE_SOAK_CATEGORIES and LISTBRIDGE_SOAK_SECONDS make it smaller and shorter.
"""

import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.letters import letter
from tests.program import Program, category_toml
from tests.servers import dovecot as dovecot_server
from tests.servers.certificates import Certificates
from tests.servers.process import free_ports, wait_until

CATEGORIES = int(os.environ.get("LISTBRIDGE_SOAK_CATEGORIES", "5000"))
SECONDS = int(os.environ.get("LISTBRIDGE_SOAK_SECONDS", "1200"))
MORE = 'poll_every = "5m"\n[posting]\nnon_members = "accept"'
MOST_MEGABYTES = 500


@contextmanager
def _black_hole() -> Iterator[int]:
    """A port of localhost that takes connections and never says a word."""
    taken = []
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as server:

        def swallow() -> None:
            while True:
                try:
                    taken.append(server.accept())
                except OSError:
                    return

        threading.Thread(target=swallow, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for one, _ in taken:
        one.close()


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 900)
def test_thousands_of_categories_are_polled_in_time(
    tmp_path: Path, certificates: Certificates
) -> None:
    program, [web] = Program(tmp_path), free_ports(1)
    program.write_service(f'[web]\nlisten = "127.0.0.1:{web}"\n')
    slugs = [f"list{number}" for number in range(CATEGORIES)]
    dead = slugs[::10]
    with dovecot_server.running(certificates) as imap, _black_hole() as hole:
        for slug in slugs:
            if slug in dead:
                host = f'host = "localhost"\nport = {hole}\nsecurity = "none"\npassword = "x"'
                toml = f'address = "{slug}@example.org"\n{MORE}\n[incoming]\n{host}\nidle = false\n'
            else:
                imap.add_user(slug, "secret")
                toml = category_toml(slug, dovecot=imap, more=MORE, incoming="idle = false")
            program.write_category(slug, toml)
        living = [slug for slug in slugs if slug not in dead]
        with program.serving() as service:
            deadline = time.monotonic() + SECONDS
            number = 0
            while time.monotonic() < deadline:
                imap.deliver(living[number % len(living)], letter(number))
                number += 1
                time.sleep(1)
            metrics = _ask(web)
            megabytes = _memory_mb(service.process.pid)
            wait_until(lambda: not any(map(imap.messages, living)), "all is taken in", 600)
            assert service.stop() == 0
    program.audit()
    polls = _buckets(metrics, "listbridge_poll_lateness_seconds")
    print(f"{number} letters, {CATEGORIES} categories, {SECONDS} s: {megabytes} MB; ", polls)
    assert megabytes < MOST_MEGABYTES


def _ask(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def _buckets(metrics: str, name: str) -> dict[str, float]:
    """Return the share of a histogram's observations up to each bound."""
    found = re.findall(rf'^{name}_bucket{{le="([^"]+)"}} (\S+)$', metrics, re.MULTILINE)
    total = float(found[-1][1]) or 1.0
    return {bound: round(float(count) / total, 4) for bound, count in found} | {"polls": total}


def _memory_mb(pid: int) -> int:
    """Return the most memory that a process has had resident (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
