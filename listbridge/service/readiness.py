"""What the service can say of itself to whoever asks whether it is ready."""


class Readiness:
    """Not ready before everything runs, nor once it has been told to stop."""

    def __init__(self) -> None:
        self._reason: str | None = "the service is starting"

    def reasons(self) -> list[str]:
        """Say why it cannot work now; empty if it can."""
        return [self._reason] if self._reason else []

    def started(self) -> None:
        """Note that everything runs."""
        self._reason = None

    def stopping(self) -> None:
        """Note that it begins nothing new."""
        self._reason = "the service is being stopped"
