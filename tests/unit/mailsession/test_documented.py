"""The table of providers in the documents says what the profiles say."""

from pathlib import Path

from listbridge.mailsession import providers
from listbridge.mailsession.providers import Profile

PAGE = Path(__file__).parents[3] / "docs" / "providers.md"


def row(profile: Profile) -> str:
    """Return a profile's line of the table."""
    cells = (
        f"`{profile.name}`",
        profile.title,
        ", ".join(profile.incoming_protocols) or "sending only",
        ", ".join(profile.access.kinds),
        f"{profile.limits.max_per_day:,}" if profile.limits.max_per_day else "",
        profile.deletion.means if profile.incoming_protocols else "",
    )
    return f"| {' | '.join(cells)} |"


def test_every_profile_has_its_line_and_no_other_does() -> None:
    lines = [x for x in PAGE.read_text(encoding="utf-8").splitlines() if x.startswith("| `")]

    assert lines == [row(providers.profile(name)) for name in providers.names()]
