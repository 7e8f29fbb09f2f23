"""What a retraining learns from and is measured on: windows, shares, frozen sets, and settings."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakeshield_core import imaging
from fakeshield_core.domain import BoolMask
from fakeshield_core.errors import NotEnoughFeedback, RunRefused
from fakeshield_core.synthesis.scenes import GROUPS
from fakeshield_core.training.photographs import Photograph
from fakeshield_core.training.samples import NO_TABLE, Sampler, Shares
from finetune import base
from finetune.config import Places, RunConfig, TrainConfig
from finetune.dataset import Example, check_masks, in_file_frame, manifest_examples
from finetune.diet import Diet, window
from tests.fakes import pictured, textured
from tests.renames import renames

SIDE = 64


def marked(height: int, width: int, share: float = 0.1) -> BoolMask:
    mask = np.zeros((height, width), np.bool_)
    mask[: round(height * share)] = True
    return mask


def example(number: int = 0, height: int = 96, width: int = 112, mask: BoolMask | None = None) -> Example:
    chosen = marked(height, width) if mask is None else mask
    return Example(f"e{number}", f"g{number}", "phone", textured(height, width, number), NO_TABLE, chosen)


def replay() -> Sampler:
    rgb = textured(160, 160, 7)
    photograph = Photograph("p", "scenes", "p", rgb, NO_TABLE, None, None, False, "")
    return Sampler([photograph], Shares(real=0.0, made=0.5))


def diet(**changes: Any) -> Diet:
    return Diet([example(n) for n in range(3)], replay(), TrainConfig(window=SIDE, **changes))


def test_scene_groups_are_shared_out_once() -> None:
    shared = [*base.FROZEN, *base.REPLAYED, *base.FREE]
    assert sorted(shared) == list(range(GROUPS))


@pytest.mark.parametrize(("batch", "share", "replayed"), [(8, 0.5, 4), (5, 0.5, 3), (8, 0.75, 6)])
def test_at_least_the_asked_share_is_base_data(batch: int, share: float, replayed: int) -> None:
    chosen = diet(batch=batch, replay=share)
    assert chosen.replayed == replayed
    assert len(chosen.batch(0).label) == batch


def test_a_batch_depends_on_seed_step_and_process_alone() -> None:
    first, second = diet().batch(5), diet().batch(5)
    assert np.array_equal(first.rgb, second.rgb) and np.array_equal(first.mask, second.mask)
    for other in (diet().batch(6), diet().batch(5, process=1), diet(seed=1).batch(5)):
        assert not np.array_equal(first.rgb, other.rgb)


@pytest.mark.parametrize(("height", "width"), [(96, 112), (40, 200), (64, 64), (30, 30)])
def test_a_window_shows_the_picture_and_pads_what_is_missing(height: int, width: int) -> None:
    given = example(height=height, width=width)
    for seed in range(20):
        sample = window(given, np.random.default_rng(seed), SIDE)
        assert sample.rgb.shape == (SIDE, SIDE, 3) and sample.mask.shape == sample.valid.shape == (SIDE, SIDE)
        assert sample.valid.sum() == min(SIDE, height) * min(SIDE, width)
        assert not (sample.mask & ~sample.valid).any()


def test_windows_start_on_the_jpeg_grid() -> None:
    """Every eighth row and column carries its own number, so that a window tells where it begins."""
    rows, columns = np.indices((120, 120))
    rgb = np.repeat((rows // 8 * 15 + columns // 8)[..., None], 3, 2).astype(np.uint8)
    given = Example("e", "g", "d", rgb, NO_TABLE, None)
    for seed in range(20):
        sample = window(given, np.random.default_rng(seed), SIDE)
        blocks = sample.rgb[..., 0].reshape(SIDE // 8, 8, SIDE // 8, 8)
        assert (blocks == blocks[:, :1, :, :1]).all()


def test_most_windows_of_a_large_picture_show_its_mask() -> None:
    mask = np.zeros((600, 600), np.bool_)
    mask[500:520, 40:60] = True
    given = example(height=600, width=600, mask=mask)
    shown = [window(given, np.random.default_rng(seed), SIDE).mask.any() for seed in range(60)]
    assert 0.6 < np.mean(shown) < 0.95


def test_masks_the_wrong_way_round_are_noticed() -> None:
    right, wrong = [example(n) for n in range(5)], [example(n, mask=~marked(96, 112)) for n in range(6)]
    check_masks([*right, *wrong[:5]], most=0.5)
    with pytest.raises(NotEnoughFeedback, match="6 of the 11 masks to learn from cover more than half"):
        check_masks([*right, *wrong], most=0.5)
    check_masks(wrong, most=1.0)


def test_a_release_without_tampered_pictures_teaches_nothing() -> None:
    untouched = Example("e", "g", "d", textured(96, 96), NO_TABLE, None)
    with pytest.raises(NotEnoughFeedback, match="no tampered picture"):
        check_masks([untouched], most=0.5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_files_are_learnt_as_they_are_stored(orientation: int) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = textured(64, 96)
    picture = pictured(stored, exif=exif)
    mask = picture.rgb[..., 0] > 128
    rgb, turned = in_file_frame(picture, mask)
    np.testing.assert_array_equal(rgb, stored)
    np.testing.assert_array_equal(turned, stored[..., 0] > 128)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of a frozen set of small pictures."""
    cache = tmp_path_factory.mktemp("frozen")
    with renames() as seen:
        base.frozen_examples(cache, SIDE)
    (folder,) = cache.iterdir()
    assert seen[folder.name], "not every picture was synced before the folder got its name"
    return cache


def test_the_frozen_set_is_large_enough_for_the_gate(frozen: Path) -> None:
    made = base.frozen_examples(frozen, SIDE)
    assert sum(one.is_tampered for one in made) == 300 and sum(not one.is_tampered for one in made) == 400
    assert len({one.group for one in made}) == len(base.FROZEN) == 100
    assert all(one.mask is None or one.mask.any() for one in made)


def test_the_frozen_set_is_made_once_and_always_alike(frozen: Path, tmp_path: Path) -> None:
    (folder,) = frozen.iterdir()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    base.frozen_examples(frozen, SIDE)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    base.frozen_examples(tmp_path, SIDE)
    digests = [
        hashlib.sha256((cache / folder.name / base.MANIFEST).read_bytes()).hexdigest()
        for cache in (frozen, tmp_path)
    ]
    assert digests[0] == digests[1]


def test_both_classes_of_the_frozen_set_are_compressed_alike(frozen: Path) -> None:
    (folder,) = frozen.iterdir()
    shares = [
        np.mean([one.name.endswith(".png") for one in manifest_examples(folder / base.MANIFEST) if keep(one)])
        for keep in (lambda one: one.is_tampered, lambda one: not one.is_tampered)
    ]
    assert abs(shares[0] - shares[1]) < 0.1


WRONG = ({"replay": 0.4}, {"replay": 0.95}, {"window": 100}, {"window": 32}, {"steps": 0}, {"batch": 1})


@pytest.mark.parametrize("settings", WRONG)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(RunRefused):
        TrainConfig(**settings)


def test_settings_come_back_as_saved_and_later_ones_are_left_out() -> None:
    config = RunConfig(TrainConfig(steps=7), max_share=0.2, photographs=("a", "b"), target="t.csv")
    assert RunConfig.from_json({**config.to_json(), "added_later": 1}) == config


def test_everything_is_written_below_the_data_folder(tmp_path: Path) -> None:
    places = Places(tmp_path)
    for place in (places.adapters, places.frozen, places.measured, places.run("r")):
        assert place.is_relative_to(tmp_path)


def test_a_mask_of_a_blob_is_read_at_half() -> None:
    mask = marked(20, 30)
    again = imaging.decode(imaging.encode_mask_png(mask)).rgb[..., 0] > 127
    np.testing.assert_array_equal(again, mask)
