"""Further addresses by mail.

Both are asked, one after the other: whoever writes in a subscriber's name would otherwise join his
own address to it, and leave, or post, in that name.
"""

from listbridge import message
from listbridge.membership import further
from listbridge.membership.request import CHANGES_A_DAY, Done, Request
from listbridge.notices import Notice
from storage import aliases
from storage import subscriptions as store
from storage.states import Purpose, SubscriptionState
from storage.tokens import Token


def add(request: Request) -> Done:
    """Ask the subscriber whether it is his wish that another address counts as his."""
    return _ask(request, Purpose.ADD_ADDRESS)


def remove(request: Request) -> Done:
    """Ask the subscriber whether it is his wish that it does no longer."""
    return _ask(request, Purpose.REMOVE_ADDRESS)


def _ask(request: Request, purpose: Purpose) -> Done:
    one = request.subscription(message.key(request.author))
    if one is None:
        return request.answer_author(Notice.NOT_SUBSCRIBED)
    try:
        other = message.normalise(request.command.argument)
    except message.AddressError:
        return request.answer_author(Notice.HELP)
    return request.ask(
        purpose,
        other,
        to=one.address,
        each=CHANGES_A_DAY,
        change=f"{request.command.word} {other}",
    )


def agreed(request: Request, token: Token) -> Done:
    """See to the subscriber's answer: now the other address is asked."""
    one = request.subscription(token.key)
    if one is None:
        return request.answer(Notice.NOT_SUBSCRIBED, to=token.address)
    other = token.detail
    try:
        further.require_free(request.tx, request.category, request.category_id, one, other)
    except further.NotFree:
        return request.answer(Notice.ADDRESS_TAKEN, to=token.address, other=other)
    return request.ask(Purpose.OWN_ADDRESS, one.key, to=other, subscriber=one.address)


def confirmed(request: Request, token: Token) -> Done:
    """See to the answer of the other address: now it is the subscriber's as well."""
    one = store.find(request.tx, request.category_id, token.detail)
    if one is None or one.state is SubscriptionState.REMOVED:
        return request.answer(Notice.NOT_SUBSCRIBED, to=token.address)
    try:
        further.add(request.tx, request.category, request.category_id, one, token.address)
    except further.NotFree:
        return request.answer(Notice.ADDRESS_TAKEN, to=token.address, other=token.address)
    return request.answer_options(one.key, to=one.address)


def removed(request: Request, token: Token) -> Done:
    """See to the subscriber's answer: the other address is his no longer."""
    one = request.subscription(token.key)
    if one is None:
        return request.answer(Notice.NOT_SUBSCRIBED, to=token.address)
    aliases.remove(request.tx, one.id, message.key(token.detail))
    return request.answer_options(one.key, to=one.address)
