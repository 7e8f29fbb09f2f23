"""`python -m fakeshield_core`: parses, calls one command, prints; 0 done, 1 refused or failed, 2 usage."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from fakeshield_core.commands import analyze, clicks, evaluate, fakeshield, weights
from fakeshield_core.commands.outcome import STDOUT, Outcome
from fakeshield_core.commands.showing import show
from fakeshield_core.conform import command as conform
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.settings import Settings

TRAIN = "train-compact"
Command = Callable[[argparse.Namespace, Settings], Outcome]
COMMANDS: dict[str, Command] = {
    "analyze": analyze.run,
    "evaluate": evaluate.run,
    "clicks": clicks.run,
    "conform": conform.run,
    "fakeshield": fakeshield.run,
    "weights": weights.run,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code is returned, and 2 raised as SystemExit by argparse."""
    given = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser(with_training=given[:1] == [TRAIN])
    args = parser.parse_args(given)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if args.command == TRAIN:
            return _train(args)
        if args.json is not None and _holds_something_else(args.json):
            parser.error(
                f"--json would overwrite {args.json}, which is no JSON file; put --json after the pictures"
            )
        return show(COMMANDS[args.command](args, Settings.from_environment()), args.json)
    except FakeShieldError as error:
        return show(Outcome("", {"error": str(error)}, (str(error),)), getattr(args, "json", None))


def build_parser(with_training: bool = False) -> argparse.ArgumentParser:
    """The parser of all commands; the arguments of the training, which imports torch, only where needed."""
    parser = argparse.ArgumentParser(
        prog="python -m fakeshield_core", description="Tampering in pictures: what, where, why."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    analyze.add_arguments(commands.add_parser("analyze", help=analyze.HELP, description=analyze.HELP))
    evaluate.add_arguments(commands.add_parser("evaluate", help=evaluate.HELP, description=evaluate.HELP))
    clicks.add_arguments(commands.add_parser("clicks", help=clicks.HELP, description=clicks.HELP))
    conform.add_arguments(commands.add_parser("conform", help=conform.HELP, description=conform.HELP))
    fakeshield.add_arguments(
        commands.add_parser("fakeshield", help=fakeshield.HELP, description=fakeshield.HELP)
    )
    weights.add_arguments(commands.add_parser("weights", help=weights.HELP, description=weights.HELP))
    training = commands.add_parser(TRAIN, help="train the weights of the compact engine from photographs")
    if with_training:
        from fakeshield_core.training.command import add_arguments

        add_arguments(training)
    return parser


def _train(args: argparse.Namespace) -> int:
    from fakeshield_core.training.command import run

    return run(args)


def _holds_something_else(name: str) -> bool:
    path = Path(name)
    return name != STDOUT and path.suffix != ".json" and path.is_file() and path.stat().st_size > 0


if __name__ == "__main__":
    sys.exit(main())
