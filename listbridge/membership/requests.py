"""What people ask of a category by mail, and what comes of it.

Anybody can write in anybody's name, so nothing changes before somebody has answered a mail that was
sent to the address it is about. What can be asked in another's name leads to few mails to him.
"""

from collections.abc import Callable

from listbridge import message
from listbridge.category import Category
from listbridge.membership import (
    address_requests,
    news,
    options,
    post_requests,
    resuming,
    subscriptions,
)
from listbridge.membership.request import CHANGES_A_DAY, Done, NotUnderstood, Request
from listbridge.membership.telling import may_answer, tell
from listbridge.message import Command, ParsedMessage, Word
from listbridge.notices import Notice, Writing
from storage import leaving, tokens
from storage.states import News, Origin, Purpose
from storage.tokens import Token

# What counts by its token, whoever sends it.
_BY_TOKEN = (Word.CONFIRM, Word.LEAVE)


def carry_out(request: Request) -> Done:
    """See to a request that is not for a person (`refusal`); raise `NotUnderstood` if it is."""
    word = request.command.word
    if word not in (*_BY_TOKEN, Word.OWNER) and (reason := _unanswerable(request)):
        return Done(f"the command {word.value!r} is not answered: {reason}")
    return _DO[word](request)


def refusal(category: Category, command: Command, parsed: ParsedMessage) -> str | None:
    """Say why a person has to see to a command, or None."""
    said = f"the command {command.word.value!r}: "
    if category.outgoing is None:
        return said + "this category cannot send an answer"
    if parsed.author is None and command.word not in _BY_TOKEN:
        return said + f"it does not say whose it is, since {parsed.author_problem}"
    if command.word is Word.OWNER and not category.told_owners:
        return said + "`owners` of the category names nobody besides the list itself"
    return None


def _unanswerable(request: Request) -> str | None:
    if message.key(request.author) == message.key(request.category.address):
        return "it says that the list itself wrote it"
    return message.unanswerable_reason(request.parsed)


def _subscribe(request: Request) -> Done:
    if one := request.subscription(message.key(request.author)):
        return resuming.ask(request, one)
    if request.category.members.subscribe == "closed":
        return request.answer_author(Notice.CLOSED)
    # A name is in no mail before it is confirmed: others would put their advertisements there.
    return request.ask(Purpose.SUBSCRIBE, request.parsed.author_name)


def _unsubscribe(request: Request) -> Done:
    if not request.subscription(message.key(request.author)):
        return request.answer_author(Notice.NOT_SUBSCRIBED)
    return request.ask(Purpose.UNSUBSCRIBE, "")


def _leave(request: Request) -> Done:
    """End the subscription whose token this is; a program may have sent it at a button's press."""
    secret = request.command.argument
    address = leaving.whose(request.tx, request.category_id, secret)
    if address is not None:
        subscriptions.unsubscribe(request.tx, request.category_id, address, Origin.PERSON)
        _note_news(request, News.LEFT, address)
        return request.answer(Notice.GOODBYE, to=address)
    # Of a subscription that has ended: he is told so, or, if he came back, asked.
    reason = request.parsed.author_problem or message.robot_reason(request.parsed)
    if reason := reason or _unanswerable(request):
        return Done(f"a token that is not valid, not answered: {reason}")
    return _unsubscribe(request)


def _options(request: Request) -> Done:
    one = request.subscription(message.key(request.author))
    if one is None:
        return request.answer_author(Notice.NOT_SUBSCRIBED)
    return request.answer_author(
        Notice.OPTIONS,
        each=CHANGES_A_DAY,
        **options.shown(request.tx, request.category, one, request.now),
    )


def _set(request: Request) -> Done:
    if not request.subscription(message.key(request.author)):
        return request.answer_author(Notice.NOT_SUBSCRIBED)
    wish = request.command.argument
    try:
        options.read(wish, request.now, request.category.texts)
    except options.NoSuchOption:
        return request.answer_author(Notice.HELP)
    return request.ask(Purpose.OPTIONS, wish, each=CHANGES_A_DAY, change=wish)


def _help(request: Request) -> Done:
    return request.answer_author(Notice.HELP)


def _confirm(request: Request) -> Done:
    """Do what a token stands for, whoever sends it: only its owner can have got it."""
    token = tokens.use(request.tx, request.category_id, request.command.argument, request.now)
    if token is None:
        reason = _unanswerable(request)
        return (
            Done(f"a token that is not valid, not answered: {reason}")
            if reason
            else (request.answer_author(Notice.NOT_VALID))
        )
    return _CONFIRMED[token.purpose](request, token)


def _confirmed_subscribe(request: Request, token: Token) -> Done:
    if request.category.members.subscribe == "closed":
        return request.answer(Notice.CLOSED, to=token.address)
    if request.subscription(token.key):
        return request.answer(Notice.ALREADY_SUBSCRIBED, to=token.address)
    subscriptions.join(request.tx, request.category_id, token.address, token.detail)
    _note_news(request, News.JOINED, token.address)
    return request.answer(Notice.WELCOME, to=token.address)


def _confirmed_unsubscribe(request: Request, token: Token) -> Done:
    one = request.subscription(token.key)
    if one is None:
        return request.answer(Notice.NOT_SUBSCRIBED, to=token.address)
    subscriptions.unsubscribe(request.tx, request.category_id, one.key, Origin.PERSON)
    _note_news(request, News.LEFT, one.address)
    return request.answer(Notice.GOODBYE, to=token.address)


def _confirmed_options(request: Request, token: Token) -> Done:
    one = request.subscription(token.key)
    if one is None:
        return request.answer(Notice.NOT_SUBSCRIBED, to=token.address)
    try:
        option = options.read(token.detail, request.now, request.category.texts)
    except options.NoSuchOption:  # such as a holiday that was over before it was confirmed
        return request.answer(Notice.HELP, to=token.address)
    options.choose(request.tx, request.category_id, one.key, option, request.now)
    return request.answer_options(one.key, to=token.address)


def _note_news(request: Request, what: News, address: str) -> None:
    news.note(request.tx, request.category, request.category_id, what, address, request.now)


def _owner(request: Request) -> Done:
    """Hand a mail on to the owners, who answer its author themselves."""
    owners = request.category.told_owners
    if not may_answer(
        request.tx,
        request.category,
        request.category_id,
        Notice.TO_OWNERS,
        request.author,
        request.now,
        CHANGES_A_DAY,
    ):
        raise NotUnderstood(
            f"{request.author} has written to the owners several times today, "
            "or the list has written `answers_per_day` mails"
        )
    for one in owners:
        writing = Writing(
            one,
            values={"subject": request.parsed.subject, "text": request.parsed.text},
            reply_to=request.author,
            about=request.author,
        )
        tell(
            request.tx,
            request.category,
            request.category_id,
            Notice.TO_OWNERS,
            writing,
            request.now,
        )
    return Done("it was handed on to the owners", len(owners))


_DO: dict[Word, Callable[[Request], Done]] = {
    Word.SUBSCRIBE: _subscribe,
    Word.UNSUBSCRIBE: _unsubscribe,
    Word.LEAVE: _leave,
    Word.CONFIRM: _confirm,
    Word.OPTIONS: _options,
    Word.SET: _set,
    Word.RESUME: resuming.asked,
    Word.ADD_ADDRESS: address_requests.add,
    Word.REMOVE_ADDRESS: address_requests.remove,
    Word.MUTE: post_requests.mute,
    Word.UNMUTE: post_requests.mute,
    Word.GET: post_requests.get,
    Word.HELP: _help,
    Word.OWNER: _owner,
}
_CONFIRMED: dict[Purpose, Callable[[Request, Token], Done]] = {
    Purpose.SUBSCRIBE: _confirmed_subscribe,
    Purpose.UNSUBSCRIBE: _confirmed_unsubscribe,
    Purpose.OPTIONS: _confirmed_options,
    Purpose.RESUME: resuming.confirmed,
    Purpose.ADD_ADDRESS: address_requests.agreed,
    Purpose.OWN_ADDRESS: address_requests.confirmed,
    Purpose.REMOVE_ADDRESS: address_requests.removed,
}
