"""What is asked by mail about one post: its thread no more, or again, or the whole of it."""

from listbridge import message
from listbridge.membership.request import CHANGES_A_DAY, Done, Request
from listbridge.membership.telling import may_answer
from listbridge.notices import Notice, word
from storage import outbox, posts
from storage.posts import Post
from storage.states import PostState, Purpose
from storage.subscriptions import Subscription

# Who reads only what a post is about wants some of them whole.
_POSTS_A_DAY = 50


def mute(request: Request) -> Done:
    """Ask whether a thread is wanted no more, or again, known by a post or by what is answered."""
    if not request.subscription(message.key(request.author)):
        return request.answer_author(Notice.NOT_SUBSCRIBED)
    post = _meant(request)
    if post is None:
        return request.answer_author(Notice.HELP)
    wish = f"{request.command.word.value} {post.id}"
    change = f"{wish} ({post.subject})"
    return request.ask(Purpose.OPTIONS, wish, each=CHANGES_A_DAY, change=change)


def _meant(request: Request) -> Post | None:
    """Return the accepted post that a command is about."""
    number = request.command.argument
    if number:
        found = posts.find(request.tx, int(number))
    else:
        answered = posts.known_as(request.tx, request.category_id, request.parsed.references)
        nearest = (answered[one] for one in request.parsed.references if one in answered)
        post_id = next(nearest, None)
        found = posts.find(request.tx, post_id) if post_id is not None else None
    is_shown = found is not None and found.category_id == request.category_id
    return found if is_shown and found and found.state is PostState.ACCEPTED else None


def get(request: Request) -> Done:
    """Send a subscriber a post as everybody got it, each at most once.

    Others can ask in his name, so it goes to his address alone, and few do in a day. He is told if
    there is nothing to be sent: of what was imported from an archive the list has sent nothing.
    """
    one = request.subscription(message.key(request.author))
    if one is None:
        return request.answer_author(Notice.NOT_SUBSCRIBED)
    post = _meant(request)
    if post is None:
        return request.answer_author(Notice.HELP)
    if not may_answer(
        request.tx,
        request.category,
        request.category_id,
        Notice.UPDATE,
        one.address,
        request.now,
        _POSTS_A_DAY,
    ):
        return Done(f"enough posts for one day: {post.id} was not sent to {one.address}")
    if not outbox.add_recipient(request.tx, post.id, one.address, request.now):
        return _tell_why(request, post, one)
    return Done(f"post {post.id} is sent to {one.address}", 1)


def _tell_why(request: Request, post: Post, one: Subscription) -> Done:
    """Tell a subscriber why a post is not sent to him."""
    copy = outbox.of_post(request.tx, post.id)
    name = "was-sent" if copy is not None and copy.head else "never-sent"
    reason = word(name, one.language or request.category.language, request.category.texts)
    return request.answer_sparingly(
        Notice.NO_POST, to=one.address, number=str(post.id), reason=reason or ""
    )
