"""What the messages that wait in a mailbox mean for the first poll."""

from datetime import date, timedelta

from listbridge import clock
from listbridge.mailbox.mailbox import MailboxError
from listbridge.mailbox.settings import IncomingSettings

# What is older than this has lain there before anybody thought of a list; a list whose service
# stood still over a week's holiday is not warned of its own posts.
_OLD = timedelta(days=10)


def judged(
    settings: IncomingSettings, every: int, waits: int, oldest: date | None
) -> str | MailboxError:
    """Say how many of `every` message would be taken in; old mail without `since` is an error."""
    today = clock.now().date()
    if settings.since is None and oldest is not None and oldest < today - _OLD:
        return MailboxError(
            f"{_messages(waits)} in the mailbox, the oldest of {oldest}, and all of it would be "
            "taken in and posted",
            cure=f"set since = {today} under [incoming], so that older mail is left alone",
        )
    taken = f"{_messages(waits)}, to be taken in and posted unless a rule says otherwise"
    if not waits:
        taken = "nothing to be taken in"
    if settings.since is None or every == waits:
        return taken
    # A day ahead is that of another time zone.
    later = " (a day to come)" if settings.since > today + timedelta(days=1) else ""
    return f"{taken}; {_messages(every - waits)} from before {settings.since}{later} left alone"


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"
