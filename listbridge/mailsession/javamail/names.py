"""Every documented JavaMail property, one row each, and what it does here.

Source: the package documentation of Jakarta Mail 2.1 (jakarta.mail, jakarta.mail.internet) and of
its implementation Angus Mail 2 (packages imap, pop3, smtp); the older names `javax.mail` and
`com.sun.mail` have the same ones. docs/javamail-properties.md shows this table to people.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Effect(StrEnum):
    """What comes of a property."""

    TAKES = "takes effect"
    NOTHING = "means nothing here"
    REFUSED = "cannot be honoured"


@dataclass(frozen=True)
class Row:
    """A property, of all protocols that have it."""

    name: str  #: without `mail.` and the protocol
    #: "imap", "pop3", "smtp" separated by blanks; "" for `mail.NAME`
    protocols: str
    effect: Effect
    why: str  #: how its value is taken, why it means nothing, or what to do instead
    key: str = ""  #: which key of ours it sets
    #: Values in lower case that ask for what is done anyway; only of what cannot be honoured.
    harmless: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names in full, without those of the protocols that end in `s`."""
        return tuple(f"mail.{x}.{self.name}" for x in self.protocols.split()) or (
            f"mail.{self.name}",
        )


@dataclass(frozen=True)
class Found:
    """A name that was looked up."""

    row: Row
    protocol: str  #: imap, imaps, pop3, pop3s, smtp, smtps; "" for `mail.NAME`


STORES = ("imap", "imaps", "pop3", "pop3s")
TRANSPORTS = ("smtp", "smtps")
PROTOCOLS = STORES + TRANSPORTS

_ALL = "imap pop3 smtp"
_STORE = "imap pop3"
_TAKES, _NOTHING, _REFUSED = Effect.TAKES, Effect.NOTHING, Effect.REFUSED

_OBJECT = "a Java object, which cannot stand in a file"
_NO_PROXY = "listbridge connects directly; take it out, or tunnel the port and name the tunnel"
_NO_ADDRESS = "the system chooses it; take it out"
_NO_NTLM = "NTLM is not spoken; take it out and let the server offer PLAIN or LOGIN under TLS"
_MIME = "listbridge reads and writes messages by rules of its own"
_EVENTS = "listbridge has no Java events"
_POOL = "one connection reads a mailbox"
_OFFERED = "the way to log in follows from what the server offers"
_CACHE = "nothing of the mailbox is cached"
_WORKS = "it makes no difference to what is read"
_OPEN = "how a connection is closed makes no difference: what counts is verified before"
_TRUST = "certificates are always checked; for one of your own, name its authority in `ca_file`"
_MECHANISMS = (
    "without PLAIN or LOGIN it cannot be honoured; for XOAUTH2 write `oauth2` in the session's own "
    "table"
)

ROWS = (
    # Which servers
    Row("store.protocol", "", _TAKES, "imap, imaps, pop3 or pop3s; those with s use TLS from the "
        "start", "incoming.protocol"),
    Row("transport.protocol", "", _TAKES, "smtp, or smtps: TLS from the start",
        "outgoing.security"),
    Row("transport.protocol.rfc822", "", _TAKES, "as mail.transport.protocol, and before it",
        "outgoing.security"),
    Row("host", "", _TAKES, "where the protocol has no host of its own", "host"),
    Row("user", "", _TAKES, "where the protocol has no user of its own", "username"),
    Row("password", "", _TAKES, "where the protocol has no password of its own; not a name of "
        "JavaMail's, but many write it", "password"),
    Row("host", _ALL, _TAKES, "the server", "host"),
    Row("port", _ALL, _TAKES, "a number; in a file that is read without one, JavaMail's default: "
        "143, 993 (imaps), 110, 995 (pop3s), 25, 465 (smtps, or ssl.enable)", "port"),
    Row("user", _ALL, _TAKES, "the login's name", "username"),
    Row("password", _ALL, _TAKES, "not a name of JavaMail's, but many write it", "password"),
    Row("auth", "smtp", _TAKES, "false: no login, whatever user and password say. A file that is "
        "read without it has no login either", "username"),
    # TLS
    Row("ssl.enable", _ALL, _TAKES, "true: `tls`, TLS from the start; false: `none`, unless "
        "STARTTLS is asked for", "security"),
    Row("starttls.enable", _ALL, _TAKES, "true: `starttls`. JavaMail goes on without encryption "
        "where a server does not offer it; listbridge never does. false asks for nothing",
        "security"),
    Row("starttls.required", _ALL, _TAKES, "true: `starttls`; false asks for nothing",
        "security"),
    Row("socketFactory.class", _ALL, _TAKES, "an SSL socket factory of Java's or JavaMail's: "
        "`tls`; any other cannot be honoured", "security"),
    Row("socketFactory.port", _ALL, _TAKES, "goes before port where socketFactory.class is set",
        "port"),
    Row("ssl.socketFactory.port", _ALL, _TAKES, "goes before port with TLS from the start",
        "port"),
    Row("socketFactory.fallback", _ALL, _REFUSED, "a connection that was to be encrypted is never "
        "replaced by one that is not; take it out, or write false", "", "false"),
    Row("socketFactory", _ALL, _NOTHING, _OBJECT),
    Row("ssl.socketFactory", _ALL, _NOTHING, _OBJECT),
    Row("ssl.socketFactory.class", _ALL, _REFUSED, f"no Java class is run; {_TRUST}", "",
        "javax.net.ssl.sslsocketfactory com.sun.mail.util.mailsslsocketfactory "
        "org.eclipse.angus.mail.util.mailsslsocketfactory"),
    Row("ssl.checkserveridentity", _ALL, _REFUSED, "the name in the certificate is always checked; "
        "name the server as its certificate does", "", "true"),
    Row("ssl.hostnameverifier", _ALL, _NOTHING, _OBJECT),
    Row("ssl.hostnameverifier.class", _ALL, _REFUSED, "no Java class is run, and the name in the "
        "certificate is always checked; take it out", "", "legacy mailhostnameverifier "
        "jdkhostnamechecker sun.security.util.hostnamechecker"),
    Row("ssl.trust", _ALL, _TAKES, "`*` cannot be honoured, and no server is trusted blindly that "
        "is named here: certificates are always checked"),
    Row("ssl.protocols", _ALL, _TAKES, "without TLSv1.2 or TLSv1.3 it cannot be honoured; "
        "otherwise the newest that the server has is used"),
    Row("ssl.ciphersuites", _ALL, _REFUSED, "the system's choice of cipher suites is used; take "
        "it out"),
    # Waiting
    Row("connectiontimeout", _ALL, _TAKES, "milliseconds, rounded up to seconds; the longest of "
        "the three is the longest single wait", "timeout"),
    Row("timeout", _ALL, _TAKES, "as connectiontimeout", "timeout"),
    Row("writetimeout", _ALL, _TAKES, "as connectiontimeout", "timeout"),
    Row("executor.writetimeout", _ALL, _NOTHING, _OBJECT),
    # Logging in
    Row("auth.mechanisms", _ALL, _TAKES, _MECHANISMS),
    Row("sasl.mechanisms", "imap smtp", _TAKES, _MECHANISMS),
    Row("auth.login.disable", _ALL, _NOTHING, _OFFERED),
    Row("auth.plain.disable", _ALL, _NOTHING, _OFFERED),
    Row("auth.digest-md5.disable", "pop3 smtp", _NOTHING, "DIGEST-MD5 is not spoken"),
    Row("auth.ntlm.disable", _ALL, _NOTHING, "NTLM is not spoken"),
    Row("auth.ntlm.domain", _ALL, _REFUSED, _NO_NTLM),
    Row("auth.ntlm.flags", _ALL, _REFUSED, _NO_NTLM),
    Row("auth.xoauth2.disable", _ALL, _REFUSED, "a token in the place of a password soon expires; "
        "take it out and write `oauth2` in the session's own table", "", "true"),
    Row("auth.xoauth2.two.line.authentication.format", "pop3", _NOTHING,
        "the form follows from the server"),
    Row("proxyauth.user", "imap", _REFUSED, "nobody logs in for somebody else; name the mailbox's "
        "own user and password"),
    Row("sasl.enable", "imap smtp", _NOTHING, _OFFERED),
    Row("sasl.authorizationid", "imap smtp", _REFUSED, "nobody logs in for somebody else; name the "
        "account's own user and password"),
    Row("sasl.realm", "imap smtp", _REFUSED, "DIGEST-MD5 is not spoken, and no other mechanism "
        "has realms; take it out"),
    Row("sasl.usecanonicalhostname", "imap smtp", _NOTHING, "no mechanism in use needs it"),
    Row("sasl.xgwtrustedapphack.enable", "imap", _NOTHING, "XGWTRUSTEDAPP is not spoken"),
    Row("apop.enable", "pop3", _REFUSED, "APOP is not spoken; take it out and let TLS protect the "
        "password: ssl.enable or starttls.required", "", "false"),
    # The way there
    Row("proxy.host", _ALL, _REFUSED, _NO_PROXY),
    Row("proxy.port", _ALL, _REFUSED, _NO_PROXY),
    Row("proxy.user", _ALL, _REFUSED, _NO_PROXY),
    Row("proxy.password", _ALL, _REFUSED, _NO_PROXY),
    Row("socks.host", _ALL, _REFUSED, _NO_PROXY),
    Row("socks.port", _ALL, _REFUSED, _NO_PROXY),
    Row("localaddress", _ALL, _REFUSED, _NO_ADDRESS),
    Row("localport", _ALL, _REFUSED, _NO_ADDRESS),
    Row("usesocketchannels", "imap", _NOTHING, "a matter of Java's"),
    Row("class", _ALL, _NOTHING, "no Java class is run"),
    # Reading by IMAP
    Row("partialfetch", "imap", _NOTHING, "messages are fetched whole"),
    Row("fetchsize", "imap", _NOTHING, "messages are fetched whole"),
    Row("peek", "imap", _NOTHING, "messages are always read without being marked as seen"),
    Row("ignorebodystructuresize", "imap", _NOTHING, "BODYSTRUCTURE is not asked for"),
    Row("statuscachetimeout", "imap", _NOTHING, _CACHE),
    Row("appendbuffersize", "imap", _NOTHING, "nothing is appended"),
    Row("connectionpoolsize", "imap", _NOTHING, _POOL),
    Row("connectionpooltimeout", "imap", _NOTHING, _POOL),
    Row("separatestoreconnection", "imap", _NOTHING, _POOL),
    Row("allowreadonlyselect", "imap", _NOTHING, "mail is deleted once it is stored, so the folder "
        "has to be writable"),
    Row("minidletime", "imap", _NOTHING, "IDLE ends when there is something to do"),
    Row("enableresponseevents", "imap", _NOTHING, _EVENTS),
    Row("enableimapevents", "imap", _NOTHING, _EVENTS),
    Row("throwsearchexception", "imap", _NOTHING, "only what IMAP can search is searched"),
    Row("folder.class", "imap", _NOTHING, "no Java class is run"),
    Row("closefoldersonstorefailure", "imap", _NOTHING, "a lost connection is begun anew"),
    Row("finalizecleanclose", _STORE, _NOTHING, _OPEN),
    Row("referralexception", "imap", _NOTHING, "referrals are not followed"),
    Row("compress.enable", "imap", _NOTHING, _WORKS),
    Row("compress.level", "imap", _NOTHING, _WORKS),
    Row("compress.strategy", "imap", _NOTHING, _WORKS),
    Row("reusetagprefix", "imap", _NOTHING, _WORKS),
    # Reading by POP3
    Row("pipelining", "pop3", _TAKES, "false: `off`; true: `auto`, where the server offers it",
        "pipelining"),
    Row("rsetbeforequit", "pop3", _NOTHING, "only what is stored is deleted, and a connection in "
        "doubt is dropped without QUIT"),
    Row("message.class", "pop3", _NOTHING, "no Java class is run"),
    Row("disabletop", "pop3", _NOTHING, "TOP is only used for `since` and to look without taking"),
    Row("disablecapa", "pop3", _NOTHING, "a server without CAPA is understood"),
    Row("forgettopheaders", "pop3", _NOTHING, "what TOP says is never mixed with the message"),
    Row("filecache.enable", "pop3", _NOTHING, _CACHE),
    Row("filecache.dir", "pop3", _NOTHING, _CACHE),
    Row("cachewriteto", "pop3", _NOTHING, _CACHE),
    Row("keepmessagecontent", "pop3", _NOTHING, _CACHE),
    # Sending
    Row("localhost", "smtp", _TAKES, "the name for EHLO", "hello_name"),
    Row("chunksize", "smtp", _TAKES, "above 0: `auto`, in pieces of our own size; otherwise `off`",
        "chunking"),
    Row("from", "smtp", _NOTHING, "bounces come back to the address of the list"),
    Row("ehlo", "smtp", _REFUSED, "EHLO is always said, since login and STARTTLS need it; take it "
        "out", "", "true"),
    Row("submitter", "smtp", _NOTHING, "it is for relays"),
    Row("dsn.notify", "smtp", _NOTHING, "the server reports failures without being asked"),
    Row("dsn.ret", "smtp", _NOTHING, "the server reports failures without being asked"),
    Row("allow8bitmime", "smtp", _NOTHING, "8BITMIME is used where it is offered"),
    Row("sendpartial", "smtp", _NOTHING, "a refused recipient never keeps the others from their "
        "copy"),
    Row("quitwait", "smtp", _NOTHING, _OPEN),
    Row("quitonsessionreject", "smtp", _NOTHING, _OPEN),
    Row("reportsuccess", "smtp", _NOTHING, "the outcome for each recipient is always kept"),
    Row("mailextension", "smtp", _REFUSED, "nothing foreign is added to the MAIL command; take it "
        "out"),
    Row("userset", "smtp", _NOTHING, "connections are not asked whether they live"),
    Row("noop.strict", "smtp", _NOTHING, "connections are not asked whether they live"),
    # The session as a whole
    Row("from", "", _NOTHING, "copies come from the list"),
    Row("debug", "", _NOTHING, "use -vv"),
    Row("debug.auth", "", _NOTHING, "passwords are never logged"),
    Row("debug.auth.username", "", _NOTHING, "passwords are never logged"),
    Row("debug.auth.password", "", _NOTHING, "passwords are never logged"),
    Row("event.scope", "", _NOTHING, _EVENTS),
    Row("event.executor", "", _NOTHING, _OBJECT),
    Row("alternates", "", _NOTHING, "no replies are written"),
    Row("replyallcc", "", _NOTHING, "no replies are written"),
    *(
        Row(f"mime.{name}", "", _NOTHING, _MIME)
        for name in (
            "address.strict", "address.usecanonicalhostname", "allowencodedmessages", "allowutf8",
            "applefilenames", "base64.ignoreerrors", "charset", "contenttypehandler",
            "decodefilename", "decodeparameters", "decodetext.strict", "encodeeol.strict",
            "encodefilename", "encodeparameters", "foldtext", "ignoremultipartencoding",
            "ignoreunknownencoding", "ignorewhitespacelines", "multipart.allowempty",
            "multipart.ignoreexistingboundaryparameter",
            "multipart.ignoremissingboundaryparameter", "multipart.ignoremissingendboundary",
            "parameters.strict", "setcontenttypefilename", "setdefaulttextcharset",
            "uudecode.ignoreerrors", "uudecode.ignoremissingbeginend", "windowsfilenames",
        )
    ),
)  # fmt: skip

_OF_PROTOCOL = re.compile(r"mail\.(?P<protocol>(?P<plain>imap|pop3|smtp)s?)\.(?P<name>.+)")


def find(name: str) -> Found | None:
    """Look up a property by its whole name; those of `imaps`, `pop3s`, `smtps` are the same."""
    match = _OF_PROTOCOL.fullmatch(name)
    if match is None:
        row = _rows().get(name)
        return Found(row, "") if row else None
    row = _rows().get(f"mail.{match['plain']}.{match['name']}")
    return Found(row, match["protocol"]) if row else None


def every_name() -> tuple[str, ...]:
    """Return all names in full, those of `imaps`, `pop3s` and `smtps` left out."""
    return tuple(_rows())


@cache
def _rows() -> dict[str, Row]:
    return {name: row for row in ROWS for name in row.names}
