"""Training: samples of honest classes, a loss that can be checked by hand, a run that resumes exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.jpeg import coefficients
from fakeshield_core.networks import compact
from fakeshield_core.synthesis.history import through_table
from fakeshield_core.training import objective
from fakeshield_core.training.config import Stage, TrainConfig
from fakeshield_core.training.loader import Batches
from fakeshield_core.training.loop import Trainer
from fakeshield_core.training.objective import Batch, ForensicTask, collated, losses
from fakeshield_core.training.photographs import Photograph, is_held_out, split
from fakeshield_core.training.samples import NO_TABLE, Sample, Sampler, Shares
from tests.fakes import textured

SMALL = compact.CompactConfig(quarter=16, dct=16, eighth=32, width=32, blocks=1, heads=4, key=8, top=4)


def photograph(seed: int, tampered: bool, dataset: str = "CASIA v1.0") -> Photograph:
    rgb = textured(128, 192, seed)
    mask = None
    if tampered:
        mask = np.zeros(rgb.shape[:2], np.bool_)
        mask[40:90, 60:120] = True
    table = np.full((8, 8), 70, np.float32)  # too coarse for others to be finished with
    return Photograph(f"p{seed}", dataset, f"g{seed}", rgb, table, mask, None, tampered, "")


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    return Sampler([photograph(k, k % 2 == 0) for k in range(6)])


@pytest.mark.parametrize("seed", range(25))
def test_windows_have_the_size_asked_for(sampler: Sampler, seed: int) -> None:
    sample = sampler.draw(np.random.default_rng(seed), 64, 96)
    assert sample.rgb.shape == (64, 96, 3) and sample.rgb.dtype == np.uint8
    assert sample.mask.shape == sample.valid.shape == (64, 96) and sample.table.shape == (8, 8)
    assert not (sample.mask & ~sample.valid).any()


def test_the_class_is_never_learnt_from_whole_pictures_with_their_own_compression(sampler: Sampler) -> None:
    for seed in range(200):
        sample = sampler.draw(np.random.default_rng(seed), 128, 192)
        if (sample.table == 70).all():  # the file's own bytes
            assert not sample.class_counts


def test_authentic_pictures_of_sets_with_their_own_compression_are_always_recompressed() -> None:
    sampler = Sampler([photograph(1, False)], Shares(real=0, made=0))
    tables = [sampler.draw(np.random.default_rng(seed), 64, 96).table for seed in range(100)]
    assert not any((table == 70).all() for table in tables)


def test_the_same_generator_draws_the_same_sample(sampler: Sampler) -> None:
    first, second = (sampler.draw(np.random.default_rng(9), 64, 96) for _ in range(2))
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.mask, second.mask)


def sample_of(mask: float, valid: bool = True, counts: bool = True) -> Sample:
    area = np.zeros((8, 8), np.bool_)
    area[:, : round(8 * mask)] = True
    return Sample(np.zeros((8, 8, 3), np.uint8), NO_TABLE, area, np.full((8, 8), valid), counts)


def test_perfect_logits_cost_nearly_nothing_and_inverted_ones_much() -> None:
    batch = collated([sample_of(0.5), sample_of(0.0)])
    right = (batch.mask * 2 - 1) * 20
    classes = torch.tensor([[-9.0, 9.0], [9.0, -9.0]])
    assert losses(classes, right, batch).total.item() < 0.01
    assert losses(-classes, -right, batch).total.item() > 10


def test_losses_match_a_calculation_by_hand() -> None:
    batch = collated([sample_of(0.5)])  # two cells tampered, two not
    parts = losses(torch.zeros(1, 2), torch.zeros(1, 2, 2), batch)
    assert parts.pixel.item() == pytest.approx(np.log(2), abs=1e-6)
    assert parts.dice.item() == pytest.approx(1 - (2 * 1 + 1) / (2 + 2 + 1), abs=1e-6)
    assert parts.label.item() == pytest.approx(np.log(2), abs=1e-6)


def test_padding_and_uncounted_classes_cost_nothing() -> None:
    batch = collated([sample_of(0.0, valid=False, counts=False)])
    parts = losses(torch.tensor([[-9.0, 9.0]]), torch.full((1, 2, 2), 9.0), batch)
    assert parts.pixel.item() == 0 and parts.label.item() == 0 and parts.dice.item() == 0


def test_about_a_tenth_of_groups_is_held_out_and_always_the_same() -> None:
    held = [is_held_out(f"scene{k}") for k in range(2000)]
    assert 0.07 < np.mean(held) < 0.14
    assert held == [is_held_out(f"scene{k}") for k in range(2000)]


def test_what_calibrates_shares_no_scene_with_what_is_learnt() -> None:
    names = [f"scene{k}" for k in range(60)]
    pairs = [f"{a}+{b}" for a, b in zip(names[::2], names[1::2], strict=True)]
    pictures = [replace(photograph(1, False), group=group) for group in names + pairs]
    learnt, held_out = split(pictures)
    scenes = {scene for p in learnt for scene in p.group.split("+")}
    assert learnt and held_out
    assert not any(scene in scenes for p in held_out for scene in p.group.split("+"))


@pytest.fixture
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objective, "CompactNetwork", lambda _: compact.CompactNetwork(SMALL))


def _run(out: Path, sampler: Sampler, steps: int, resume: bool = False, length: int = 6) -> Trainer:
    out.mkdir(exist_ok=True)
    config = TrainConfig((Stage(2, 32, 32, 2), Stage(length, 32, 48, 2)), warm_up=2)
    trainer = Trainer(config, ForensicTask(sampler), out)
    if resume:
        trainer.resume()
    while trainer.step < steps:
        trainer._one_step()
        trainer.step += 1
    trainer.save()
    return trainer


def test_a_resumed_run_equals_an_unbroken_one(tmp_path: Path, sampler: Sampler, small_network: None) -> None:
    unbroken = _run(tmp_path / "a", sampler, 6)
    _run(tmp_path / "b", sampler, 3)
    resumed = _run(tmp_path / "b", sampler, 6, resume=True)
    for name, value in unbroken.network.state_dict().items():
        torch.testing.assert_close(value, resumed.network.state_dict()[name], rtol=0, atol=1e-6)
        torch.testing.assert_close(unbroken.average[name], resumed.average[name], rtol=0, atol=1e-6)


def test_a_run_can_begin_from_trained_weights(tmp_path: Path, sampler: Sampler, small_network: None) -> None:
    trained = _run(tmp_path / "a", sampler, 3)
    fresh = Trainer(trained.config, ForensicTask(sampler), tmp_path)
    fresh.begin_from(trained.average)
    assert fresh.step == 0
    for name, value in trained.average.items():
        torch.testing.assert_close(fresh.network.state_dict()[name], value)
        torch.testing.assert_close(fresh.average[name], value)


def test_the_rate_warms_up_and_falls_to_the_end() -> None:
    config = TrainConfig((Stage(100, 64, 64, 1),), warm_up=10, learning_rate=1.0)
    rates = [config.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0, abs=0.01) and rates[-1] < 0.03
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_stacked_batches_keep_axes_and_range() -> None:
    batch: Batch = collated([sample_of(0.25), sample_of(1.0)])
    assert batch.rgb.shape == (2, 3, 8, 8) and batch.mask.shape == (2, 2, 2)
    assert batch.mask[0].tolist() == [[0.5, 0.0], [0.5, 0.0]] and batch.label.tolist() == [1, 1]


def test_weights_of_another_network_are_refused(
    small_network: None, sampler: Sampler, tmp_path: Path
) -> None:
    trainer = Trainer(TrainConfig((Stage(1, 32, 32, 1),)), ForensicTask(sampler), tmp_path)
    given = compact.CompactNetwork(SMALL).state_dict()
    trainer.begin_from(given)
    assert all(torch.equal(trainer.network.state_dict()[name], value) for name, value in given.items())
    for foreign in ({"foreign": torch.ones(1)}, {"cls": torch.ones(1, 1, 7)}):
        with pytest.raises(EngineUnavailable, match="another network"):
            trainer.begin_from({**given, **foreign})
    del given["cls"]
    with pytest.raises(EngineUnavailable, match="another network"):
        trainer.begin_from(given)


def test_fixed_weights_stay_and_the_others_move(
    small_network: None, sampler: Sampler, tmp_path: Path
) -> None:
    config = TrainConfig((Stage(2, 32, 32, 2),), warm_up=1, fixed=("pixels.bayar",))
    trainer = Trainer(config, ForensicTask(sampler), tmp_path)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    trainer.run()
    after = trainer.network.state_dict()
    assert torch.equal(after["pixels.bayar.free"], before["pixels.bayar.free"])
    assert not torch.equal(after["pixels.fold.weight"], before["pixels.fold.weight"])


def test_batches_made_beforehand_are_those_made_when_asked_for() -> None:
    waiting, ready = (Batches(lambda step: torch.full((2,), step), 7, loaders) for loaders in (0, 2))
    for step in (2, 3, 4, 1, 6):  # a run that goes on, and one that goes back
        assert torch.equal(waiting.at(step), ready.at(step))


def test_some_steps_see_windows_twice_as_high() -> None:
    config = TrainConfig((Stage(9, 32, 48, 4),), doubled_every=3)
    assert [config.windows(step) for step in (0, 1, 2, 5)] == [(32, 48, 4)] * 2 + [(64, 48, 2)] * 2
    assert TrainConfig((Stage(9, 32, 48, 4),)).windows(2) == (32, 48, 4)


def test_a_table_from_elsewhere_finishes_a_picture_as_a_file_does() -> None:
    steps = np.arange(1, 65, dtype=np.int32).reshape(8, 8)
    rgb = textured(64, 96, 3)
    decoded, table = through_table(rgb, steps, 0)
    assert np.array_equal(table, steps) and decoded.shape == rgb.shape
    luma = decoded @ np.array([0.299, 0.587, 0.114]) - 128
    multiples = coefficients(luma.astype(np.float32), [20])[:, 0] / steps.ravel()[20]
    assert np.abs(multiples - np.round(multiples)).mean() < 0.1
