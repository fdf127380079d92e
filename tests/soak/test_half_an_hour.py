"""Half an hour of `serve`: mail in twenty lists, servers that restart, reloads, and a clean end.

LISTBRIDGE_SOAK_SECONDS makes it shorter or longer.
"""

import os
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.letters import body_of, letter
from tests.program import Program, Serving, category_toml
from tests.servers import dovecot as dovecot_server
from tests.servers import postfix as postfix_server
from tests.servers.certificates import Certificates
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Relay, split_trace
from tests.servers.process import wait_until

SECONDS = int(os.environ.get("LISTBRIDGE_SOAK_SECONDS", "1800"))
LISTS = 20
READERS = 3
PAUSE_SECONDS = 0.5  # between letters
MORE = 'poll_every = "10s"\n[posting]\nnon_members = "accept"'
# After a warm-up of a sixth of the time, memory may grow by so much.
GROWTH = 1.10


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 900)
def test_everything_arrives_once_and_memory_stays_flat(
    tmp_path: Path, certificates: Certificates, record_property: Callable[[str, object], None]
) -> None:
    program = Program(tmp_path)
    slugs = [f"list{number}" for number in range(LISTS)]
    readers = {slug: [f"{slug}-reader{n}" for n in range(READERS)] for slug in slugs}
    with ExitStack() as stack:
        imap = stack.enter_context(dovecot_server.running(certificates))
        relay = stack.enter_context(postfix_server.running(certificates))
        relay.add_users([name for names in readers.values() for name in names])
        for slug in slugs:
            imap.add_user(slug, "secret")
            toml = category_toml(slug, dovecot=imap, relay=relay, more=MORE)
            program.write_category(slug, toml, [f"{x}@example.org" for x in readers[slug]])
        service = stack.enter_context(program.serving())
        sent, memory = _carry_on(service, imap, relay, slugs, stack)
        _wait_for_the_rest(program, imap, slugs)
        assert service.stop() == 0
        assert service.wait_for("service.stopped")["drained"]

        program.audit()
        relay.wait_until_idle()
        for slug in slugs:
            expected = sorted(body_of(one) for one in sent[slug])
            for reader in readers[slug]:
                copies = [body_of(split_trace(copy)[1]) for copy in relay.copies(reader)]
                assert sorted(copies) == expected, reader
    early = max(memory[len(memory) // 6 : len(memory) // 3])
    late = max(memory[-len(memory) // 6 :])
    print(f"{sum(map(len, sent.values()))} letters; memory {early} kB, later {late} kB")
    assert late <= early * GROWTH, memory


def _carry_on(
    service: Serving, imap: Dovecot, relay: Relay, slugs: list[str], stack: ExitStack
) -> tuple[dict[str, list[bytes]], list[int]]:
    """Send letters until the time is up, disturbing the servers; return them, and memory in kB."""
    chance = random.Random("soak")
    sent: dict[str, list[bytes]] = {slug: [] for slug in slugs}
    memory = []
    disturbances = [
        lambda: _restart(dovecot_server.stop, dovecot_server.started, imap, stack),
        lambda: _restart(postfix_server.stop, postfix_server.started, relay, stack),
        service.reload,
    ]
    begun = time.monotonic()
    next_disturbance = begun + SECONDS / 10
    while (now := time.monotonic()) < begun + SECONDS:
        slug = chance.choice(slugs)
        one = letter(len(sent[slug]), run=slug)
        imap.deliver(slug, one)
        sent[slug].append(one)
        memory.append(_memory_kb(service.process.pid))
        if now > next_disturbance:
            disturbances[0]()
            disturbances.append(disturbances.pop(0))
            next_disturbance += SECONDS / 10
        time.sleep(PAUSE_SECONDS)
    return sent, memory


def _restart(stop, started, server, stack: ExitStack) -> None:  # type: ignore[no-untyped-def]
    stop(server)
    time.sleep(2)
    stack.enter_context(started(server))


def _wait_for_the_rest(program: Program, imap: Dovecot, slugs: list[str]) -> None:
    wait_until(lambda: not any(map(imap.messages, slugs)), "all mailboxes are empty", 300)
    program.run("queue", "retry", "--all", status=None)
    wait_until(lambda: program.json("queue", "list") == [], "everything is sent", 600)


def _memory_kb(pid: int) -> int:
    """Return the resident memory of a process, as proc(5) counts it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])
