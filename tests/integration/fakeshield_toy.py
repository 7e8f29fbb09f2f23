"""The tiny official-layout weights and two training examples of each part."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles, locate
from fakeshield_core.fakeshield import explaining, localising, recipes
from fakeshield_core.fakeshield.datasets import DetectionExample, MaskExample
from fakeshield_core.fakeshield.training.encodings import Encodings
from fakeshield_core.fakeshield.training.tasks import DetectionTask, MaskTask

GOLDEN = Path(__file__).parents[1] / "golden" / "fakeshield"
DTE_FDM = replace(recipes.DTE_FDM, batch=2)
MFLM = replace(recipes.MFLM, batch=2, accumulation=1, warmup=0.03, learning_rate=2e-3)


def files() -> FakeShieldFiles:
    return locate(GOLDEN)


def document(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / "expected" / part / f"{part}.json").read_text())
    return found


def detection_task() -> DetectionTask:
    samples = document("dte_fdm")["training"]["samples"]
    examples = [DetectionExample(GOLDEN / "images" / s["record"]["image"], s["record"]) for s in samples]
    return DetectionTask(explaining.load_stage(files()), examples, DTE_FDM.max_length)


def mask_task(views: Path) -> MaskTask:
    expected = document("mflm")
    examples = [
        MaskExample(
            GOLDEN / "images" / sample["image"],
            GOLDEN / "expected" / "mflm" / sample["gt_mask"],
            expected["runs"][sample["image"]]["answer"],
        )
        for sample in expected["training"]["samples"]
    ]
    stage = localising.load_stage(files())
    return MaskTask(stage, examples, MFLM.max_length, encodings=Encodings(views))
