"""What a moderator answers: one word, and perhaps a reason."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from unicodedata import normalize

from listbridge.message import tokens
from listbridge.message.own_words import own_words
from listbridge.message.parse import ParsedMessage


class Decision(StrEnum):
    """What can be decided about a held post; catalogues have the words for it by these names."""

    APPROVE = "approve"
    LET_IN = "let-in"  #: approve it, and hold its author no more
    REJECT = "reject"
    DISCARD = "discard"


@dataclass(frozen=True)
class Answer:
    """A decision that was understood."""

    decision: Decision
    note: str | None = None  #: why it is rejected, for its author


#: The words, in lower case, for each decision, in whatever languages; of two for letting in.
Words = Mapping[str, Decision]

_WORD = re.compile(r"[^\W\d_]+")
# Whoever writes such a word beside an approval says no, or not yet.
_DOUBTS = frozenset(
    (
        *("no", "not", "never", "cannot", "nobody", "nothing", "maybe", "perhaps", "later"),
        *("if", "unless", "until", "when", "once", "instead", "after", "before", "first"),
        *("but", "only", "except", "without", "wait", "hold", "stop", "hardly", "tomorrow"),
        *("nein", "nicht", "nichts", "nie", "niemals", "kein", "keine", "keinen", "keinesfalls"),
        *("wenn", "falls", "sofern", "sobald", "erst", "vielleicht", "eventuell", "später"),
        *("aber", "nur", "ohne", "außer", "nach", "bevor", "vorher", "zuerst", "warte", "stopp"),
        *("non", "pas", "jamais", "ne", "n", "rien", "aucun", "aucune", "ni"),
        *("si", "sauf", "quand", "lorsque", "plutôt", "peut", "mais", "seulement", "sans"),
        *("après", "avant", "abord", "attends", "attendez", "demain"),
    )
)
# What may stand beside any decision but a rejection, which may have reasons. With whatever else,
# people set conditions or speak of something else, in more ways than can be foreseen.
_HARMLESS = frozenset(
    (
        *("it", "this", "that", "these", "them", "him", "her", "the", "one", "post", "message"),
        *("mail", "email", "please", "ok", "okay", "yes", "now"),
        *("as", "is"),
        *("es", "das", "die", "den", "diese", "diesen", "dieses", "dies", "ihn", "sie", "mail"),
        *("beitrag", "nachricht", "bitte", "ja", "jetzt", "gern", "gerne"),
        *("ce", "cet", "cette", "ceci", "cela", "le", "la", "les", "oui", "svp", "stp"),
    )
)
# Behind these stands somebody's name.
_FAREWELLS = frozenset(
    (
        *("thanks", "thank", "thx", "cheers", "regards", "best", "danke", "dank", "vielen"),
        *("gruß", "grüße", "gruss", "lg", "vg", "mfg", "merci", "cordialement"),
    )
)
_WHY_DISCARDED = frozenset(
    (
        *("spam", "phishing", "scam", "junk", "is", "s", "ist", "werbung", "c", "est", "du"),
        *("un", "pub", "publicité"),
    )
)
_NOT_IN_SHORT = re.compile(r"n['’]t\b", re.IGNORECASE)
# As the next word they make the first one something that is spoken of: "Reject would be harsh".
_SPOKEN_OF = frozenset(
    (
        *("is", "isn", "was", "wasn", "would", "wouldn", "does", "doesn", "did", "didn", "seems"),
        *("should", "means", "will", "won", "can", "cannot", "or"),
        *("ist", "war", "wäre", "würde", "wird", "geht", "ging", "hat", "klappt", "klappte"),
        *("funktioniert", "heißt", "bedeutet", "kann", "soll", "oder"),
        *("est", "était", "serait", "ne", "n", "marche", "fonctionne", "veut", "peut", "ou"),
    )
)
_POLITE = frozenset(("please", "yes", "ok", "okay", "bitte", "ja", "oui", "svp", "stp"))
_QUOTATION_MARKS = "\"'`“”„«»‘’‚"
# What may stand between two words that are one decision; a full stop ends it.
_BETWEEN = re.compile(r"[ \t,]*")
_END = re.compile(r"[.:;!?\n]|\s[–—-]\s")
# What is added behind a colon or a dash may take it all back.
_FULL_STOP = re.compile(r"[.;!]")
_LONGEST_NOTE = 2000  #: characters


def read(parsed: ParsedMessage, words: Words) -> Answer | None:
    """Return what an answer says, or None where that is not beyond doubt.

    A subject that is nothing but a decision, and perhaps the token, goes first: so it is where one
    of our links was followed. Else the first line of what he has written himself says it, and
    nothing in the same paragraph speaks against it.
    """
    # Apple's programs write an ü as two signs.
    own = normalize("NFC", own_words(parsed))
    said = _without_politeness(own)
    first = said.partition("\n\n")[0]
    by_text = _decision(first, words)
    by_subject = _in_subject(parsed, words)
    if by_subject is None:
        return None if by_text is None else _answer(by_text, _behind(said))
    # Who follows a link and then writes something else has changed his mind, or is mistaken. Only
    # a reason may use any word.
    if by_text not in (None, by_subject):
        return None
    if by_subject is not Decision.REJECT and (
        _is_doubtful(first) or _says_another(first, by_subject, words)
    ):
        return None
    note = _behind(said) if by_text is by_subject else own
    return _answer(by_subject, note)


def _in_subject(parsed: ParsedMessage, words: Words) -> Decision | None:
    """Only what no mail program and no author of a held post can have written there."""
    shown = tokens.without_blotted(normalize("NFC", parsed.subject)).strip()
    found = _decision(shown, words)
    return found if found and _is_only(found, shown, words) else None


def _decision(paragraph: str, words: Words) -> Decision | None:
    """Return what the first word of a paragraph decides, or its first two."""
    line = paragraph.partition("\n")[0]
    said = [one.lower() for one in _WORD.findall(line)]
    if not said or not _begins_with_word(line):
        return None
    as_one = words.get(" ".join(said[:2])) if _is_one(line) else None
    found = as_one or words.get(said[0])
    if found is None or _is_spoken_of(line, said):
        return None
    # A reason may well say what is not, or ask; and use any word.
    if found is Decision.REJECT:
        sentence = _first_sentence(line)
        return None if sentence.endswith("?") or _says_another(sentence, found, words) else found
    if not _is_plain(line, 2 if as_one else 1, found):
        return None
    is_clear = not _is_doubtful(paragraph) and not _says_another(paragraph, found, words)
    return found if is_clear else None


def _is_plain(line: str, number: int, found: Decision) -> bool:
    """Say whether nothing of weight stands beside a decision, which is the first words."""
    harmless = _HARMLESS | _WHY_DISCARDED if found is Decision.DISCARD else _HARMLESS
    sentence = _FULL_STOP.split(line, maxsplit=1)[0]
    for one in [word.lower() for word in _WORD.findall(sentence)][number:]:
        if one in _FAREWELLS:
            break
        if one not in harmless:
            return False
    return True


def _is_spoken_of(line: str, said: Sequence[str]) -> bool:
    """Say whether a line is about the word that it begins with."""
    if len(said) > 1 and said[1] in _SPOKEN_OF and _is_one(line):
        return True
    is_quoted = line.lstrip(" \t*")[:1] in (*_QUOTATION_MARKS,)
    # `"Reject" said my colleague`; what is nothing but the word is meant.
    return is_quoted and len(said) > 2


def _is_doubtful(text: str) -> bool:
    """Say whether a text asks, denies, or makes a condition."""
    said = {one.lower() for one in _WORD.findall(text)}
    return "?" in text or bool(_DOUBTS & said) or _NOT_IN_SHORT.search(text) is not None


def _says_another(text: str, found: Decision, words: Words) -> bool:
    """Say whether there is a word for something else in a text: "approve or reject"."""
    others = {words.get(one.lower(), found) for one in _WORD.findall(text)}
    alike = {Decision.APPROVE, Decision.LET_IN}
    return not others <= (alike if found in alike else {found})


def _first_sentence(line: str) -> str:
    end = _END.search(line)
    return line[: end.end()] if end else line


def _without_politeness(own: str) -> str:
    """Leave out what people say before the word: "Yes, please approve"."""
    for _ in range(2):
        first = _WORD.match(own)
        if first is None or first[0].lower() not in _POLITE:
            break
        own = own[first.end() :].lstrip(" \t,!.:")
    return own


def _is_one(line: str) -> bool:
    """Say whether the first two words can be meant as one."""
    first, *second = islice(_WORD.finditer(line), 2)
    return bool(second) and _BETWEEN.fullmatch(line, first.end(), second[0].start()) is not None


def _begins_with_word(line: str) -> bool:
    return _WORD.match(line.lstrip(f" \t*{_QUOTATION_MARKS}")) is not None


def _is_only(found: Decision | None, line: str, words: Words) -> bool:
    said = " ".join(one.lower() for one in _WORD.findall(line))
    return found is not None and words.get(said) is found


def _behind(own: str) -> str:
    """What stands behind the first word."""
    return _behind_first(own).lstrip(" \t*\"'”“»:;,.!–—-\r\n")


def _behind_first(text: str) -> str:
    first = _WORD.search(text)
    return text[first.end() :] if first else ""


def _answer(found: Decision, note: str) -> Answer:
    if found is not Decision.REJECT:
        return Answer(found)
    return Answer(found, note.strip()[:_LONGEST_NOTE] or None)
