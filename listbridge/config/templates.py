"""The folder `templates`: what notices say in the place of the built-in texts."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from listbridge.config.models import Service
from listbridge.config.problems import Finding, Problem
from listbridge.config.source import Source, shown
from listbridge.config.source import read as read_file
from listbridge.notices import catalogue
from listbridge.notices.catalogue import Texts

_INSTEAD = "the built-in text is used"


@dataclass
class Written:
    """What the folder came to: the texts that can be used, by language, and what is wrong."""

    texts: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)


def read(service: Service) -> Written:
    """Read the folder; what is wrong in it is a warning: a notice must go out all the same."""
    written = Written()
    folder = service.templates
    if folder is None:
        return written
    try:
        files = sorted(one for one in folder.iterdir() if one.suffix == ".toml")
    except OSError as err:
        text = f"cannot be read: {err.strerror}; the built-in texts are used"
        written.warnings.append(Problem(shown(folder), None, None, text))
        return written
    for path in files:
        source = read_file(path)
        if isinstance(source, Problem):
            text = f"{source.text}; the built-in texts are used"
            written.warnings.append(Problem(source.file, source.line, source.key, text))
            continue
        usable, wrong = catalogue.read(source.table)
        written.texts[path.stem.lower()] = usable
        findings = [Finding(place, f"{what}; {_INSTEAD}") for place, what in wrong.items()]
        written.warnings += source.problems(findings)
    return written


def unknown_language(source: Source, language: str, texts: Texts) -> Iterable[Problem]:
    """Say it where notices would be in English because nobody has written them otherwise."""
    if catalogue.is_known(language, texts):
        return ()
    known = ", ".join(sorted(catalogue.languages(texts)))
    text = (
        f"there are notices in {known}, and a file in `templates` can add others; English is used"
    )
    return source.problems([Finding(("language",), text)])
