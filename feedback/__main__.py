"""`python -m feedback`: parses, calls one command, prints; 0 done, 1 refused or failed, 2 usage."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fakeshield_core.commands.outcome import Outcome, add_json_argument
from fakeshield_core.commands.showing import show
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.settings import Settings
from feedback.commands import keeping, looking, rating, releasing, reviewing
from feedback.store import FOLDER, FeedbackStore

RESTORE = "restore"


class Command(NamedTuple):
    """One command."""

    help: str
    run: Callable[[argparse.Namespace, FeedbackStore], Outcome]
    add_arguments: Callable[[argparse.ArgumentParser], None] | None = None


COMMANDS = {
    "stats": Command("the store in numbers", looking.stats),
    "review": Command("list what waits, accept or reject it", reviewing.run, reviewing.add_arguments),
    "claims": Command(
        "how right rated claims are, and offsets for their confidences",
        rating.claims,
        rating.add_claims_arguments,
    ),
    "release": Command(
        "freeze accepted feedback for training", releasing.release, releasing.add_release_arguments
    ),
    "export": Command("write a release as files", releasing.export, releasing.add_export_arguments),
    "backup": Command("copy the store to a folder", keeping.backup, keeping.add_backup_arguments),
    "verify": Command("check every row and file", looking.check),
    "purge": Command("delete items by receipt, and unused files", keeping.purge, keeping.add_purge_arguments),
    "migrate": Command("bring the schema up to date", looking.migrate),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code is returned, and 2 raised as SystemExit by argparse."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command == "review" and (wrong := reviewing.misuse(args)):
        parser.error(wrong)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        outcome = _run(args, Settings.from_environment())
    except FakeShieldError as error:
        outcome = Outcome("", {"error": str(error)}, (str(error),))
    return show(outcome, args.json)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="python -m feedback", description="What people said, kept for good."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help)
        if command.add_arguments is not None:
            command.add_arguments(sub)
        add_json_argument(sub)
    restore = commands.add_parser(RESTORE, help="make the database anew from events and files")
    keeping.add_restore_arguments(restore)
    add_json_argument(restore)
    return parser


def _run(args: argparse.Namespace, settings: Settings) -> Outcome:
    folder = settings.data_dir / FOLDER
    if args.command == RESTORE:
        return keeping.restore(args, folder, settings.database_url)
    with FeedbackStore.open(folder, settings.database_url) as store:
        return COMMANDS[args.command].run(args, store)


if __name__ == "__main__":
    sys.exit(main())
