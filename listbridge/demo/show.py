"""How the demo looks: a title, headings, small tables, and the threads as trees."""

from collections.abc import Iterable, Sequence
from dataclasses import fields

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from listbridge.demo.records import Record, Records
from listbridge.demo.samples import LISTS, REFUSALS, SUBSCRIBERS, MailingList
from listbridge.intake.tally import Tally
from storage.posts import Post
from storage.states import DeliveryState, PostState

_COUNTERS = [x.name for x in fields(Tally) if x.name not in ("category", "error", "warnings")]
_STYLES = {
    DeliveryState.SENT: "green",
    DeliveryState.DEFERRED: "yellow",
    DeliveryState.FAILED: "red",
}


def line(console: Console, text: str = "", style: str = "") -> None:
    """Print one line as it is; what people wrote must not steer the terminal."""
    console.print(Text(plain(text), style=style))


def heading(console: Console, text: str) -> None:
    """Begin a part of the story."""
    line(console)
    line(console, text, "bold cyan")


def plain(text: str) -> str:
    """Return text without anything that a terminal would obey."""
    return "".join(ch if ch.isprintable() or ch == "\n" else "\ufffd" for ch in text)


def mailboxes(console: Console) -> None:
    """Show what lies in the mailboxes before the first round."""
    table = _table("", "", "")
    table.columns[1].max_width = 40
    for one in LISTS:
        where = f"{len(one.samples)} messages, read over {one.protocol.upper()}"
        table.add_row(Text(one.slug, style="bold"), where)
        for sample in one.samples:
            remark = Text(sample.remark, style="dim")
            table.add_row(f"  {sample.author}", str(sample.head["Subject"]), remark)
    _indented(console, table)


def tallies(console: Console, seen: Iterable[Tally]) -> None:
    """Show what a round came to, as `poll-once` says it."""
    for one in sorted(seen, key=lambda x: x.category, reverse=True):
        counted = (f"{name} {getattr(one, name)}" for name in _COUNTERS if getattr(one, name))
        text = f"{one.category}: {', '.join(counted) or 'nothing new'}"
        _indented(console, Text(text))
        if one.error:
            _indented(console, Text(plain(f"{one.category}: {one.error}"), style="red"))


def threads(console: Console, records: Records) -> None:
    """Show the accepted posts of each list, answers below what they answer."""
    for one in LISTS:
        tree = Tree(Text(one.slug, style="bold"), guide_style="dim")
        _hang(tree, records.posts(one.slug, PostState.ACCEPTED), None)
        _indented(console, tree)


def _hang(tree: Tree, posts: Sequence[Post], parent: int | None) -> None:
    for post in posts:
        if post.parent_id == parent:
            _hang(tree.add(_title(post)), posts, post.id)


def recipients(console: Console, records: Records) -> None:
    """Show how many copies each subscriber was sent, and what the server said where it refused."""
    table = _table("", *(one.slug for one in LISTS), "the server's answer")
    for address in SUBSCRIBERS:
        outcomes = (_outcomes(records, one, address) for one in LISTS)
        words = records.last_words(address) if address in REFUSALS else ""
        table.add_row(address, *outcomes, Text(plain(words), style="dim"))
    _indented(console, table)


def set_aside(console: Console, records: Records) -> None:
    """Show what was not posted, and why."""
    table = _table("", "", "")
    for record in records.messages:
        what, why = became(record)
        if what != PostState.ACCEPTED:
            table.add_row(Text(what, style="bold"), Text(plain(record.sender)), Text(plain(why)))
    _indented(console, table)


def audit(console: Console, records: Records) -> None:
    """Show what the audit says."""
    if not records.problems:
        line(
            console, "  nothing lost, nothing twice: each message and each recipient accounted for"
        )
    for one in records.problems:
        _indented(console, Text(f"{one.what} {one.id}: {one.problem}", style="red"))


def became(record: Record) -> tuple[str, str]:
    """Return what a message became, and the reason."""
    one, post = record.inbound, record.post
    if post is None:
        return one.result or one.state, one.reason or ""
    return post.state, post.reason or ""


def _title(post: Post) -> Text:
    title = Text(plain(post.subject))
    return title.append(f"  {plain(post.sender_name or post.sender or '')}", style="dim")


def _outcomes(records: Records, one: MailingList, address: str) -> Text:
    text = Text()
    for state, number in sorted(records.outcomes(one.slug, address).items()):
        text.append(f"{number} {state}", style=_STYLES.get(state, ""))
    return text


def _table(*columns: str) -> Table:
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        show_header=any(columns),
        header_style="dim",
    )
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    table.add_column(columns[-1])
    return table


def _indented(console: Console, what: Table | Tree | Text) -> None:
    console.print(Padding(what, (0, 0, 0, 2), expand=False))
