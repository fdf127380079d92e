"""Posts again, for a subscriber whose mail came back, and who asks by mail or answers a probe."""

from listbridge import message
from listbridge.membership.request import Done, Request
from listbridge.notices import Notice
from storage import suspensions
from storage.states import Purpose, SubscriptionState
from storage.subscriptions import Subscription
from storage.tokens import Token


def asked(request: Request) -> Done:
    """See to `resume`."""
    one = request.subscription(message.key(request.author))
    return ask(request, one) if one else request.answer_author(Notice.NOT_SUBSCRIBED)


def ask(request: Request, one: Subscription) -> Done:
    """Ask a subscriber whose mail came back whether he wants it again."""
    if one.state is SubscriptionState.ACTIVE:
        return request.answer_author(Notice.ALREADY_SUBSCRIBED)
    if one.suspended_by is None:
        return request.answer_author(Notice.SUSPENDED)
    # It is asked of the address that has to work.
    return request.ask(Purpose.RESUME, "", to=one.address)


def confirmed(request: Request, token: Token) -> Done:
    """See to the answer, be it to a probe."""
    one = request.subscription(token.key)
    if one is None:
        return request.answer(Notice.NOT_SUBSCRIBED, to=token.address)
    if suspensions.resume(request.tx, request.category_id, one.key, request.now):
        return request.answer(Notice.RESUMED, to=token.address)
    is_active = one.state is SubscriptionState.ACTIVE
    what = Notice.ALREADY_SUBSCRIBED if is_active else Notice.SUSPENDED
    return request.answer(what, to=token.address)
