"""`python -m finetune`: parses, calls one command, prints; 0 done, 1 refused or failed, 2 usage."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from fakeshield_core.commands.outcome import Outcome, add_json_argument
from fakeshield_core.commands.showing import show
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.settings import Settings
from feedback.store import FOLDER, FeedbackStore
from finetune import commands, schedule
from finetune.config import Places, RunConfig, TrainConfig
from finetune.lease import LEAST_SECONDS, MOST_SECONDS, SECONDS


class Command(NamedTuple):
    """One command."""

    help: str
    run: Callable[[argparse.Namespace, FeedbackStore, Places], Outcome]
    add_arguments: Callable[[argparse.ArgumentParser], None] | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code is returned, and 2 raised as SystemExit by argparse."""
    args = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("finetune").setLevel(logging.INFO)
    logging.getLogger("bitsandbytes").setLevel(logging.CRITICAL)  # peft imports it; CPU kernels are not used
    try:
        settings = Settings.from_environment()
        args.threads = settings.threads
        with FeedbackStore.open(settings.data_dir / FOLDER, settings.database_url) as store:
            outcome = COMMANDS[args.command].run(args, store, Places(settings.data_dir))
    except FakeShieldError as error:
        outcome = Outcome("", {"error": str(error)}, (str(error),))
    except KeyboardInterrupt:
        outcome = Outcome(
            "", {"error": "interrupted"}, ("Stopped; `python -m finetune run` goes on from here.",)
        )
    return show(outcome, args.json)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="python -m finetune", description="Retraining on corrections: release, LoRA, gate, promotion."
    )
    added = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        sub = added.add_parser(name, help=command.help, description=command.help)
        if command.add_arguments is not None:
            command.add_arguments(sub)
        _add_shared_arguments(sub)
    return parser


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    train, run = TrainConfig(), RunConfig()
    numbers: tuple[tuple[str, type, object, str], ...] = (
        ("--steps", int, train.steps, "training steps"),
        ("--window", int, train.window, "pixels, side of a training window"),
        ("--batch", int, train.batch, "windows in a step"),
        ("--replay", float, train.replay, "share of base data in a step, 0.5..0.9"),
        ("--seed", int, train.seed, "the same seed and release give the same adapter"),
        ("--max-share", float, run.max_share, "most of a release that one contributor may give, 0..1"),
        ("--holdout-share", float, run.holdout_share, "share of new groups never trained on, 0..1"),
        ("--frozen-side", int, run.frozen_side, "pixels, side of the frozen procedural pictures"),
        ("--largest-masks", float, run.largest_masks, "share of masks that may cover over half a picture"),
    )
    for name, kind, default, text in numbers:
        parser.add_argument(
            name, type=kind, default=default, metavar="N", help=f"{text} (default: {default})"
        )
    parser.add_argument("--device", default=train.device, help="cpu or cuda (default: cpu)")
    parser.add_argument(
        "--approve", choices=("ask", "auto"), default=run.approve, help="ask: wait for a person (default)"
    )
    parser.add_argument(
        "--target", type=Path, metavar="CSV", help="manifest of trusted pictures that must gain"
    )
    parser.add_argument(
        "--photographs", type=Path, nargs="+", default=[], metavar="DIR",
        help="folders with a manifest.csv: replayed, a tenth of their groups frozen",
    )  # fmt: skip
    parser.add_argument("--new", action="store_true", help="do not go on with a run that was stopped")


def _add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("adapter", metavar="ADAPTER", help="digest of an adapter in the data folder")
    _add_run_arguments(parser)


def _add_promote_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="id or adapter (default: the newest that waits)"
    )
    parser.add_argument("--decided", action="store_true", help="only what was decided on the page")
    _add_by(parser)


def _add_rollback_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", default="", metavar="TEXT", help="kept with the event")
    _add_by(parser)


def _add_schedule_arguments(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="carry out decisions, and run if it is due")
    how.add_argument("--loop", action="store_true", help="the same every minute until interrupted")
    parser.add_argument(
        "--every", type=float, default=schedule.HOURS, metavar="HOURS", help="between two runs (default: 24)"
    )
    parser.add_argument(
        "--least", type=int, default=schedule.LEAST, metavar="N",
        help=f"new accepted corrections that make a run due (default: {schedule.LEAST})",
    )  # fmt: skip
    _add_run_arguments(parser)


def _add_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default="", metavar="NAME", help="who decides (default: the system's user)")


def _add_shared_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lease", type=_lease_seconds, default=SECONDS, metavar="SECONDS",
        help="how long a stopped process still counts as at work, at least 5 (default: 60)",
    )  # fmt: skip
    add_json_argument(parser)


def _lease_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no number; give seconds, such as 60.") from error
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(
            f"a lease lasts from {LEAST_SECONDS:.0f} to {MOST_SECONDS:.0f} seconds; give such as 60."
        )
    return seconds


COMMANDS = {
    "run": Command("release, training, gate; then it waits for approval", commands.run, _add_run_arguments),
    "train": Command("release and training alone; `run` goes on", commands.train, _add_run_arguments),
    "evaluate": Command(
        "an adapter against the champion, by the gate", commands.evaluate, _add_evaluate_arguments
    ),
    "promote": Command("approve a run that waits", commands.promote_run, _add_promote_arguments),
    "rollback": Command("one champion back", commands.roll_back, _add_rollback_arguments),
    "status": Command("champion, runs, what waits", commands.show_status),
    "schedule": Command(
        "a line for cron, one turn, or a loop", commands.run_schedule, _add_schedule_arguments
    ),
}

if __name__ == "__main__":
    sys.exit(main())
