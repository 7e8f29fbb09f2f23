"""A run that is killed goes on to the same adapter; two at once are one too many; peft and we merge alike."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from peft import PeftModel

from fakeshield_core.__main__ import main as core_command
from fakeshield_core.adapters import merged, read_adapter, read_champion
from fakeshield_core.checkpoints.compact import read_compact
from fakeshield_core.networks.compact import CompactNetwork
from feedback.store import FOLDER, FeedbackStore
from finetune.base import FREE
from finetune.config import Places
from finetune.lease import NAME
from finetune.train import CHECKPOINT
from tests.retrain_story import ROOT, environment, finetune, seed_corrections, write_trusted

pytestmark = pytest.mark.timeout(1200)  # a busy machine

TINY = ("--window", "64", "--frozen-side", "64")  # nothing has to be learnt here
FEW = (*TINY, "--steps", "20", "--batch", "4", "--lease", "5")
DEADLINE_S = 300.0


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with corrections and a release that a short training has used."""
    data_dir = tmp_path_factory.mktemp("seeded")
    seed_corrections(data_dir, FREE[:24])
    code, run = finetune(data_dir, "train", *FEW)
    assert code == 0 and run["state"] == "running" and run["detail"]["phase"] == "trained", run
    return data_dir


@pytest.fixture
def unrun(seeded: Path, tmp_path: Path) -> Path:
    """The same corrections, of which nothing has been trained yet."""
    shutil.copytree(seeded / "finetune" / "frozen", tmp_path / "finetune" / "frozen")
    seed_corrections(tmp_path, FREE[:24])
    return tmp_path


def adapter_of(data_dir: Path) -> str:
    with FeedbackStore.open(data_dir / FOLDER) as store:
        adapter = store.runs(1)[0].adapter
    assert adapter is not None
    return adapter


@contextlib.contextmanager
def started(data_dir: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "finetune", *arguments]
    with (data_dir / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(data_dir), stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for_checkpoint(data_dir: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not list((data_dir / "finetune" / "runs").glob(f"*/{CHECKPOINT}")):
        assert process.poll() is None and time.monotonic() < deadline, (data_dir / "log.txt").read_text()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


def test_a_killed_training_goes_on_to_the_same_adapter(seeded: Path, unrun: Path) -> None:
    with started(unrun, "train", *FEW) as process:
        wait_for_checkpoint(unrun, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    until_the_lease_runs_out(unrun)
    code, run = finetune(unrun, "train", *FEW)
    assert code == 0, run
    with FeedbackStore.open(unrun / FOLDER) as store:
        assert len(store.runs()) == 1, "it must go on, not begin again"
    assert adapter_of(unrun) == adapter_of(seeded)


def until_the_lease_runs_out(data_dir: Path) -> None:
    deadline = time.monotonic() + DEADLINE_S
    with FeedbackStore.open(data_dir / FOLDER) as store:
        while (lease := store.take_lease(NAME, "test", 1.0)) is None:
            assert time.monotonic() < deadline
            threading.Event().wait(0.1)
        store.extend_lease(lease, 0.0)


def test_of_two_runs_at_once_the_second_refuses(unrun: Path) -> None:
    with FeedbackStore.open(unrun / FOLDER) as store:
        lease = store.take_lease(NAME, "the first", 600.0)
        assert lease is not None
        code, refused = finetune(unrun, "run", *FEW)
        assert code == 1 and "Another retraining is at work" in refused["error"]
        assert store.runs() == [] and store.releases() == []


def test_too_few_groups_are_refused_with_their_number(seeded: Path, tmp_path: Path) -> None:
    """The trained run goes on to the gate, and nothing is promoted even where approval is automatic."""
    data_dir = tmp_path / "copy"
    shutil.copytree(seeded, data_dir)
    code, run = finetune(data_dir, "run", *FEW, "--approve", "auto")
    assert code == 1 and run["state"] == "refused"
    assert "held-out groups of corrections, and 60 are needed" in run["detail"]["sentence"]
    assert read_champion(Places(data_dir).adapters) is None
    card = read_adapter(Places(data_dir).adapters / run["adapter"]).card
    assert card.gate is not None and card.gate["sentence"] == run["detail"]["sentence"]
    code, refused = finetune(data_dir, "promote")
    assert code == 1 and "No run waits" in refused["error"]
    code, again = finetune(data_dir, "evaluate", run["adapter"], *TINY)
    assert code == 1 and again["figures"] == run["detail"]["gate"]


def test_without_accepted_corrections_a_run_says_what_is_missing(tmp_path: Path, seeded: Path) -> None:
    shutil.copytree(seeded / "finetune" / "frozen", tmp_path / "finetune" / "frozen")
    code, refused = finetune(tmp_path, "run", *FEW)
    assert code == 1 and "review the queue first" in refused["error"]


def test_our_merge_equals_that_of_peft(seeded: Path) -> None:
    """Every layer kind that is adapted: linear ones, and convolutions of one and of nine places."""
    folder = Places(seeded).adapters / adapter_of(seeded)
    base = read_compact().network
    network = CompactNetwork(base.config)
    network.load_state_dict(base.state_dict())
    theirs = PeftModel.from_pretrained(network, str(folder)).merge_and_unload().state_dict()
    adapter = read_adapter(folder)
    ours = merged(base.state_dict(), adapter)
    kinds = {tuple(ours[f"{name}.weight"].shape[2:]) for name in adapter.pairs}
    assert kinds == {(), (1, 1), (3, 3)}
    assert set(ours) == set(theirs)
    changed = [name for name in ours if not torch.equal(ours[name], base.state_dict()[name])]
    assert len(changed) == len(adapter.pairs)
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-5, atol=1e-6)


def test_analyze_and_evaluate_name_the_adapter_they_were_given(
    seeded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Places(seeded).adapters / adapter_of(seeded)
    manifest = write_trusted(tmp_path / "trusted", FREE[:2])
    picture = str(manifest.parent / f"{FREE[0]}.jpg")
    assert core_command(["analyze", picture, "--adapter", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["engine"]["adapter"] == folder.name
    assert core_command(["evaluate", "--manifest", str(manifest), "--adapter", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["engine"]["adapter"] == folder.name
    assert core_command(["analyze", picture, "--adapter", str(tmp_path), "--json"]) == 1
    assert "adapter.json" in json.loads(capsys.readouterr().out)["error"]


def test_only_body_and_heads_are_adapted(seeded: Path) -> None:
    adapter = read_adapter(Places(seeded).adapters / adapter_of(seeded))
    stems = ("pixels", "blocks", "dct", "down", "norm", "correlation", "cls", "around", "out", "pool")
    assert not [name for name in adapter.pairs if name.startswith(stems)]


def test_the_card_explains_the_adapter(seeded: Path) -> None:
    with FeedbackStore.open(seeded / FOLDER) as store:
        release = store.release(1)
    card = read_adapter(Places(seeded).adapters / adapter_of(seeded)).card
    assert (card.engine, card.base, card.release) == ("compact", read_compact().digest, 1)
    assert card.training["manifest_sha256"] == release.manifest_sha256
    assert card.training["steps"] == 20
    json.dumps(dict(card.training))
