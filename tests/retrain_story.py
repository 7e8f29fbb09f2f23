"""The retraining story as a person runs it: corrections are accepted, then the commands do the rest."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fakeshield_core.domain import BoolMask
from feedback.store import FOLDER, FeedbackStore
from finetune.base import FREE
from tests.planted import DOMAIN, SIDE, accept_corrections, planted, true_mask

ROOT = Path(__file__).resolve().parents[1]
SMALL = ("--window", str(SIDE), "--frozen-side", str(SIDE))
LEARNING = (*SMALL, "--steps", "160", "--holdout-share", "0.4")  # about 110 CPU-seconds from release to gate


def seed_corrections(
    data_dir: Path, groups: Sequence[int] = FREE, marked: Callable[[BoolMask], BoolMask] = true_mask
) -> list[str]:
    """Accepted corrections of the planted domain in the store of a data folder; their receipts."""
    with FeedbackStore.open(data_dir / FOLDER) as store:
        return accept_corrections(store, groups, marked)


def finetune(data_dir: Path, *arguments: str) -> tuple[int, Any]:
    """Exit code and JSON document of `python -m finetune`, run as a process of its own."""
    command = [sys.executable, "-m", "finetune", *arguments, "--json"]
    answer = subprocess.run(
        command, cwd=ROOT, env=environment(data_dir), capture_output=True, text=True, timeout=1200
    )
    assert answer.stdout, answer.stderr
    return answer.returncode, json.loads(answer.stdout)


def environment(data_dir: Path) -> dict[str, str]:
    """The present environment, with the data folder and one thread."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("FAKESHIELD_")}
    return {
        **given,
        "FAKESHIELD_DATA_DIR": str(data_dir),
        "FAKESHIELD_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def retrain_and_promote(data_dir: Path, *arguments: str, groups: Sequence[int] = FREE) -> str:
    """Seeds, runs, promotes; the digest of the new champion."""
    seed_corrections(data_dir, groups)
    code, run = finetune(data_dir, "run", *LEARNING, *arguments)
    assert code == 0 and run["state"] == "waiting_for_approval", run
    code, moved = finetune(data_dir, "promote", "--by", "operator")
    assert code == 0 and moved["champion"] == run["adapter"], moved
    return str(moved["champion"])


def roll_back(data_dir: Path) -> str | None:
    """One champion back; its digest, None for the base alone."""
    code, moved = finetune(data_dir, "rollback", "--by", "operator")
    assert code == 0, moved
    champion: str | None = moved["champion"]
    return champion


def write_trusted(folder: Path, groups: Sequence[int]) -> Path:
    """A manifest of planted pictures with their true masks."""
    folder.mkdir(parents=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "kind", "mask", "domain", "group"])
        for group in groups:
            made = planted(group)
            (folder / f"{group}.jpg").write_bytes(made.data)
            Image.fromarray(made.mask.astype(np.uint8) * 255).save(folder / f"{group}.mask.png")
            writer.writerow([f"{group}.jpg", "tampered", f"{group}.mask.png", DOMAIN, f"trusted-{group}"])
    return folder / "manifest.csv"
