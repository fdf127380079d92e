"""Findings about category files that are wrong."""

from collections.abc import Iterable, Iterator

from listbridge.config import Problem
from listbridge.service.checking.finding import Finding, wrong


def broken_file(slug: str, problems: Iterable[Problem]) -> Iterator[Finding]:
    """Yield a finding for each problem of one category's file."""
    for problem in problems:
        line = f"line {problem.line} of " if problem.line else ""
        key = f"{problem.key} in " if problem.key else ""
        yield wrong(slug, "file", str(problem), f"correct {key}{line}{problem.file}")


def refused(slug: str, why: str) -> Finding:
    """Return the finding for a category that the store does not accept under this slug."""
    return wrong(slug, "file", why, f"rename the category or give {slug!r} another address")
