"""What root makes belongs to whom the folder belongs, so that the service can work with it."""

import os
from datetime import datetime
from pathlib import Path

import pytest

from storage import restored
from storage.opening import open_database

SOMEBODY = 12345


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_database_that_root_makes_belongs_to_the_folders_owner(
    tmp_path: Path, now: datetime
) -> None:
    os.chown(tmp_path, SOMEBODY, SOMEBODY)
    database = open_database(f"sqlite:///{tmp_path}/listbridge.db")
    with database.transaction() as tx:
        seen = restored.look(tx, now)
    restored.keep_beside(database, seen)

    owners = {one.name: one.stat().st_uid for one in tmp_path.iterdir()}
    database.close()

    assert owners.keys() >= {"listbridge.db", "listbridge.db.starts"}
    assert {*owners.values()} == {SOMEBODY}


def test_only_its_owner_can_read_a_new_database(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path}/listbridge.db").close()

    assert (tmp_path / "listbridge.db").stat().st_mode & 0o077 == 0
