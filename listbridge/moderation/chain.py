"""The chain: the rules in their order; the first opinion decides, and the trail is kept."""

from collections.abc import Callable
from dataclasses import dataclass

from listbridge.moderation import rules
from listbridge.moderation.rules import Action, Opinion, Submission

# First what nobody may do, then what it is, and who wrote it last.
_CHAIN: tuple[Callable[[Submission], Opinion | None], ...] = (
    rules.approved,
    rules.no_usable_author,  # before all that asks for the author
    rules.blocked,
    rules.all_held,
    rules.too_large,
    rules.empty,
    rules.repeated,
    rules.header_fields,
    rules.too_many_attachments,
    rules.unwanted_attachment,
    rules.too_many_by_author,
    rules.too_many_in_thread,
    rules.shown_password,
    rules.password,
    rules.umbrella,
    rules.in_doubt,  # before everything that trusts the author
    rules.staff,
    rules.allowed,
    rules.let_in,
    rules.announce_only,
    rules.first_posts,
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
