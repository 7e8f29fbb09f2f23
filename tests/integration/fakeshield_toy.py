"""The tiny official-layout weights and two training examples of each part."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from fakeshield_core.checkpoints import manifest
from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles, locate
from fakeshield_core.conform.dtg_recipe import made_state
from fakeshield_core.fakeshield import explaining, localising, recipes
from fakeshield_core.fakeshield.datasets import DetectionExample, MaskExample
from fakeshield_core.fakeshield.training.encodings import Encodings
from fakeshield_core.fakeshield.training.tasks import DetectionTask, MaskTask
from fakeshield_core.networks.dtg import DtgNetwork

GOLDEN = Path(__file__).parents[1] / "golden" / "fakeshield"
DTE_FDM = replace(recipes.DTE_FDM, batch=2)
MFLM = replace(recipes.MFLM, batch=2, accumulation=1, warmup=0.03, learning_rate=2e-3)


def files() -> FakeShieldFiles:
    return locate(GOLDEN)


def toy_weights(folder: Path) -> Path:
    """A copy of the tiny weights with a DTG file and a manifest that calls them toys; gives `weight/`."""
    for name in ("weight", "openai"):
        shutil.copytree(GOLDEN / name, folder / name)
    shutil.copy(GOLDEN / "tiny_sam_config.json", folder / "weight")
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in DtgNetwork().state_dict().items()}
    expected = document("dtg")
    state = made_state(shapes, expected["weight_recipe_seed"], expected["fc_bias"])
    root = folder / "weight" / "fakeshield-v1-22b"
    torch.save(
        {f"module.{name}": torch.from_numpy(values) for name, values in state.items()}, root / "DTG.pth"
    )
    files = {
        path.relative_to(root).as_posix(): manifest.FileRecord(path.stat().st_size, manifest.sha256_of(path))
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    manifest.write(root, manifest.Manifest(manifest.TOY, {"random numbers": "tests"}, True, files))
    return folder / "weight"


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
