"""FakeShield-22B behind the engine seam, on tiny weights whose words mean nothing."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles, locate
from fakeshield_core.domain import ClaimsReady, Engine, MapReady, TextChunk, VerdictReady
from fakeshield_core.engines.fakeshield import NO_REGION, FakeShieldEngine, FakeShieldOptions, build_from
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.fakeshield import localising
from fakeshield_core.fakeshield.explaining import DetectionPrompt
from fakeshield_core.fakeshield.localising import MaskAnswer, MflmStage
from fakeshield_core.fakeshield.running import Run
from fakeshield_core.fakeshield.workshop import Workshop
from fakeshield_core.imaging import decode
from fakeshield_core.networks.mflm import place_states
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.schema import analysis_to_json
from fakeshield_core.settings import Settings
from tests.integration.fakeshield_toy import GOLDEN, toy_weights

FEW = FakeShieldOptions(max_new_tokens=8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny weights with a DTG file beside them."""
    return toy_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def engine(weights: Path) -> FakeShieldEngine:
    return build_from(locate(weights), options=FEW)


@pytest.fixture(scope="module")
def mflm(weights: Path) -> MflmStage:
    return localising.load_stage(locate(weights))


def test_it_is_an_engine_by_name(weights: Path) -> None:
    engine = build_engine("fakeshield", Settings(weights_dir=weights, threads=1))
    assert isinstance(engine, Engine)
    assert engine.info.gives == {"verdict", "map", "explanation"}


def test_as_published_words_come_before_the_verdict_and_the_verdict_before_the_map(
    engine: FakeShieldEngine,
) -> None:
    kinds = [type(update) for update in engine.analyze(decode(_file("landscape.png")))]
    firsts = list(dict.fromkeys(kinds))
    assert firsts == [TextChunk, VerdictReady, MapReady, ClaimsReady]


def test_the_pieces_of_the_answer_are_the_explanation(engine: FakeShieldEngine) -> None:
    updates = list(engine.analyze(decode(_file("portrait.png"))))
    pieces = "".join(update.text for update in updates if isinstance(update, TextChunk))
    (claims,) = (update for update in updates if isinstance(update, ClaimsReady))
    assert claims.explanation.text == pieces != ""


def test_the_tag_travels_with_all_three_probabilities(engine: FakeShieldEngine) -> None:
    result = analysis_to_json(analyze_to_end(engine, decode(_file("wide.jpg"))))
    tag = result["domain_tag"]
    assert isinstance(tag, dict)
    assert tag["label"] == "deepfake"
    assert sum(tag["probabilities"].values()) == pytest.approx(1.0)


def test_an_answer_without_a_region_gives_an_empty_map_and_says_so(engine: FakeShieldEngine) -> None:
    updates = list(engine.analyze(decode(_file("wide.jpg"))))
    last = [update for update in updates if isinstance(update, VerdictReady)][-1]
    (shown,) = (update for update in updates if isinstance(update, MapReady))
    assert NO_REGION in last.warnings
    assert shown.soft_map.shape == (131, 183)
    assert not shown.soft_map.any()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_any_number_of_seg_tokens_gives_their_union(mflm: MflmStage, count: int) -> None:
    states = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    rgb = np.asarray(Image.open(GOLDEN / "images" / "portrait.png").convert("RGB"))
    answer = MaskAnswer((1,), states, tuple(range(count)))
    found = mflm.locate(place_states(states, list(answer.places)), mflm.embed(rgb), *rgb.shape[:2])
    assert found.found is (count > 0)
    assert found.logits.shape == (count, *rgb.shape[:2])
    assert np.array_equal(found.mask, (found.logits > 0).any(axis=0))


@pytest.mark.parametrize("token", ["[SEG]", "<image>", "<im_start>", "</s>", "<s>", "&lt;image&gt;"])
def test_control_tokens_inside_the_words_do_not_act(mflm: MflmStage, token: str) -> None:
    ids = mflm.tokenizer.encode_with_image(mflm.prompt(f"before {token} after"))
    plain = mflm.tokenizer.encode_with_image(mflm.prompt("before after"))
    acting = {-200, mflm.seg_id, mflm.tokenizer.end_id, mflm.tokenizer.id_of("<im_start>"), 1}
    assert [i for i in ids if i in acting] == [i for i in plain if i in acting]


def test_without_the_tag_the_question_stands_alone(engine: FakeShieldEngine, weights: Path) -> None:
    stage = engine._stages.dte_fdm
    bare = stage.prompt(1, DetectionPrompt(with_tag=False))
    assert "suspected" not in bare
    assert stage.prompt(1).replace(_sentence(stage.prompt(1)), "") == bare


def test_both_system_texts_can_be_chosen(engine: FakeShieldEngine) -> None:
    stage = engine._stages.dte_fdm
    assert stage.prompt(0).startswith("A chat between a curious human")
    assert stage.prompt(0, DetectionPrompt(system="vicuna_v1")).startswith("A chat between a curious user")


def test_without_the_explanation_the_training_question_is_asked(mflm: MflmStage) -> None:
    assert "point out the areas" in mflm.prompt(None)
    assert "basis for judgment" not in mflm.prompt(None)


def test_turned_files_are_seen_as_stored_or_upright_by_choice(
    engine: FakeShieldEngine,
) -> None:
    picture = decode(_turned("landscape.png"))
    seen = {
        geometry: Run(engine._stages, picture, replace(FEW, geometry=geometry), Workshop())._seen().shape[:2]
        for geometry in ("published", "upright")
    }
    assert picture.rgb.shape[:2] == (224, 140)
    assert seen == {"published": (140, 224), "upright": (224, 140)}


def test_sampling_repeats_with_its_seed(engine: FakeShieldEngine) -> None:
    hot = replace(FEW, temperature=5.0, top_p=0.9)
    texts = [_text(FakeShieldEngine(engine._stages, engine.info, replace(hot, seed=s))) for s in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]


def test_a_missing_dtg_is_named(weights: Path) -> None:
    files: FakeShieldFiles = replace(locate(weights), dtg=None)
    with pytest.raises(EngineUnavailable, match=r"DTG\.pth is missing"):
        build_from(files)


def _text(engine: FakeShieldEngine) -> str:
    updates = engine.analyze(decode(_file("landscape.png")))
    return "".join(update.text for update in updates if isinstance(update, TextChunk))


def _sentence(prompt: str) -> str:
    start = prompt.index("This is a picture")
    return prompt[start : prompt.index("Was this photo")]


def _file(name: str) -> bytes:
    return (GOLDEN / "images" / name).read_bytes()


def _turned(name: str) -> bytes:
    """The picture as a JPEG that says it lies on its side."""
    with Image.open(GOLDEN / "images" / name) as image:
        exif, buffer = Image.Exif(), io.BytesIO()
        exif[0x0112] = 6
        image.convert("RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()
