"""What one pass over a category came to, in the numbers that `poll-once` reports."""

from dataclasses import dataclass, field

from storage.states import Trouble


@dataclass
class Tally:
    """The counters of one category; `error` is a sentence, or None if all went well."""

    category: str
    fetched: int = 0
    deleted: int = 0
    posts: int = 0
    replies: int = 0
    duplicates: int = 0
    held: int = 0
    rejected: int = 0
    discarded: int = 0
    commands: int = 0
    bounces: int = 0
    robots: int = 0
    shunted: int = 0
    queued: int = 0
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    uncertain: int = 0
    error: str | None = None
    warnings: list[str] = field(default_factory=list)  #: worth saying, and no error
    trouble: Trouble | None = None  #: of what kind the error is; the worst, if of several

    def add(self, **counters: int) -> None:
        """Add to the counters of these names."""
        for name, number in counters.items():
            setattr(self, name, getattr(self, name) + number)

    def complain(self, sentence: str, trouble: Trouble | None = None) -> None:
        """Add a sentence to the error unless it is there; the counters stay true."""
        if trouble is not None:
            self.trouble = min(trouble, self.trouble or trouble, key=list(Trouble).index)
        if self.error and sentence in self.error.split("; "):
            return
        self.error = f"{self.error}; {sentence}" if self.error else sentence
