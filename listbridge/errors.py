"""The family of errors an operator may see.

    ListbridgeError            str() is one sentence: what, where, how to mend it
      ConfigError              the service file, or a category that was named, is wrong
      SecretError              a password could not be read from where the configuration says
      UnsafeText               text that must never reach a protocol command or a header

Each adapter adds its own below these: `mailbox.MailboxError`, `submission.AccountTrouble`,
`message.MessageError`.
"""


class ListbridgeError(Exception):
    """Something an operator can act on; its text is one plain sentence without secrets.

    `fault` says what is wrong and where; `cure`, if there is one, ends the sentence.
    """

    def __init__(self, fault: str, *, cure: str | None = None) -> None:
        super().__init__(f"{fault}; {cure}" if cure else fault)
        self.fault = fault
        self.cure = cure


class ConfigError(ListbridgeError):
    """The configuration is wrong, so that the command could not start."""


class SecretError(ListbridgeError):
    """A password could not be read from the place the configuration names."""


class UnsafeText(ListbridgeError, ValueError):
    """Text with control characters where a protocol command, header or address is built."""
