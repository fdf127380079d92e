"""`listbridge init`"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from listbridge import clock
from listbridge.category import Category
from listbridge.cli import output
from listbridge.cli.answer_options import Given, answer_options
from listbridge.cli.findings import Findings
from listbridge.cli.options import Settings, common
from listbridge.cli.questions import Questions
from listbridge.config import search
from listbridge.config.source import shown
from listbridge.service import setup
from listbridge.service.checking import check_category
from listbridge.service.setup import Answers, Place, Plan

# Click keeps the lines of a paragraph that begins with \b.
_EXAMPLES = """\b
listbridge init lists
listbridge init lists --address choir@example.org --subscribers members.csv
"""


@click.command(epilog=_EXAMPLES)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@answer_options
@click.option("--no-test", is_flag=True, help="Write the files without trying the servers.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@common
@click.pass_context
def init(
    context: click.Context,
    /,
    folder: Path | None,
    no_test: bool,
    yes: bool,
    settings: Settings,
    **answers: Any,
) -> None:
    """Set up a list in DIR: ask for what no option says, try the servers, write the files.

    The servers of well-known providers are known, those of others are looked for. Nothing is
    written before they have let us in, and nothing is ever overwritten. Mail that came before today
    is left alone.
    """
    place = Place.at(_service_file(folder, settings))
    may_ask = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    try:
        questions = Questions(Given(**answers), place, ask=may_ask)
        plan = _tested_plan(questions, place, may_ask, no_test)
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)  # The cursor stands behind a question.
        plan = None
    if plan is None:
        click.echo("Nothing was written.", err=True)
        context.exit(1)
    setup.write(plan.files)
    _show(plan, place, settings)


def _service_file(folder: Path | None, settings: Settings) -> Path:
    if folder is None:
        named = settings.config or os.environ.get("LISTBRIDGE_CONFIG") or search.NAME
        return Path(named)
    if settings.config is not None:
        raise click.UsageError("give either DIR or --config; the files go to the folder of both")
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"{folder} is not a folder")
    return folder / search.NAME


def _tested_plan(questions: Questions, place: Place, may_ask: bool, no_test: bool) -> Plan | None:
    """Return what is to be written once a test has passed; None if it failed and stays so."""
    since = setup.first_day(clock.now())
    answers = questions.answers()
    while True:
        plan = place.plan(answers, since)
        # Without a token nobody is let in yet.
        if no_test or answers.oauth2 or _passes(plan.category, answers):
            return plan
        if not may_ask or not click.confirm("Correct it and test again?", default=True, err=True):
            return None
        answers = questions.corrected(answers)


def _passes(category: Category, answers: Answers) -> bool:
    """Try the servers, and tell what is found as it is found."""
    findings = Findings(as_json=False, stderr=True)
    passed = True
    for one in check_category(category, people=[x.address for x in answers.people]):
        passed &= one.ok
        # Where the password is kept is no news to who has just said it.
        if not (one.ok and one.what.endswith(" password")):
            findings.show(one)
    return passed


def _show(plan: Plan, place: Place, settings: Settings) -> None:
    if settings.json:
        written = [str(one.path) for one in plan.files]
        output.show_json({"category": plan.category.slug, "written": written})
    else:
        for one in plan.files:
            click.echo(f"{shown(one.path)}: {one.what}")
    incoming = plan.category.incoming
    if incoming is not None:
        click.echo(f"Mail that arrived before {incoming.since} is left alone.", err=True)
    click.echo("Next:", err=True)
    for command in _next_commands(place.service_file, plan.session_to_log_in):
        click.echo(f"    {command}", err=True)
    if place.present.categories:
        click.echo(
            "A `serve` that runs already takes the list at SIGHUP, or when it is started anew.",
            err=True,
        )


def _next_commands(service_file: Path, session_to_log_in: str | None) -> Iterator[str]:
    program = callable_name()
    named = os.environ.get("LISTBRIDGE_CONFIG")
    if (named or service_file.name != search.NAME) and Path(named or "").absolute() != service_file:
        program += f" --config {shlex.quote(str(service_file))}"
    elif not named and service_file.parent != Path.cwd():
        yield f"cd {shlex.quote(str(shown(service_file.parent)))}"
    if session_to_log_in is not None:
        yield f"{program} oauth login {session_to_log_in}    # asks the provider to let it in"
    yield f"{program} check                  # tries the servers again"
    yield f"{program} poll-once --dry-run    # says what would be done"
    yield f"{program} serve                  # does it, from now on"


def callable_name() -> str:
    """Return how this program is called from any folder."""
    name, called = "listbridge", sys.argv[0]
    if shutil.which(name) or not called.endswith(f"/{name}"):
        return name
    return shlex.quote(str(Path(called).resolve()))
