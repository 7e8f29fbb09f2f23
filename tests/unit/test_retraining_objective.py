"""What retraining minimises: truth everywhere, and on replayed pictures what the base said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fakeshield_core.checkpoints.compact import Calibration
from fakeshield_core.training.objective import Batch, collated
from fakeshield_core.training.samples import NO_TABLE, Sample
from finetune.lora import Answer
from finetune.train import KEEP_SCORE_WEIGHT, objective


def batch() -> Batch:
    """One replayed untouched window, then one correction."""
    mask = np.zeros((16, 16), np.bool_)
    rgb, valid = np.zeros((16, 16, 3), np.uint8), ~mask
    return collated([Sample(rgb, NO_TABLE, mask, valid, True), Sample(rgb, NO_TABLE, valid, valid, True)])


def answer(label: float, rows: int = 2) -> Answer:
    return Answer(torch.zeros(rows, 2), torch.zeros(rows, 4, 4), torch.tensor([label, 0.0][:rows]))


def cost(label: float, calibration: Calibration) -> float:
    """Of a student that says this of the replayed window, where the base said 0."""
    return float(objective(answer(label), answer(0.0, rows=1), batch(), calibration))


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_a_score_that_moves_on_replayed_pictures_costs_as_the_calibration_weighs_it(weight: float) -> None:
    calibration = Calibration(label_weight=weight)
    moved = cost(0.3, calibration) - cost(0.0, calibration)
    assert moved == pytest.approx(KEEP_SCORE_WEIGHT * (weight * 0.3) ** 2, rel=1e-4)


def test_what_the_base_said_is_cheapest() -> None:
    costs = {label: cost(label, Calibration()) for label in (-0.2, 0.0, 0.2)}
    assert min(costs, key=lambda label: costs[label]) == 0.0
