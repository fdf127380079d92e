"""One half of a session: the properties of its protocol, and the table they come to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from listbridge.mailsession import slips
from listbridge.mailsession.javamail import values
from listbridge.mailsession.javamail.values import Wrong
from listbridge.mailsession.remarks import Notes

#: JavaMail's default ports, without TLS from the start and with it; STARTTLS changes none.
_PORTS = {"imap": (143, 993), "pop3": (110, 995), "smtp": (25, 465)}
_WAITS = ("connectiontimeout", "timeout", "writetimeout")
#: What a protocol may take from the session as a whole.
_SHARED = ("host", "user", "password")
_SSL_FACTORIES = (
    "javax.net.ssl.SSLSocketFactory",
    "com.sun.mail.util.MailSSLSocketFactory",
    "org.eclipse.angus.mail.util.MailSSLSocketFactory",
)


@dataclass(frozen=True)
class Login:
    """The login that a container keeps beside the properties, and which goes before theirs."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    name: str = "password"  #: what the container calls the password
    unreadable: str | None = None  #: a sentence, if the password is there and cannot be read


class Half:
    """Everything that is said of reading, or of sending, by one protocol."""

    def __init__(
        self, protocol: str, given: Mapping[str, str], notes: Notes, login: Login | None = None
    ) -> None:
        self.protocol = protocol
        self.plain = protocol.removesuffix("s")
        self.side = "outgoing" if self.plain == "smtp" else "incoming"
        self.notes = notes
        self._given = given
        self._login = login or Login()
        prefix = f"mail.{protocol}."
        self._own = {x.removeprefix(prefix): x for x in given if x.startswith(prefix)}

    @property
    def is_meant(self) -> bool:
        """Whether anything is said of this half alone."""
        chosen = "mail.transport.protocol" if self.side == "outgoing" else "mail.store.protocol"
        return bool(self._own) or chosen in self._given

    @property
    def own(self) -> dict[str, tuple[str, str]]:
        """The properties of this protocol: short name → whole name and value."""
        return {short: (full, self._given[full]) for short, full in self._own.items()}

    def flag(self, name: str, key: str = "security") -> bool | None:
        """Return what a property of this protocol says about `key`, None if nothing."""
        try:
            return values.flag(*self.own[name]) if name in self._own else None
        except Wrong as wrong:
            self.notes.problem(wrong.name, wrong.text, self.side, key)
            return None

    def said(self, *, logs_in: bool = True) -> dict[str, Any]:
        """Return the keys that are set, and note what is wrong with the values of others."""
        table: dict[str, Any] = {}
        for key, read in self._readers(logs_in).items():
            try:
                value = read()
            except Wrong as wrong:
                self.notes.problem(wrong.name, wrong.text, self.side, key)
                continue
            if value is not None:
                table[key] = value
        if "port" in table and "security" in table:
            self._judge_port(table)
        return table

    def completed(self, *, logs_in: bool) -> dict[str, Any]:
        """Return the keys that are set, with JavaMail's defaults for server and security.

        What is a problem stays open.
        """
        table = self.said(logs_in=logs_in)
        table = self._defaults(table) | table
        if "port" in table and "security" in table:
            self._judge_port(table)
        self._judge_security(table)
        if logs_in:
            self._judge_login(table)
        return table

    def _defaults(self, table: Mapping[str, Any]) -> dict[str, Any]:
        defaults: dict[str, Any] = {"protocol": self.plain} if self.side == "incoming" else {}
        defaults |= {"host": "localhost", "security": "none"}
        if not self._is_open("security"):
            defaults["port"] = _PORTS[self.plain][table.get("security") == "tls"]
        return {key: value for key, value in defaults.items() if not self._is_open(key)}

    def _readers(self, logs_in: bool) -> dict[str, Callable[[], Any]]:
        readers: dict[str, Callable[[], Any]] = {
            "host": lambda: self._text("host"),
            "port": self._port,
            "security": self._security,
        }
        if logs_in:
            readers |= {"username": self._username, "password": self._password}
        readers["timeout"] = self._timeout
        if self.plain == "pop3":
            readers["pipelining"] = self._pipelining
        if self.plain == "smtp":
            readers["hello_name"] = lambda: self._text("localhost")
            readers["chunking"] = self._chunking
        return readers

    def _is_open(self, key: str) -> bool:
        return any(one.key == (self.side, key) for one in self.notes.problems)

    def _name(self, name: str) -> str | None:
        """Return which property says this: the protocol's own, else the session's."""
        shared = f"mail.{name}" if name in _SHARED else ""
        return self._own.get(name) or (shared if shared in self._given else None)

    def _text(self, name: str) -> str | None:
        full = self._name(name)
        if full is None:
            return None
        if (sentence := slips.placeholder(self._given[full])) is not None:
            raise Wrong(full, sentence)
        return self._given[full]

    def _number(self, name: str) -> int | None:
        return values.number(*self.own[name]) if name in self._own else None

    def _username(self) -> str | None:
        return self._login.username or self._text("user")

    def _password(self) -> str | None:
        full, value = self._login.name, self._login.password
        if self._login.unreadable is not None:
            raise Wrong(full, self._login.unreadable)
        if value is None:
            named = self._name("password")
            if named is None:
                return None
            full, value = named, self._given[named]
        if (sentence := slips.unusable_password(value)) is not None:
            raise Wrong(full, sentence)
        if value != value.strip():
            self.notes.warn(full, "begins or ends with a blank, which is taken as a part of it")
        return value

    def _port(self) -> int | None:
        name = "port"
        if "socketFactory.class" in self._own and "socketFactory.port" in self._own:
            name = "socketFactory.port"
        elif "ssl.socketFactory.port" in self._own and self._begins_with_tls():
            name = "ssl.socketFactory.port"
        port = self._number(name)
        if port is None:
            return None
        if not 1 <= port <= 65535:
            raise Wrong(self._own[name], "a port is a number from 1 to 65535")
        if (sentence := slips.wrong_protocol(port, self.plain)) is not None:
            raise Wrong(self._own[name], sentence)
        return port

    def _begins_with_tls(self) -> bool:
        enabled = self.flag("ssl.enable")
        if enabled is None:
            enabled = self.protocol.endswith("s")
        return enabled or "socketFactory.class" in self._own

    def _security(self) -> str | None:
        factory = self.own.get("socketFactory.class")
        if factory is not None and factory[1] not in _SSL_FACTORIES:
            raise Wrong(factory[0], "no Java class is run; take it out, and for TLS set ssl.enable")
        if self._begins_with_tls():
            return "tls"
        required = self.flag("starttls.required")
        if self.flag("starttls.enable") or required:
            if not required:
                self.notes.warn(
                    self._own["starttls.enable"],
                    "a server that does not offer STARTTLS is not used without it, as JavaMail "
                    "would",
                )
            return "starttls"
        return "none" if self.flag("ssl.enable") is False else None

    def _timeout(self) -> str | None:
        # Ours bounds every wait; a shorter one would end what the longest of theirs still allows.
        named = [name for name in _WAITS if name in self._own]
        waits = [values.number(*self.own[name]) for name in named]
        if any(wait <= 0 for wait in waits):
            self.notes.warn(
                self._own[named[0]], "asks for waiting without an end, which listbridge never does"
            )
        longest = max(waits, default=0)
        return f"{-(-longest // 1000)}s" if longest > 0 else None

    def _pipelining(self) -> str | None:
        wanted = self.flag("pipelining", "pipelining")
        return None if wanted is None else "auto" if wanted else "off"

    def _chunking(self) -> str | None:
        size = self._number("chunksize")
        return None if size is None else "auto" if size > 0 else "off"

    def _judge_port(self, table: Mapping[str, Any]) -> None:
        sentence = slips.wrong_security(table["port"], table["security"])
        if sentence is not None:
            self.notes.warn(f"mail.{self.protocol}.port", sentence)

    def _judge_security(self, table: Mapping[str, Any]) -> None:
        if table.get("security") != "none" or "host" not in table:
            return
        if not slips.stays_here(table["host"]):
            self.notes.warn(
                f"mail.{self.protocol}.ssl.enable",
                f"{slips.readable(table['host'])}; set it, or "
                f"mail.{self.protocol}.starttls.required",
            )

    def _judge_login(self, table: Mapping[str, Any]) -> None:
        prefix = f"mail.{self.protocol}"
        if "username" not in table and not self._is_open("username"):
            instead = "uses the address of the list" if self.side == "incoming" else "needs one"
            self.notes.warn(
                f"{prefix}.user",
                f"is not set; JavaMail uses the name that its process runs under, listbridge "
                f"{instead}",
                *(self.side, "username"),
            )
        if "password" not in table and not self._is_open("password"):
            self.notes.warn(
                f"{prefix}.password",
                "no password stands here; give it in the session's own table",
                *(self.side, "password"),
            )
