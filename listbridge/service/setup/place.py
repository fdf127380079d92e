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
from listbridge.config.gathering import Gathering
from listbridge.config.models import HALVES, Service, ServiceFile
from listbridge.config.source import shown
from listbridge.mailbox import IncomingSettings
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
    #: The mail session that has to be logged in to by OAuth2 before anything works, if any.
    session_to_log_in: str | None = None


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
        if answers.oauth2 is not None and not self._is_new:
            raise SetupError(
                f"{shown(self.service_file)} is there already, and never changed; a list whose "
                "account has no password needs a mail session there, so add one by hand"
            )
        new = self._files(answers, self._first_day(answers, since))
        to_log_in = files.SESSION if answers.oauth2 is not None else None
        return Plan(new, self._category(answers, new), to_log_in)

    def _first_day(self, answers: Answers, today: date) -> date:
        """Return since when mail is taken: what shares a mailbox takes the same mail."""
        server = answers.incoming
        wanted = IncomingSettings.model_validate(
            {"host": server.host, "port": server.port, "username": answers.username}
            | {"protocol": server.protocol, "security": server.security}
        ).common_place()
        for other in self.present.categories.values():
            if other.incoming is not None and other.incoming.common_place() == wanted:
                return other.incoming.since or today
        return today

    @property
    def _is_new(self) -> bool:
        return not os.path.lexists(self.service_file)

    def _files(self, answers: Answers, since: date) -> tuple[NewFile, ...]:
        """Return the new files, the category's last: who sees it finds the others there."""
        secret_file = _SECRETS / answers.slug
        new: list[NewFile] = []
        if self._is_new:
            text = files.service(answers, secret_file)
            new.append(NewFile(self.service_file, text, "the service, and its mail session"))
        password = answers.password
        if password is not None and password.literal is not None:
            path = self._secret_file(answers.slug)
            kept = f"{password.reveal()}\n"
            new.append(NewFile(path, kept, "its password, for you alone", private=True))
        people = f"its subscribers ({len(answers.people) or 'nobody yet'})"
        path = self._subscriber_file(answers.slug)
        new.append(NewFile(path, files.subscribers(answers), people))
        # A mail session is for a new service file; one that is there is its owner's.
        text = files.category(answers, since, None if self._is_new else secret_file)
        new.append(NewFile(self._category_file(answers.slug), text, "the list"))
        return tuple(new)

    def _category(self, answers: Answers, new: tuple[NewFile, ...]) -> Category:
        """Read the files as every command will; the password is not on disk yet."""
        service = self.present.service
        if self._is_new:
            written = ServiceFile.model_validate(tomllib.loads(new[0].text))
            sessions = Gathering(written.mail_sessions, self.folder).sessions()
            service = service.model_copy(update={"sessions": sessions})
        table = tomllib.loads(new[-1].text)
        category, found = category_file.understand(answers.slug, table, service)
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
