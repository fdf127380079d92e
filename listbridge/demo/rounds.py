"""What the command line does: one round of `poll-once`, and approving a held post."""

from dataclasses import dataclass
from pathlib import Path

from listbridge import bootstrap
from listbridge.bootstrap import Installation
from listbridge.demo import records
from listbridge.demo.records import Records
from listbridge.intake.tally import Tally
from listbridge.moderation import actions
from listbridge.service.once import poll_once
from storage.posts import Post


@dataclass(frozen=True)
class Round:
    """What one round came to, and what is on record after it."""

    tallies: list[Tally]
    records: Records
    warnings: tuple[str, ...]  #: what the configuration gives cause to


async def poll(config_file: Path) -> Round:
    """Do what `listbridge poll-once` does."""
    tallies: list[Tally] = []
    with bootstrap.installation(config_file) as installation:
        slugs = list(installation.ids)
        await poll_once(installation, slugs, send=True, dry_run=False, done=tallies.append)
        broken = [Tally(slug, error=why) for slug, why in installation.broken.items()]
        warnings = tuple(str(one) for one in installation.configuration.warnings)
        return Round(tallies + broken, records.read(installation.db), warnings)


def approve(config_file: Path, post: Post) -> bool:
    """Do what `listbridge held approve` does."""
    with bootstrap.installation(config_file) as installation:
        return _approve(installation, post)


def _approve(installation: Installation, post: Post) -> bool:
    with installation.db.transaction() as tx:
        return actions.approve(tx, installation.category(post.category), post)
