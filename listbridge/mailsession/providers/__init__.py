"""What is known of well-known mail providers, and how a domain's servers are found.

profile    one provider's facts, and the settings that follow from them
known      the profiles that come with the program: one small TOML file each in `profiles`
discovery  what a domain itself says in the DNS: SRV records, or a provider's mail exchangers
"""

from listbridge.mailsession.providers.known import (
    for_account,
    for_address,
    for_exchanger,
    for_host,
    names,
    profile,
)
from listbridge.mailsession.providers.profile import Profile

__all__ = ["Profile", "for_account", "for_address", "for_exchanger", "for_host", "names", "profile"]
