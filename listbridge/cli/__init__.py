"""The command line. Results go to stdout, everything else to stderr."""

import errno
import gc
import io
import os
import sys
from contextlib import suppress
from pathlib import Path

import click

import listbridge
from listbridge.cli import (
    allowed,
    archives,
    audit,
    bounces,
    category,
    check,
    db,
    demo,
    held,
    import_session,
    init,
    oauth,
    people_in,
    people_out,
    poll,
    post,
    posts,
    queue,
    serve,
    shunted,
    simulate,
    status,
    subscribers,
)
from listbridge.cli.group import Group
from listbridge.cli.options import Settings, common
from listbridge.errors import ConfigError, ListbridgeError
from storage.errors import StoreError

#: Exit statuses: something failed and the rest was done; nothing was done.
FAILED, UNUSABLE = 1, 2

# What writing to a file says that cannot grow any more.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_NOWHERE = Path(os.devnull)

# Click keeps the lines of a paragraph that begins with \b.
_EPILOG = """\b
Without --config the service file is the first of: $LISTBRIDGE_CONFIG,
./listbridge.toml, $XDG_CONFIG_HOME/listbridge/listbridge.toml,
/etc/listbridge/listbridge.toml.

\b
Exit status: 0 all well; 1 something failed, the rest was done;
2 wrong usage or configuration, nothing was done.
"""


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(listbridge.__version__, prog_name="listbridge")
@common
@click.pass_context
def command(context: click.Context, settings: Settings) -> None:
    """Turn any ordinary mailbox into a mailing list."""
    context.obj = settings


for part in (
    poll.poll_once,
    serve.serve,
    check.check,
    status.status,
    subscribers.subscribers,
    posts.posts,
    post.post,
    held.held,
    allowed.allowed,
    shunted.shunted,
    queue.queue,
    bounces.bounces,
    simulate.simulate,
    audit.audit,
    category.category,
    db.db,
    oauth.oauth,
    init.init,
    import_session.import_session,
    archives.import_,
    archives.export,
    demo.demo,
):
    command.add_command(part)

subscribers.subscribers.add_command(people_in.plan)
subscribers.subscribers.add_command(people_in.import_, "import")
subscribers.subscribers.add_command(people_out.export, "export")


def main() -> None:
    """Run the command line and end the process with its exit status."""
    # What has been imported stays. To look through it for garbage, at the end if not before, took
    # a quarter of the time of a short command.
    gc.freeze()
    _open_missing_streams()
    _check_packages()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name in Greek must not end a command on a terminal that knows only ASCII.
            stream.reconfigure(errors="backslashreplace")
    try:
        # Without its standalone mode, click returns the status that a command exits with.
        sys.exit(command(standalone_mode=False) or 0)
    except click.ClickException as err:
        err.show()
        sys.exit(UNUSABLE)
    except click.Abort:
        sys.exit(FAILED)
    except ConfigError as err:
        click.echo(f"listbridge: {err}", err=True)
        sys.exit(UNUSABLE)
    except (ListbridgeError, StoreError) as err:
        click.echo(f"listbridge: {err}", err=True)
        sys.exit(FAILED)
    except OSError as err:
        if err.errno not in _NO_ROOM or err.filename is not None:
            raise
        _give_up_output(err)
        sys.exit(FAILED)


def _open_missing_streams() -> None:
    """Put the null device where whoever started us has closed stdin, stdout or stderr."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, _NOWHERE.open(mode))


def _give_up_output(err: OSError) -> None:
    """Say that the output cannot be written, if that at least can be."""
    with suppress(OSError):
        click.echo(f"listbridge: the output cannot be written: {err.strerror}", err=True)
    # What is still in their buffers would make Python fail again, at its very end.
    sys.stdout = sys.stderr = _NOWHERE.open("w")


def _check_packages() -> None:
    """Refuse to run with a `storage` or `scheduler` that belongs to somebody else.

    Their names are so common that a stray module in the current folder could stand in for them.
    """
    import scheduler
    import storage

    here = Path(listbridge.__file__).parent.parent
    for module in (storage, scheduler):
        if module.__file__ is None or Path(module.__file__).parent.parent != here:
            click.echo(
                f"listbridge: the package {module.__name__!r} was found at {module.__file__} and "
                f"not beside listbridge in {here}; run from another folder, or install listbridge "
                "in an environment of its own",
                err=True,
            )
            sys.exit(UNUSABLE)
