"""Files of a run that was stopped: on the disk before they bear their names, and no riddle where damaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fakeshield_core.errors import RunRefused
from fakeshield_core.training.samples import Sampler, Shares
from feedback.store import FeedbackStore
from finetune import base
from finetune.config import Places, RunConfig, TrainConfig, key, read_config
from finetune.diet import Diet
from finetune.lease import held
from finetune.run import SETTINGS, Bench, Job, start, unfinished
from finetune.train import CHECKPOINT, Trainer
from tests.adapter_folders import checkpoint
from tests.fakes import encoded, textured
from tests.feedback_fakes import accepted
from tests.renames import renames

CONFIG = RunConfig(TrainConfig(steps=20), max_share=1.0)
HARM = {"empty": b"", "cut off": b'{"train": {"steps": 24', "zeros": bytes(40), "no object": b"[]"}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A store with accepted corrections, and a frozen set of one picture."""
    places = Places(tmp_path)
    frozen = places.frozen / key("scenes", base.MADE, CONFIG.frozen_side, np.__version__)
    frozen.mkdir(parents=True)
    (frozen / "a.png").write_bytes(encoded(textured(64, 64, 9)))
    (frozen / base.MANIFEST).write_text("path,kind,mask\na.png,authentic,\n")
    with FeedbackStore.open(tmp_path / "feedback") as store:
        accepted(store, 3)
        with held(store) as heartbeat:
            yield Bench(store, places, heartbeat, checkpoint())


def settings_of(bench: Bench, job: Job) -> Path:
    return bench.places.run(job.run.id) / SETTINGS


def test_a_stopped_run_goes_on_with_its_settings(bench: Bench) -> None:
    with renames() as seen:
        job = start(bench, CONFIG)
    assert seen[SETTINGS], "not synced before it got its name"
    assert unfinished(bench) == job


@pytest.mark.parametrize("harm", [*HARM, "missing"])
def test_a_run_whose_settings_are_damaged_fails_and_makes_room_for_another(bench: Bench, harm: str) -> None:
    path = settings_of(bench, job := start(bench, CONFIG))
    path.unlink()
    if harm in HARM:
        path.write_bytes(HARM[harm])
    assert unfinished(bench) is None
    failed = bench.store.runs(1)[0]
    assert (failed.id, failed.state) == (job.run.id, "failed")
    assert "begin a new one with `python -m finetune run`" in str(failed.detail["sentence"])
    assert start(bench, CONFIG).run.state == "running"


def test_a_run_on_other_base_weights_fails(bench: Bench) -> None:
    start(bench, CONFIG)
    assert unfinished(replace(bench, base=checkpoint(digest="1" * 12))) is None
    assert "other base weights" in str(bench.store.runs(1)[0].detail["sentence"])


def test_saved_settings_out_of_range_are_refused(tmp_path: Path) -> None:
    (tmp_path / SETTINGS).write_text('{"train": {"steps": 0}}')
    with pytest.raises(RunRefused, match="at least one step"):
        read_config(tmp_path / SETTINGS)


def trainer(folder: Path) -> Trainer:
    return Trainer(checkpoint(), Diet([], Sampler([], Shares()), CONFIG.train), CONFIG.train, folder)


def test_a_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    stopped = trainer(tmp_path)
    stopped.step = 10
    with torch.no_grad():
        for weight in stopped.student.trained().values():
            weight.add_(1.0)
    with renames() as seen:
        stopped.save()
    assert seen[CHECKPOINT], "not synced before it got its name"
    again = trainer(tmp_path)
    assert again.resume() and again.step == 10
    for name, value in again.student.trained().items():
        assert torch.equal(value, stopped.student.trained()[name]), name


@pytest.mark.parametrize("length", [0, 40, 4000])
@pytest.mark.parametrize("zeros", [False, True])
def test_a_damaged_checkpoint_begins_the_training_again(tmp_path: Path, length: int, zeros: bool) -> None:
    trainer(tmp_path).save()
    path = tmp_path / CHECKPOINT
    path.write_bytes(bytes(length) if zeros else path.read_bytes()[:length])
    again = trainer(tmp_path)
    assert not again.resume() and again.step == 0
