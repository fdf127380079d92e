"""What the owner of an author's domain asks of those who get mail in its name (DMARC, RFC 9989).

record    one policy record
walk      which record applies to a domain: the DNS tree walk
asking    the questions of one walk, answered by the same moment
policies  policies by domain, remembered, with a resolver that may be dead
"""

from listbridge.dmarc.policies import Policies, shared
from listbridge.dmarc.record import Policy

__all__ = ["Policies", "Policy", "shared"]
