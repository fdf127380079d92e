"""JavaMail's own properties, one in a line, as blueprints and applications keep them."""

from collections.abc import Mapping
from pathlib import Path

from listbridge.mailsession.foreign import ForeignSession
from listbridge.mailsession.javamail import complete
from listbridge.mailsession.remarks import Remark


def session(
    path: Path, values: Mapping[str, str], remarks: tuple[Remark, ...] = ()
) -> ForeignSession:
    """Read the `mail.*` properties of a file; others are some program's own."""
    own = {name: value for name, value in values.items() if name.startswith("mail.")}
    return ForeignSession(path.stem, complete(own), remarks=remarks)
