"""Half precision on a GPU against the float32 golden, on the tiny weights; skips without a GPU."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fakeshield_core.checkpoints import cards
from fakeshield_core.checkpoints.fakeshield import locate
from fakeshield_core.domain import SoftMap, TextChunk, VerdictReady
from fakeshield_core.engines.fakeshield import FakeShieldEngine, build, build_from
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.fakeshield import explaining, localising
from fakeshield_core.fakeshield.decoding import Decoding
from fakeshield_core.fakeshield.loading import Placing
from fakeshield_core.fakeshield.options import SERVED
from fakeshield_core.fakeshield.pixels import read_rgb
from fakeshield_core.fakeshield.stages import compile_steps
from fakeshield_core.imaging import decode
from fakeshield_core.networks.mflm import place_states, seg_places
from fakeshield_core.picture import Picture
from fakeshield_core.settings import Settings
from tests.fakes import encoded, textured
from tests.integration.fakeshield_toy import toy_weights

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


@pytest.mark.parametrize("wanted", ["auto", "nf4"])
def test_the_serving_engine_on_a_card_gives_the_masks_of_a_cpu(
    device: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = locate(toy_weights(tmp_path))
    options = replace(SERVED, max_new_tokens=8)
    picture = decode((GOLDEN / "images" / "landscape.png").read_bytes())
    shown = _map(build_from(files, options=options, wanted=wanted), picture)
    monkeypatch.setattr(cards, "here", lambda: None)
    wanted_map = _map(build_from(files, options=options), picture)
    if wanted == "auto":  # nf4 on 64 random columns is another network
        assert (np.abs(shown - wanted_map) < 0.1).mean() > 0.9
    assert shown.shape == wanted_map.shape


def test_a_compiled_step_says_the_same(device: str, tmp_path: Path) -> None:
    engine = build_from(locate(toy_weights(tmp_path)), options=replace(SERVED, max_new_tokens=24))
    picture = decode((GOLDEN / "images" / "portrait.png").read_bytes())
    plain = _words(engine, picture)
    compile_steps(engine._stages)
    compiled = engine.with_options(replace(SERVED, max_new_tokens=24, static_cache=True))
    assert _words(compiled, picture) == plain


def test_the_real_engine_answers_with_verdict_words_and_map(device: str) -> None:
    """On the published weights: three made pictures with a known region."""
    settings = Settings.from_environment()
    try:
        engine = build(settings)
    except EngineUnavailable as error:
        pytest.skip(f"the published weights are not here: {error}")
    for seed in range(3):
        host, guest = textured(512, 768, seed=seed), textured(160, 200, seed=seed + 50)
        rgb = host.copy()
        rgb[300:460, 60:260] = guest
        updates = list(engine.analyze(decode(encoded(rgb, "JPEG", quality=92))))
        verdicts = [update for update in updates if isinstance(update, VerdictReady)]
        assert isinstance(updates[0], VerdictReady) and updates[0].score is not None
        assert verdicts[-1].verdict in ("tampered", "no_tampering_found")
        shown = engine.map_on_request(decode(encoded(rgb, "JPEG", quality=92)), "The lower left part.")
        assert shown.soft_map.shape == (512, 768)


def _map(engine: FakeShieldEngine, picture: Picture) -> SoftMap:
    return engine.map_on_request(picture, "The tampered area is in the lower left part.").soft_map


def _words(engine: FakeShieldEngine, picture: Picture) -> str:
    return "".join(update.text for update in engine.analyze(picture) if isinstance(update, TextChunk))
