"""Where answers to a copy go: THE table, which docs/replies.md shows and the tests go through."""

from dataclasses import dataclass
from typing import Literal

ReplyTo = Literal["list", "author", "both"]
#: "own": what the author's own Reply-To says; "author": the author's From; "list": the list.
Place = Literal["own", "author", "list"]


@dataclass(frozen=True)
class Row:
    """One row; None stands for either."""

    reply_to: ReplyTo  #: the category's setting
    is_member: bool | None  #: whether the author gets what the list gets
    has_own: bool | None  #: whether the author set a Reply-To of his own
    keeps_from: bool | None  #: whether the copy is still From the author
    places: tuple[Place, ...]  #: the addresses in the copy's Reply-To; none: it has no such field
    reply: str  #: whom "Reply" reaches
    to_all: str  #: whom "Reply all" reaches besides other addressees of the post


TABLE = (
    Row("list", True, None, None, ("list",), "the list", "the list"),
    # He gets no copy, so he would never see the answers.
    Row("list", False, False, None, ("author", "list"), "both", "both"),
    Row("list", False, True, None, ("own", "list"), "both", "both"),
    Row("author", None, True, None, ("own",), "the author", "both"),
    # From says it already, and a field more could break the author's signature.
    Row("author", None, False, True, (), "the author", "both"),
    Row("author", None, False, False, ("author",), "the author", "both"),
    Row("both", None, False, None, ("author", "list"), "both", "both"),
    Row("both", None, True, None, ("own", "list"), "both", "both"),
)


def row(reply_to: ReplyTo, *, is_member: bool, has_own: bool, keeps_from: bool) -> Row:
    """Return the row that says where answers to a post go; there is one for each case."""
    asked = (reply_to, is_member, has_own, keeps_from)
    return next(
        one
        for one in TABLE
        if all(
            here is None or here == wanted
            for here, wanted in zip(
                (one.reply_to, one.is_member, one.has_own, one.keeps_from), asked, strict=True
            )
        )
    )
