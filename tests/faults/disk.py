"""A disk on which only that is certain which an fsync has covered; the rest is up to chance."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.faults.strace import Call

T = TypeVar("T")

_SECTOR = 512
_SYNCS = ("fsync", "fdatasync")


@dataclass
class _File:
    """A file's content: what is certain, and what was written since."""

    certain: bytearray = field(default_factory=bytearray)
    pending: list["_Write"] = field(default_factory=list)
    #: How much of `pending` each fsync covers that has begun and not ended.
    syncing: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Write:
    """Octets at an offset; or a new length, where there are none."""

    offset: int
    octets: bytes | None

    def onto(self, content: bytearray) -> None:
        if self.octets is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
            return
        end = self.offset + len(self.octets)
        content.extend(bytes(max(end - len(content), 0)))
        content[self.offset : end] = self.octets


class Disk:
    """The files of one folder, replayed from system calls. Power can be cut between any two."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._names: dict[str, _File] = {}  #: as every process sees them
        self._certain: dict[str, _File] = {}  #: as they are after a power cut at the least
        self._pending: list[tuple[str, _File | None]] = []  #: changes of names since

    def replay(self, call: Call) -> None:
        """Do what a call did; calls on other files are passed over."""
        if call.name in _SYNCS:
            self._sync(call)
        elif call.ends:
            if call.name == "unlink":
                self._rename(self._inside(call.strings[0]), None)
            elif call.name == "rename":
                self._move(*map(self._inside, call.strings))
            elif call.name == "openat" and call.created:
                self._make(self._inside(call.strings[-1]))
        elif name := self._inside(call.descriptor.encode()):
            self._write(name, call)

    def after_power_cut(self, chance: random.Random | None) -> dict[str, bytes]:
        """Return each file's content: what is certain, and of the rest what `chance` picks."""
        names = dict(self._certain)
        for name, file in _some(self._pending, chance):
            names.pop(name, None)
            if file is not None:
                names[name] = file
        return {name: _content(file, chance) for name, file in names.items()}

    def _inside(self, path: bytes) -> str:
        """Return the name within the folder; empty for any other file."""
        folder, _, name = path.decode("utf-8", "surrogateescape").rpartition("/")
        return name if folder == self._folder else ""

    def _make(self, name: str) -> None:
        if name and name not in self._names:
            self._rename(name, _File())

    def _rename(self, name: str, file: _File | None) -> None:
        if not name:
            return
        self._names.pop(name, None)
        if file is not None:
            self._names[name] = file
        self._pending.append((name, file))

    def _move(self, old: str, new: str) -> None:
        assert bool(old) == bool(new), "nothing comes from another folder, or goes into one"
        if not old:
            return
        file = self._names[old]
        self._rename(new, file)
        self._rename(old, None)

    def _write(self, name: str, call: Call) -> None:
        file = self._names.get(name)
        if file is None:
            return  # made before the trace began, or gone
        if call.name == "pwrite64":
            file.pending.append(_Write(call.numbers[-1], call.strings[0]))
        elif call.name == "ftruncate":
            file.pending.append(_Write(call.numbers[-1], None))
        else:
            assert not name.startswith("listbridge.db"), f"{call.name} is not replayed"

    def _sync(self, call: Call) -> None:
        if call.descriptor == self._folder:
            if call.ends:
                for name, file in self._pending:
                    self._certain.pop(name, None)
                    if file is not None:
                        self._certain[name] = file
                self._pending.clear()
            return
        file = self._names.get(self._inside(call.descriptor.encode()))
        if file is None:
            return
        if not call.ends:
            file.syncing.append(len(file.pending))
            return
        covered = file.syncing.pop(0)
        for write in file.pending[:covered]:
            write.onto(file.certain)
        del file.pending[:covered]
        file.syncing = [max(one - covered, 0) for one in file.syncing]


def _content(file: _File, chance: random.Random | None) -> bytes:
    content = bytearray(file.certain)
    for write in _some(file.pending, chance):
        torn = write.octets is not None and chance is not None and chance.random() < 0.1
        if torn and write.octets:
            kept = chance.randrange(len(write.octets)) // _SECTOR * _SECTOR
            write = _Write(write.offset, write.octets[:kept])
        write.onto(content)
    return bytes(content)


def _some(pending: Sequence[T], chance: random.Random | None) -> list[T]:
    if chance is None:
        return []
    likely = chance.random()
    return [one for one in pending if chance.random() < likely]
