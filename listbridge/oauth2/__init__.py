"""Access tokens for servers that want OAuth 2.0 instead of a password (RFC 6749).

settings    what a half of a mail session says about it
providers   what is known of Google and Microsoft
consent     a person allows it: by browser (RFC 8252) or by a code (RFC 8628)
tokens      a token that is good now, refreshed once, whoever asks
token_file  where tokens are kept
answers     what a token endpoint says
refusals    what its refusals mean, and what to do
http        one POST
sasl        how a token is shown to a mail server
"""

from listbridge.oauth2.errors import OAuth2Error, TokenRefused, TokenUnavailable
from listbridge.oauth2.sasl import AccessToken, Credential
from listbridge.oauth2.settings import OAuth2Settings
from listbridge.oauth2.tokens import access_token

__all__ = [
    "AccessToken",
    "Credential",
    "OAuth2Error",
    "OAuth2Settings",
    "TokenRefused",
    "TokenUnavailable",
    "access_token",
]
