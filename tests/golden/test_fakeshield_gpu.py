"""Half precision on a GPU against the float32 golden, on the tiny weights; skips without a GPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from fakeshield_core.checkpoints.fakeshield import locate
from fakeshield_core.fakeshield import explaining, localising
from fakeshield_core.fakeshield.decoding import Decoding
from fakeshield_core.fakeshield.loading import Placing
from fakeshield_core.fakeshield.pixels import read_rgb
from fakeshield_core.networks.mflm import place_states, seg_places

GOLDEN = Path(__file__).parent / "fakeshield"
STATE_ERROR = 0.03  # of the norm of the states before [SEG], in bfloat16; 0.0211 at most on a CPU
RUNS = ("landscape.png", "portrait.png")  # those with a [SEG]

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def device() -> str:
    if not torch.cuda.is_available():
        pytest.skip("this test needs a GPU")
    return "cuda"


@pytest.mark.parametrize("name", ["landscape.png", "portrait.png", "wide.jpg"])
def test_float16_gives_the_published_tokens(device: str, name: str) -> None:
    stage = explaining.load_stage(locate(GOLDEN), Placing(torch.float16, device))
    run = _document("dte_fdm")["runs"][name]
    rgb = read_rgb(GOLDEN / "images" / name)
    steps = stage.steps(
        rgb, run["prompt"], Decoding(stage.tokenizer.end_id, len(run["greedy_ids_float16"]) - 1)
    )
    assert [step.token for step in steps] == run["greedy_ids_float16"][1:]


@pytest.mark.parametrize("name", RUNS)
def test_bfloat16_states_before_seg_are_near_those_of_float32(device: str, name: str) -> None:
    files = locate(GOLDEN)
    half = _states(localising.load_stage(files, Placing(torch.bfloat16, device)), name)
    full = _states(localising.load_stage(files), name)
    assert float((half.float().cpu() - full).norm() / full.norm()) < STATE_ERROR


def _states(stage: localising.MflmStage, name: str) -> torch.Tensor:
    """With the golden's answer given, so that one other token does not change all that follow."""
    run = _document("mflm")["runs"][name]
    ids = [*run["input_ids"], *run["generated_ids"]]
    planes = torch.from_numpy(stage.clip_planes(read_rgb(GOLDEN / "images" / name, upright=True)))
    with torch.inference_mode():
        states = stage.network.states(stage.embeddings(ids[:-1], stage.network.vision_features(planes)))
    return place_states(states[0], seg_places(ids, stage.seg_id, stage.network.rows_of_picture))


def _document(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / "expected" / part / f"{part}.json").read_text())
    return found
