"""The chain: the rules in their order; the first opinion decides, and the trail is kept."""

from collections.abc import Callable
from dataclasses import dataclass

from listbridge.moderation import rules
from listbridge.moderation.rules import Action, Opinion, Submission

_CHAIN: tuple[Callable[[Submission], Opinion | None], ...] = (
    rules.approved,
    rules.no_usable_author,  # before membership: without an author there is nobody to look up
    rules.too_large,
    rules.empty,
    rules.repeated,
    rules.member,
    rules.non_member,  # the last one always has an opinion
)


@dataclass(frozen=True)
class Verdict:
    """What was decided about a post, why, and what each rule on the way said."""

    action: Action
    reason: str
    trail: tuple[dict[str, str], ...]


def judge(post: Submission) -> Verdict:
    """Ask the rules in their order until one has an opinion."""
    trail: list[dict[str, str]] = []
    for rule in _CHAIN:
        opinion = rule(post)
        if opinion is not None:
            trail.append(_step(rule, opinion.action, opinion.reason))
            return Verdict(opinion.action, opinion.reason, tuple(trail))
        trail.append(_step(rule, "pass", ""))
    raise AssertionError("the last rule of the chain must decide")


def _step(
    rule: Callable[[Submission], Opinion | None], verdict: str, reason: str
) -> dict[str, str]:
    return {"rule": rule.__name__, "verdict": verdict, "reason": reason}
