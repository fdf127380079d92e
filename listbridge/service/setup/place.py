"""Where the files of a new list go: beside those that are there."""

import os
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self

from listbridge import config
from listbridge.category import Category
from listbridge.config import Configuration, category_file, conflicts
from listbridge.config.models import HALVES, Service, ServiceFile
from listbridge.config.source import shown
from listbridge.service.setup import files
from listbridge.service.setup.answers import Answers, SetupError
from listbridge.service.setup.writing import NewFile

_SECRETS = Path("secrets")


@dataclass(frozen=True)
class Plan:
    """What is to be written, and the category it comes to."""

    files: tuple[NewFile, ...]
    #: With the password itself and without the subscriber file: nothing needs to be on disk yet.
    category: Category


@dataclass(frozen=True)
class Place:
    """One installation, which may be there already or still have to be made."""

    service_file: Path  #: absolute
    present: Configuration

    @classmethod
    def at(cls, service_file: Path) -> Self:
        """Look at what is there; raise `ConfigError` if the service file is wrong."""
        service_file = service_file.absolute()
        if os.path.lexists(service_file):
            return cls(service_file, config.load(service_file))
        folder = service_file.parent
        nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if not os.access(nearest, os.W_OK):
            raise SetupError(f"nothing can be written in {nearest}; name another folder")
        given = dict(ServiceFile()) | {"categories": folder / ServiceFile().categories}
        service = Service(**given, file=service_file, folder=folder)
        return cls(service_file, Configuration(service, {}, {}, ()))

    @property
    def folder(self) -> Path:
        """The folder of the service file, which relative paths count from."""
        return self.service_file.parent

    def refuse_taken(self, slug: str) -> None:
        """Raise `SetupError` if a file for this slug is there already."""
        paths = [self._category_file(slug), self._subscriber_file(slug), self._secret_file(slug)]
        taken = [str(shown(path)) for path in paths if os.path.lexists(path)]
        if taken:
            raise SetupError(
                f"{', '.join(taken)}: there already, and never overwritten; move it away, or "
                "choose another slug with --slug"
            )

    def plan(self, answers: Answers, since: date) -> Plan:
        """Say what would be written; raise `SetupError` if no category could be made of it."""
        self.refuse_taken(answers.slug)
        secret_file = _SECRETS / answers.slug
        text = files.category(answers, since, secret_file)
        new = [
            NewFile(self._category_file(answers.slug), text, "the list"),
            NewFile(
                self._subscriber_file(answers.slug),
                files.subscribers(answers),
                f"its subscribers ({len(answers.people) or 'nobody yet'})",
            ),
        ]
        if answers.password.literal is not None:
            kept = f"{answers.password.reveal()}\n"
            path = self._secret_file(answers.slug)
            new.append(NewFile(path, kept, "its password, for you alone", private=True))
        if not os.path.lexists(self.service_file):
            new.append(NewFile(self.service_file, files.SERVICE, "the service"))
        # The category file comes last: who sees it finds the others there.
        return Plan(tuple(reversed(new)), self._category(answers, text))

    def _category(self, answers: Answers, text: str) -> Category:
        """Read the category file as every command will; its password is not on disk yet."""
        table = tomllib.loads(text)
        category, found = category_file.understand(answers.slug, table, self.present.service)
        if category is None:
            raise SetupError("; ".join(f"{x.key}: {x.text}" if x.key else x.text for x in found))
        others = {**self.present.categories, answers.slug: category}
        if found := conflicts.find(others).get(answers.slug, []):
            raise SetupError("; ".join(one.text for one in found))
        update: dict[str, Any] = {"subscribers_file": None}
        for half in HALVES:
            settings = getattr(category, half)
            if settings.password is not None:
                update[half] = settings.model_copy(update={"password": answers.password})
        return category.model_copy(update=update)

    def _category_file(self, slug: str) -> Path:
        return self.present.service.categories / f"{slug}.toml"

    def _subscriber_file(self, slug: str) -> Path:
        return self.folder / f"{slug}.subscribers"

    def _secret_file(self, slug: str) -> Path:
        return self.folder / _SECRETS / slug
