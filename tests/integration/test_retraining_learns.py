"""The proof that the loop learns, and that poison does not pass: on own scenes, with fixed seeds, on a CPU.

The whole module takes about three CPU-minutes. What it claims leaves room for better base weights: it needs a
gain of 15 points where 17 were measured.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakeshield_core.adapters import read_champion
from feedback.store import FOLDER, FeedbackStore
from finetune.base import FREE
from finetune.config import Places
from tests.planted import inverted
from tests.retrain_story import (
    LEARNING,
    SMALL,
    finetune,
    retrain_and_promote,
    roll_back,
    seed_corrections,
    write_trusted,
)

pytestmark = pytest.mark.timeout(1800)  # a busy machine

EXPECTED_GAIN = 15.0  # points pixel F1
TRUSTED = FREE[110:]  # groups whose true masks nobody submitted
SHARED = ("frozen", "measured")  # the same for every data folder


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which a run on true masks was promoted."""
    data_dir = tmp_path_factory.mktemp("learnt")
    retrain_and_promote(data_dir)
    return data_dir


@pytest.fixture
def fresh(learnt: Path, tmp_path: Path) -> Iterator[Path]:
    """A data folder without corrections, with frozen sets as made and measured before."""
    for name in SHARED:
        shutil.copytree(learnt / "finetune" / name, tmp_path / "finetune" / name)
    yield tmp_path


def newest(data_dir: Path) -> dict[str, Any]:
    code, status = finetune(data_dir, "status")
    assert code == 0
    run: dict[str, Any] = status["runs"][0]
    return run


def test_corrections_of_a_shifted_domain_raise_its_held_out_groups_and_are_promoted(learnt: Path) -> None:
    run = newest(learnt)
    target = run["detail"]["gate"]["target"]
    assert run["state"] == "promoted"
    assert target["groups"] >= 60 and target["mean"] >= EXPECTED_GAIN
    assert run["detail"]["sentence"].startswith("Passed: the target gains +")
    with FeedbackStore.open(learnt / FOLDER) as store:
        move = store.moves()[-1]
        assert (move.kind, move.adapter, move.release, move.by) == (
            "promotion",
            run["adapter"],
            1,
            "operator",
        )
        receipt = store.items("accepted")[0].receipt
        assert store.case(receipt).adapters == (run["adapter"],)


def test_a_rollback_goes_back_and_is_recorded(learnt: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "copy"
    shutil.copytree(learnt, data_dir)
    assert roll_back(data_dir) is None
    assert read_champion(Places(data_dir).adapters) is None
    with FeedbackStore.open(data_dir / FOLDER) as store:
        assert [move.kind for move in store.moves()] == ["promotion", "rollback"]
    code, refused = finetune(data_dir, "rollback")
    assert code == 1 and "nothing to roll back" in refused["error"]


def test_inverted_masks_are_refused_before_anything_is_learnt(fresh: Path) -> None:
    seed_corrections(fresh, FREE[:20], inverted)
    code, refused = finetune(fresh, "run", *SMALL, "--steps", "120")
    assert code == 1 and "masks to learn from cover more than half of their picture" in refused["error"]
    assert newest(fresh)["state"] == "refused" and newest(fresh)["adapter"] is None


def test_an_adapter_that_learnt_inverted_masks_is_refused_by_the_gate(fresh: Path, tmp_path: Path) -> None:
    """Even where nobody looks at the masks. It marks nearly everything, on base pictures too.

    Marking everything is not 0: where 7 % of a picture are tampered, it scores an F1 of 13 points.
    """
    seed_corrections(fresh, FREE[: TRUSTED[0] - FREE[0]], inverted)
    trusted = write_trusted(tmp_path / "trusted", TRUSTED)
    options = ("--target", str(trusted), "--largest-masks", "1", "--steps", "60")  # it learns that soon
    code, run = finetune(fresh, "run", *LEARNING, *options)
    assert code == 1 and run["state"] == "refused"
    gate = run["detail"]["gate"]
    assert run["detail"]["sentence"].startswith("Refused: ")
    assert gate["base"]["mean"] < -3 or gate["target"]["interval"][0] <= 0
    assert gate["target"]["mean"] < EXPECTED_GAIN
    assert read_champion(Places(fresh).adapters) is None
