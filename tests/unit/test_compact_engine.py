"""The compact engine with random weights: order, sizes, bands, orientation; nothing here judges accuracy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fakeshield_core.checkpoints.compact import (
    CARD,
    WEIGHTS,
    Calibration,
    CompactCheckpoint,
    read_compact,
    write_compact,
)
from fakeshield_core.domain import MapReady, VerdictReady
from fakeshield_core.engines import tiles
from fakeshield_core.engines.compact import CompactEngine, build
from fakeshield_core.errors import AdapterIncompatible, EngineUnavailable
from fakeshield_core.networks.compact import CompactConfig, CompactNetwork
from fakeshield_core.picture import Picture
from tests.fakes import pictured, textured

SMALL = CompactConfig(quarter=16, dct=16, eighth=32, width=32, blocks=1, heads=4, key=8, top=4)


UNFITTED = Calibration()


def engine_with(calibration: Calibration = UNFITTED) -> CompactEngine:
    torch.manual_seed(3)
    network = CompactNetwork(SMALL).eval().requires_grad_(False)
    return CompactEngine(CompactCheckpoint(network, calibration, "0" * 12, {}))


def answer(engine: CompactEngine, picture: Picture) -> tuple[VerdictReady, MapReady]:
    """The last verdict and the map."""
    first, soft, *checked = engine.analyze(picture)
    assert isinstance(first, VerdictReady) and isinstance(soft, MapReady)
    assert first.to_be_checked == bool(checked)
    verdict = checked[0] if checked else first
    assert isinstance(verdict, VerdictReady) and not verdict.to_be_checked
    return verdict, soft


@pytest.mark.parametrize(("height", "width"), [(64, 64), (100, 130), (300, 700), (600, 600)])
def test_the_map_has_the_size_of_the_picture(height: int, width: int) -> None:
    verdict, soft = answer(engine_with(), pictured(textured(height, width)))
    assert soft.soft_map.shape == (height, width) and soft.soft_map.dtype == np.float32
    assert soft.soft_map.min() >= 0 and soft.soft_map.max() <= 1
    assert verdict.score is not None and 0 <= verdict.score <= 1


def test_the_same_picture_gives_the_same_answer() -> None:
    engine, picture = engine_with(), pictured(textured(96, 96))
    first, second = answer(engine, picture), answer(engine, picture)
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1].soft_map, second[1].soft_map)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_file_gives_the_same_map_turned_upright(orientation: int) -> None:
    """A file of any orientation is read in its own frame: the map of upright pixels does not depend on it."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    engine, rgb = engine_with(), textured(96, 144)
    _, plain = answer(engine, pictured(rgb))
    turned = pictured(rgb, exif=exif)
    _, soft = answer(engine, turned)
    from fakeshield_core.orientation import upright

    np.testing.assert_allclose(soft.soft_map, upright(plain.soft_map, orientation), atol=1e-6)


@pytest.mark.parametrize(
    ("bias", "verdict"), [(6.0, "tampered"), (-6.0, "no_tampering_found"), (0.0, "inconclusive")]
)
def test_the_band_decides_the_verdict(bias: float, verdict: str) -> None:
    calibration = Calibration(bias=bias, label_weight=0.0, peak_weight=0.0, band_below=0.4, band_above=0.4)
    given, _ = answer(engine_with(calibration), pictured(textured(300, 300)))
    assert given.verdict == verdict
    assert given.band is not None and given.band[0] < 1 / (1 + np.exp(-bias)) < given.band[1]


def test_a_small_coarse_or_drawn_picture_widens_the_band_and_says_why() -> None:
    calibration = Calibration(bias=4.0, label_weight=0.0, band_below=0.0, band_above=3.0)
    engine = engine_with(calibration)
    usual, _ = answer(engine, pictured(textured(300, 300)))
    small, _ = answer(engine, pictured(textured(80, 300)))
    coarse, _ = answer(engine, pictured(textured(300, 300), "JPEG", quality=20))
    page = textured(300, 300)
    page[:200] = (250, 251, 255)
    drawn, _ = answer(engine, pictured(page))
    assert not usual.warnings
    for verdict, word in ((small, "small"), (coarse, "compressed"), (drawn, "screenshots")):
        assert verdict.band is not None and usual.band is not None
        assert verdict.band[0] < usual.band[0] and usual.band[1] < verdict.band[1]
        assert word in verdict.warnings[0]


def test_the_stability_check_can_be_left_out_and_score_and_map_stay() -> None:
    checkpoint = CompactCheckpoint(CompactNetwork(SMALL).eval().requires_grad_(False), UNFITTED, "0" * 12, {})
    picture = pictured(textured(128, 96))
    checked, map_checked = answer(CompactEngine(checkpoint), picture)
    quick, map_quick = answer(CompactEngine(checkpoint, checks_stability=False), picture)
    assert checked.stability is not None and quick.stability is None
    assert quick.score == checked.score
    np.testing.assert_array_equal(map_quick.soft_map, map_checked.soft_map)


def test_a_picture_beyond_four_megapixels_is_said_to_be_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "MOST_PIXELS", 160 * 160)  # as if these were four megapixels
    verdict, soft = answer(engine_with(), pictured(textured(320, 400)))
    assert soft.soft_map.shape == (320, 400)
    assert any("analysed at" in warning for warning in verdict.warnings)


def test_copies_that_disagree_more_than_the_picture_is_sure_make_the_verdict_inconclusive() -> None:
    usual = float(np.median([engine_with().read(textured(128, 128, seed)).label for seed in range(12)]))
    calibration = Calibration(bias=-20 * usual, label_weight=20.0, band_below=0.0, band_above=0.0)
    engine, outcomes = engine_with(calibration), set()
    for seed in range(12):
        verdict, _ = answer(engine, pictured(textured(128, 128, seed)))
        assert verdict.stability is not None and verdict.score is not None
        scores = np.array([verdict.score, verdict.stability.recompressed, verdict.stability.half_size])
        own, *copies = np.log(scores / (1 - scores))
        disagrees = any((copy > 0) != (own > 0) for copy in copies)
        turned = (own > 0) != (5 * own + np.mean(copies) > 0)
        assert (verdict.verdict == "inconclusive") == turned
        outcomes.add((disagrees, turned))
    assert outcomes == {(False, False), (True, False), (True, True)}  # otherwise nothing was tested


def test_weights_survive_the_way_to_disk_and_back(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = CompactNetwork(SMALL)
    calibration = Calibration(bias=0.3, threshold=0.4)
    sha256 = write_compact(tmp_path, network.state_dict(), SMALL, calibration, {"steps": 7})
    read = read_compact(tmp_path)
    assert read.digest == sha256[:12] and read.calibration == calibration and read.card["steps"] == 7
    for name, value in network.state_dict().items():
        torch.testing.assert_close(read.network.state_dict()[name], value.half().float())


@pytest.mark.parametrize("fault", ["no_weights", "no_card", "other_weights", "other_network", "no_json"])
def test_damaged_weights_are_refused_in_one_sentence(tmp_path: Path, fault: str) -> None:
    write_compact(tmp_path, CompactNetwork(SMALL).state_dict(), SMALL, Calibration(), {})
    card = json.loads((tmp_path / CARD).read_text())
    match fault:
        case "no_weights":
            (tmp_path / WEIGHTS).unlink()
        case "no_card":
            (tmp_path / CARD).unlink()
        case "other_weights":
            (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:-4] + b"\1\2\3\4")
        case "other_network":
            (tmp_path / CARD).write_text(json.dumps({**card, "network": {**card["network"], "width": 64}}))
        case _:
            (tmp_path / CARD).write_text("{")
    with pytest.raises(EngineUnavailable) as refusal:
        read_compact(tmp_path)
    assert str(refusal.value).count(".") == 1 and "\n" not in str(refusal.value)


def test_a_folder_that_is_no_adapter_is_refused() -> None:
    with pytest.raises(AdapterIncompatible, match="adapter"):
        build(threads=1, adapter=Path("anything"))


@pytest.mark.parametrize(("side", "updates"), [(128, 2), (512, 2), (528, 3)])
def test_larger_pictures_are_looked_at_three_ways_after_their_answer(side: int, updates: int) -> None:
    engine, picture = engine_with(Calibration(label_weight=0.0)), pictured(textured(side, side))
    given = list(engine.analyze(picture))
    assert len(given) == updates
    first, last = given[0], answer(engine, picture)[0]
    assert isinstance(first, VerdictReady)
    assert (first.stability is None) == first.to_be_checked == (updates == 3)
    assert last.stability is not None and (last.score, last.threshold) == (first.score, first.threshold)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("unplanned")])
def test_a_check_that_fails_leaves_the_answer_as_it_was(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise error

    picture = pictured(textured(528, 528))
    updates = engine_with().analyze(picture)
    first = next(updates)
    next(updates)
    monkeypatch.setattr("fakeshield_core.imaging.recompress", fail)
    last = next(updates)
    assert isinstance(first, VerdictReady) and isinstance(last, VerdictReady)
    assert last == replace(first, to_be_checked=False, warnings=last.warnings)
    assert "could not be read once more" in last.warnings[-1]
    assert "could not be checked" in caplog.text  # with its traceback
