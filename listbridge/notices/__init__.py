"""Service mail to people: what it says, and the bytes it is made of. Knows no state of anything.

letter    the form that all such mail has
alert     what the operator is told about the service itself
"""

from listbridge.notices.alert import Condition, Ended, What, alert
from listbridge.notices.letter import letter

__all__ = ["Condition", "Ended", "What", "alert", "letter"]
