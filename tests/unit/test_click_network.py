"""The click network, its segmenter and its training: prompts are read where they were made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fakeshield_core.checkpoints.clicks import ClickCheckpoint, read_clicks, write_clicks
from fakeshield_core.clicks import PRIOR_LOGIT, next_click, prior_of
from fakeshield_core.domain import Click, Embedding, Prompts
from fakeshield_core.errors import EngineUnavailable, InputError
from fakeshield_core.metrics import pixel_iou
from fakeshield_core.networks.clicks import NONE, ClickConfig, ClickNetwork, Points, drawn
from fakeshield_core.segmenters.compact import CompactSegmenter, inner_hw
from fakeshield_core.training.click_samples import ClickSampler, Mixture, spoilt, window
from fakeshield_core.training.click_task import ClickTask, Rounds, losses, pooled
from fakeshield_core.training.config import Stage, TrainConfig
from fakeshield_core.training.photographs import Photograph
from tests.fakes import pictured, textured

SMALL = ClickConfig(quarter=8, eighth=16, width=24, blocks=1, heads=2, skip=8)
BOX = (40, 24, 120, 72)


def photograph(seed: int, tampered: bool) -> Photograph:
    rgb = textured(128, 192, seed)
    region = np.zeros(rgb.shape[:2], np.bool_)
    region[40:90, 60:120] = True
    table = np.ones((8, 8), np.float32)
    mask, objects = (region, None) if tampered else (None, region)
    return Photograph(f"p{seed}", "set", f"g{seed}", rgb, table, mask, objects, tampered, "")


@pytest.fixture(scope="module")
def sampler() -> ClickSampler:
    return ClickSampler([photograph(k, k % 2 == 0) for k in range(6)])


@pytest.fixture(scope="module")
def segmenter() -> CompactSegmenter:
    torch.manual_seed(0)
    network = ClickNetwork(replace(SMALL, width=48, heads=6)).eval().requires_grad_(False)
    return CompactSegmenter(ClickCheckpoint(network, "0" * 12, {}))


def points(*rows: tuple[float, float, int]) -> Points:
    table = torch.tensor(rows, dtype=torch.float32)
    return Points(table[None, :, :2], table[None, :, 2].long())


def test_clicks_are_drawn_where_they_were_made() -> None:
    planes = drawn(points((20.0, 8.0, 1), (60.0, 40.0, 0), (0.0, 0.0, NONE)), None, (16, 24))[0]
    assert [tuple(p.nonzero().float().mean(0).tolist()) for p in planes[[0, 2]]] == [(2, 5), (10, 15)]
    assert planes[1].argmax() == 2 * 24 + 5 and planes[3].argmax() == 10 * 24 + 15
    assert not planes[4:].any()


def test_a_box_covers_its_cells_and_a_prior_is_said_to_be_there() -> None:
    prior = torch.full((1, 16, 24), -PRIOR_LOGIT)
    planes = drawn(points((8.0, 4.0, 2), (24.0, 20.0, 3)), prior, (16, 24))[0]
    expected = torch.zeros(16, 24)
    expected[1:5, 2:6] = 1
    torch.testing.assert_close(planes[4], expected)
    assert (planes[6] == 1).all() and (planes[5] < 0.01).all() and not planes[:4].any()


@pytest.mark.parametrize(("size_hw", "inner"), [((100, 400), (128, 512)), ((3000, 1000), (512, 171))])
def test_the_whole_picture_is_seen_at_long_side_512(size_hw: tuple[int, int], inner: tuple[int, int]) -> None:
    assert inner_hw(*size_hw) == inner


@pytest.mark.parametrize("size_hw", [(90, 200), (201, 77), (16, 640)])
def test_masks_have_the_size_of_the_picture(segmenter: CompactSegmenter, size_hw: tuple[int, int]) -> None:
    embedding = segmenter.embed(pictured(textured(*size_hw, 1)))
    found = segmenter.segment(embedding, Prompts((Click(5, 7, True),)), prior_of(np.ones(size_hw, np.bool_)))
    assert found.masks[0].shape == size_hw and found.masks[0].dtype == np.bool_
    assert 0 <= found.scores[0] <= 1
    assert found.logits[0].ndim == 2


def test_the_embedding_of_the_shipped_sizes_stays_below_its_budget() -> None:
    segmenter = CompactSegmenter(ClickCheckpoint(ClickNetwork().eval().requires_grad_(False), "1" * 12, {}))
    embedding = segmenter.embed(pictured(textured(384, 512, 1)))
    assert all(array.dtype == np.float16 for array in embedding.arrays.values())
    assert sum(array.nbytes for array in embedding.arrays.values()) <= 1_500_000


def test_an_all_negative_prior_counts_as_none(segmenter: CompactSegmenter) -> None:
    embedding = segmenter.embed(pictured(textured(64, 96, 1)))
    prompts = Prompts((Click(30, 20, True),))
    without = segmenter.segment(embedding, prompts).logits[0]
    empty = segmenter.segment(embedding, prompts, prior_of(np.zeros((64, 96), np.bool_))).logits[0]
    full = segmenter.segment(embedding, prompts, prior_of(np.ones((64, 96), np.bool_))).logits[0]
    np.testing.assert_array_equal(without, empty)
    assert np.abs(full - without).max() > 1e-4


def test_prompts_outside_of_the_picture_count_at_its_border(segmenter: CompactSegmenter) -> None:
    embedding = segmenter.embed(pictured(textured(64, 96, 1)))
    outside = segmenter.segment(embedding, Prompts((), (-50, -50, 500, 500))).logits[0]
    border = segmenter.segment(embedding, Prompts((), (0, 0, 96, 64))).logits[0]
    np.testing.assert_array_equal(outside, border)


@pytest.mark.parametrize(
    ("segmenter_name", "prompts", "said"),
    [
        ("sam-vit-b 1", Prompts((Click(1, 1, True),)), "open it again"),
        (None, Prompts(), "click on the picture"),
    ],
)
def test_what_cannot_be_answered_is_said(
    segmenter: CompactSegmenter, segmenter_name: str | None, prompts: Prompts, said: str
) -> None:
    embedding: Embedding = segmenter.embed(pictured(textured(64, 96, 1)))
    with pytest.raises(InputError, match=said):
        segmenter.segment(replace(embedding, segmenter=segmenter_name or segmenter.name), prompts)


def test_weights_come_back_as_they_were_written_and_damage_is_told(tmp_path: Path) -> None:
    torch.manual_seed(1)
    config = replace(SMALL, width=48, heads=6)
    state = ClickNetwork(config).state_dict()
    sha256 = write_clicks(tmp_path, state, config, {"name": "clicks"})
    read = read_clicks(tmp_path)
    assert sha256.startswith(read.digest) and read.card["name"] == "clicks"
    for name, value in read.network.state_dict().items():
        torch.testing.assert_close(value, state[name].half().float())
    (tmp_path / "clicks.safetensors").write_bytes(b"x" + (tmp_path / "clicks.safetensors").read_bytes()[1:])
    with pytest.raises(EngineUnavailable, match="differ from their card"):
        read_clicks(tmp_path)


@pytest.mark.parametrize("seed", range(12))
def test_samples_hold_a_region_and_the_same_generator_draws_the_same(
    sampler: ClickSampler, seed: int
) -> None:
    first, second = (sampler.draw(np.random.default_rng(seed), 64, 96) for _ in range(2))
    assert first.rgb.shape == (64, 96, 3) and first.truth.shape == (64, 96) and first.truth.any()
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.truth, second.truth)
    assert (first.start is None) == (second.start is None)


def test_spoilt_masks_are_wrong_but_not_foreign() -> None:
    truth = np.zeros((96, 144), np.bool_)
    truth[30:70, 40:100] = True
    ious = [pixel_iou(spoilt(truth, np.random.default_rng(seed)), truth) for seed in range(60)]
    assert np.median(ious) > 0.4 and np.mean([iou < 0.97 for iou in ious]) > 0.9


def test_windows_keep_the_region_on_its_object() -> None:
    rgb = np.zeros((60, 200, 3), np.uint8)
    rgb[20:40, 30:70] = 255
    mask = rgb[..., 0] > 0
    for seed in range(20):
        cut, region = window(rgb, mask, (64, 96), np.random.default_rng(seed))
        assert region.any() and (np.abs((cut[..., 0] > 127).astype(int) - region).mean() < 0.02)


def test_each_round_clicks_where_the_answer_is_wrong(sampler: ClickSampler) -> None:
    rng = np.random.default_rng(3)
    sampler = ClickSampler(sampler.tampered + sampler.objects, Mixture(started=0.0))
    rounds = Rounds([sampler.draw(rng, 64, 96) for _ in range(4)], rng)
    for row, wanted in zip(rounds.points, rounds.wanted, strict=True):
        for x, y, kind in row:
            assert kind in (2, 3) or wanted[int(y // 4), int(x // 4)]
    rounds.advance(torch.full((4, 16, 24), 9.0))  # all is marked: now a negative click
    for row, wanted in zip(rounds.points, rounds.wanted, strict=True):
        x, y, kind = row[-1]
        assert kind == 0 and not wanted[int(y // 4), int(x // 4)]
    assert rounds.has_prior.all() and (rounds.prompts()[1][:, 6] == 1).all()


def test_a_right_answer_costs_less_than_a_wrong_one_and_its_quality_is_checked() -> None:
    truth = pooled([np.pad(np.ones((16, 16), np.bool_), 16), np.eye(48, dtype=np.bool_)])
    right = losses((truth * 2 - 1) * 12, torch.ones(2), (truth > 0.5).float())
    wrong = losses((1 - truth * 2) * 12, torch.ones(2), (truth > 0.5).float())
    assert wrong["total"] > right["total"] + 3
    assert wrong["rating"].item() > 0.9 and wrong["iou"].item() < 0.05


def test_a_few_steps_on_one_picture_teach_it(sampler: ClickSampler) -> None:
    torch.manual_seed(0)
    task = ClickTask(sampler)
    config = TrainConfig((Stage(40, 32, 48, 4),))
    network = ClickNetwork(replace(SMALL, width=48, heads=6))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    seen = []
    for step in range(40):
        optimizer.zero_grad()
        parts = task.losses(network, config, step, 0)
        parts["total"].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seen.append(parts["total"].item())
    assert np.mean(seen[-8:]) < 0.9 * np.mean(seen[:8])


def test_the_next_click_of_training_is_the_one_of_serving() -> None:
    wanted = np.zeros((16, 24), np.bool_)
    wanted[4:9, 5:12] = True
    click = next_click(np.zeros_like(wanted), wanted)
    assert click is not None and click.positive and wanted[click.y, click.x]
