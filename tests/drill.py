"""Kills writers of the feedback store for as long as asked: `python -m tests.drill --kills 600`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.feedback_drill import drill


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Kills writers of the feedback store, then looks for losses."
    )
    parser.add_argument("--kills", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(drill(Path(folder), args.kills, args.seed))


if __name__ == "__main__":
    main()
