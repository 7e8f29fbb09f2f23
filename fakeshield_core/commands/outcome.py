"""What a command gives back; `showing` prints it and nothing else does."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from fakeshield_core.domain import JsonValue

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a command."""

    text: str  # for people, on stdout unless JSON goes there
    document: JsonValue  # for machines, where `--json` asks for it
    complaints: tuple[str, ...] = ()  # one sentence each, on stderr

    @property
    def exit_code(self) -> int:
        """0: all was done; 1: something was refused or failed."""
        return 1 if self.complaints else 0


def add_shared_arguments(parser: argparse.ArgumentParser) -> None:
    """`--engine`, `--adapter` and `--json`, the same for every command that runs an engine."""
    parser.add_argument(
        "--engine", metavar="NAME", help="the engine that answers (default: FAKESHIELD_ENGINE, or compact)"
    )
    parser.add_argument(
        "--adapter",
        type=Path,
        metavar="DIR",
        help="folder of a trained adapter (default: the base alone)",
    )
    add_json_argument(parser, "put it after the pictures")


def add_json_argument(parser: argparse.ArgumentParser, place: str = "put it last") -> None:
    """`--json [FILE]`, the same everywhere.

    Args:
        place: where it may stand, as the help says it.
    """
    parser.add_argument(
        "--json",
        nargs="?",
        const=STDOUT,
        metavar="FILE",
        help=f"one JSON document to FILE, or to stdout and nothing else there; {place}",
    )
