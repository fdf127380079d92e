"""What JavaMail's properties mean, and what they do here.

names    every documented property and its effect
values   how Java writes values
half     one half of a session: what its properties come to
judge    what means nothing here or cannot be honoured
reading  all of it together
"""

from listbridge.mailsession.javamail.half import Login
from listbridge.mailsession.javamail.reading import Reading, complete, overlay

__all__ = ["Login", "Reading", "complete", "overlay"]
