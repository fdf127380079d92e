"""What of the properties means nothing here, and what cannot be honoured."""

from collections.abc import Mapping

from listbridge.mailsession.javamail import names
from listbridge.mailsession.javamail.half import Half
from listbridge.mailsession.javamail.names import STORES, Effect
from listbridge.mailsession.remarks import Notes

_MECHANISMS = (
    "cannot be honoured: with a password PLAIN or LOGIN is used; take it out or name one of these, "
    "and for XOAUTH2 write `oauth2` in the session's own table"
)
_PROTOCOLS = "cannot be honoured: TLS 1.2 and 1.3 are spoken; take it out, or name one of these"
_TRUST_ALL = (
    "cannot be honoured: certificates are always checked; take it out, and name the authority of a "
    "certificate of your own in `ca_file`"
)
_TRUST_SOME = (
    "the certificate is checked all the same; if it is one of your own, name its authority in "
    "`ca_file`"
)


def session(given: Mapping[str, str], store: str, transport: str, notes: Notes) -> None:
    """Note what is said of the session as a whole, and of protocols that are not in use."""
    for name in given:
        found = names.find(name)
        if found is None:
            continue
        if not found.protocol and found.row.effect is Effect.NOTHING:
            notes.ignore(name, f"means nothing here: {found.row.why}")
        if found.protocol and found.protocol not in (store, transport):
            reads = found.protocol in STORES
            used, key = (store, "store") if reads else (transport, "transport")
            notes.warn(
                name,
                f"has no effect, since mail is {'read' if reads else 'sent'} by {used}; write "
                f"mail.{used}.* or set mail.{key}.protocol to {found.protocol}",
            )


def half(one: Half) -> None:
    """Note what cannot be taken as it is of the properties of one protocol."""
    for full, value in one.own.values():
        found = names.find(full)
        row = found.row if found else None
        if row and row.effect is Effect.NOTHING:
            one.notes.ignore(full, f"means nothing here: {row.why}")
        elif row and row.effect is Effect.REFUSED and value.lower() not in row.harmless.split():
            one.notes.problem(full, f"cannot be honoured: {row.why}", one.side)
    spoken = {"PLAIN", "LOGIN", "CRAM-MD5"} if one.plain == "smtp" else {"PLAIN", "LOGIN"}
    _need_one(one, "auth.mechanisms", spoken, _MECHANISMS)
    _need_one(one, "sasl.mechanisms", spoken, _MECHANISMS)
    _need_one(one, "ssl.protocols", {"TLSV1.2", "TLSV1.3"}, _PROTOCOLS)
    _trust(one)


def _need_one(one: Half, name: str, usable: set[str], sentence: str) -> None:
    if name in one.own:
        full, value = one.own[name]
        if not usable & set(value.upper().replace(",", " ").split()):
            one.notes.problem(full, sentence, one.side)


def _trust(one: Half) -> None:
    if "ssl.trust" not in one.own:
        return
    full, value = one.own["ssl.trust"]
    if value == "*":
        one.notes.problem(full, _TRUST_ALL, one.side)
    else:
        one.notes.warn(full, _TRUST_SOME)
