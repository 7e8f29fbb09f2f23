"""The whole loop on planted corrections, from nothing to a rollback: `make loop`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.retrain_story import LEARNING, ROOT, environment, seed_corrections

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("feedback", "stats"),
    ("finetune", "run", *LEARNING),
    ("finetune", "promote"),
    ("finetune", "status"),
    ("finetune", "rollback"),
)


def main() -> int:
    """Runs each command of the loop; the first exit code that is not 0."""
    parser = argparse.ArgumentParser(description="Corrections, retraining, promotion and rollback.")
    parser.add_argument("--data", type=Path, help="a new data folder that is kept (default: one that is not)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data_dir = args.data or Path(scratch)
        print(f"180 corrections of a planted domain are saved and accepted in {data_dir}", flush=True)
        seed_corrections(data_dir)
        settings = environment(data_dir) | {"FAKESHIELD_THREADS": str(os.cpu_count() or 1)}
        for module, *arguments in COMMANDS:
            print(f"\n$ python -m {module} {' '.join(arguments)}", flush=True)
            done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, env=settings)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
