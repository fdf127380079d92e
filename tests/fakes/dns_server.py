"""A small DNS server on loopback (UDP), and a resolver that asks it."""

import contextlib
import socket
import threading
from typing import Self

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset


class DnsServer:
    """Answers for the names it was given, and NXDOMAIN for all others.

    `answers["_imaps._tcp.example.org", "SRV"] = ["0 1 993 imap.example.org."]`
    """

    def __init__(self, answers: dict[tuple[str, str], list[str]] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []  #: every question, as "NAME KIND"
        self.is_silent = False  #: never answers
        self.garbles = False  #: answers with what is no DNS message
        self.ttl = 60  #: of every record, in seconds
        self.unanswered: set[str] = set()  #: names whose own servers are silent
        self.failing: set[str] = set()  #: names for which the answer is SERVFAIL

    @property
    def resolver(self) -> dns.resolver.Resolver:
        """A resolver that knows this server and no other."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        return resolver

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would not wake the thread.
        port = self._socket.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", port))
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, client = self._socket.recvfrom(4096)
            if not question:
                return
            with contextlib.suppress(OSError):
                self._answer(dns.message.from_wire(question), client)

    def _answer(self, query: dns.message.Message, client: tuple[str, int]) -> None:
        name, kind = query.question[0].name, query.question[0].rdtype
        key = (name.to_text(omit_final_dot=True), kind.name)
        self.asked.append(" ".join(key))
        if self.is_silent or key[0] in self.unanswered:
            return
        if self.garbles:
            self._socket.sendto(b"no answer at all", client)
            return
        reply = dns.message.make_response(query)
        if key[0] in self.failing:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif key in self.answers:
            records = self.answers[key]
            reply.answer.append(dns.rrset.from_text(name, self.ttl, "IN", kind, *records))
        else:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self._socket.sendto(reply.to_wire(), client)
