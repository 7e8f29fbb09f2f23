"""FakeShield-22B in its official layout, tiny: every published value, and one planted fault in each group.

`tests/golden/fakeshield` was made by the published code; its README says how.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fakeshield_core.__main__ import main
from fakeshield_core.conform.command import complaints, table, to_json
from fakeshield_core.conform.fakeshield import TOLERANCES, conform
from fakeshield_core.conform.ledger import Ledger

GOLDEN = Path(__file__).parent / "fakeshield"
BEYOND = 1.5  # times the tolerance; our own difference, up to a seventh of it, may have the other sign

# One value of each group: document, and the path inside it (or the name of a tensor).
FAULTS: dict[str, tuple[str, str]] = {
    "full-size names and shapes": ("full_size_keys/mflm.json", "keys/model.norm.weight"),
    "DTG weights: shapes": ("expected/dtg/dtg.json", "weight_checks/fc.bias/shape"),
    "DTG weights": ("expected/dtg/dtg.json", "weight_checks/conv1.weight/first3"),
    "DTG input": ("expected/dtg/dtg.safetensors", "wide.jpg.input_stride4"),
    "DTG logits": ("expected/dtg/dtg.json", "images/portrait.png/logits"),
    "DTG labels": ("expected/dtg/dtg.json", "images/wide.jpg/label"),
    "prompts": ("expected/dte_fdm/dte_fdm.json", "prompts/2/prompt"),
    "ids": ("expected/mflm/mflm.json", "runs/wide.jpg/input_ids"),
    "pixels": ("expected/mflm/mflm.safetensors", "portrait.png.sam_input_stride16"),
    "sums of inputs": ("expected/mflm/mflm.json", "runs/wide.jpg/clip_pixel_abs_sum"),
    "sizes and digests": ("expected/mflm/mflm.json", "runs/portrait.png/resized_uint8_sha256"),
    "vision features": ("expected/dte_fdm/dte_fdm.safetensors", "landscape.png.vision_features"),
    "projected rows": ("expected/dte_fdm/dte_fdm.safetensors", "wide.jpg.image_embeds_stride8"),
    "logits": ("expected/dte_fdm/dte_fdm.safetensors", "portrait.png.logits_stride32"),
    "greedy tokens": ("expected/mflm/mflm.json", "runs/portrait.png/seg_positions_expanded"),
    "greedy tokens, float16": ("expected/dte_fdm/dte_fdm.json", "runs/wide.jpg/greedy_ids_float16"),
    "decoded text": ("expected/mflm/mflm.json", "runs/landscape.png/published_text_output"),
    "hidden states": ("expected/mflm/mflm.safetensors", "landscape.png.last_hidden_stride32"),
    "states before [SEG]": ("expected/mflm/mflm.safetensors", "portrait.png.seg_embedding"),
    "SAM image embedding": ("expected/mflm/mflm.safetensors", "landscape.png.image_embedding_stride2"),
    "mask logits": ("expected/mflm/mflm.safetensors", "portrait.png.low_res_logits"),
    "share of mask pixels that differ": (
        "expected/mflm/mflm.json",
        "runs/portrait.png/mask_fraction_per_seg",
    ),
    "labels": ("expected/dte_fdm/dte_fdm.json", "training/samples/1/labels"),
    "losses": ("expected/mflm/mflm.json", "training/losses/mask_dice_loss"),
    "adapter targets": ("expected/mflm/mflm.json", "training/lora_target_modules"),
    "metrics": ("expected/metrics.json", "cIoU"),
}


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return conform(GOLDEN)


def test_every_value_is_within_tolerance(ledger: Ledger) -> None:
    assert complaints(ledger) == (), table(ledger)


def test_no_value_is_left_out(ledger: Ledger) -> None:
    assert ledger.untouched == ()
    assert len(ledger.checks) == 2269


def test_the_report_names_each_group_with_its_largest_difference(ledger: Ledger) -> None:
    text, document = table(ledger), to_json(ledger, "fakeshield")
    assert all(group in text for group in TOLERANCES)
    assert isinstance(document, dict) and document["passed"] is True
    json.dumps(document, allow_nan=False)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A copy with a fault in each group and one value that nobody knows."""
    folder = tmp_path_factory.mktemp("golden") / "fakeshield"
    shutil.copytree(GOLDEN, folder)
    for group, (file, where) in FAULTS.items():
        size = TOLERANCES[group] * BEYOND
        edit = _edit_tensor if file.endswith(".safetensors") else _edit_json
        edit(folder / file, where, lambda value, size=size: _wrong(value, size))
    document = json.loads((folder / "expected/metrics.json").read_text())
    (folder / "expected/metrics.json").write_text(json.dumps({**document, "mIoU": 0.5}))
    return conform(folder)


def test_every_group_has_a_planted_fault() -> None:
    assert set(FAULTS) == set(TOLERANCES)


@pytest.mark.parametrize("group", FAULTS)
def test_a_difference_just_beyond_the_tolerance_is_found(damaged: Ledger, group: str) -> None:
    failed = [check.path for found in damaged.groups if found.name == group for check in found.failures]
    assert len(failed) == 1
    assert failed[0].endswith(FAULTS[group][1])


def test_a_value_that_nothing_compares_is_named(damaged: Ledger) -> None:
    assert damaged.untouched == ("metrics/mIoU",)
    assert any("metrics/mIoU" in sentence for sentence in complaints(damaged))


def test_the_command_refuses_a_folder_without_a_golden(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conform", str(tmp_path), "--system", "fakeshield"]) == 1
    assert "no golden folder" in capsys.readouterr().err


def _wrong(value: Any, size: float) -> Any:
    """The value with one entry moved by a little more than what is allowed; exact ones become another."""
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, list):
        return [*value[:-1], _wrong(value[-1], size)]
    if size == 0:
        return value + 1
    # sums and losses are compared in parts of their size, everything else as it is
    return value + size * max(1.0, abs(value))


def _edit_json(path: Path, where: str, change: Callable[[Any], Any]) -> None:
    document = json.loads(path.read_text())
    place, keys = document, [int(part) if part.isdecimal() else part for part in where.split("/")]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = change(place[keys[-1]])
    path.write_text(json.dumps(document))


def _edit_tensor(path: Path, name: str, change: Callable[[Any], Any]) -> None:
    tensors = {key: np.array(value) for key, value in load_file(path).items()}
    flat = tensors[name].reshape(-1)
    flat[-1] += change(0.0)
    save_file(tensors, path)
