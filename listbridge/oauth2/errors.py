"""Why there is no access token; each text is a plain sentence without any token in it."""

from listbridge.errors import ListbridgeError


class OAuth2Error(ListbridgeError):
    """There is no access token."""


class TokenRefused(OAuth2Error):
    """Somebody has to do something about it; asking again alone does not help."""


class TokenUnavailable(OAuth2Error):
    """The authorisation server, or the disk, does not serve us now; it is tried again."""
