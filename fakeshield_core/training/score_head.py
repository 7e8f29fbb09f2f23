"""The image-level head: a ridge logistic regression on frozen tokens, fitted after the network is trained.

Only data sets with both classes take part, each class of each set weighing the same: otherwise the head would
learn which set a picture comes from. Every picture is weathered or not, and compressed last, by the same draw
for both classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from fakeshield_core.checkpoints.compact import CompactCheckpoint
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.synthesis.history import through_jpeg, weathered
from fakeshield_core.training.conditions import analysed
from fakeshield_core.training.logistic import fitted
from fakeshield_core.training.photographs import Photograph
from fakeshield_core.training.samples import NO_TABLE

RIDGE = 15_000.0  # on standardised tokens, in units of one picture
READINGS = 2  # of each small picture, under other draws
SMALL_PX = 300_000  # pixels; larger pictures are read once
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeadData:
    """What the head is fitted on."""

    pooled: Values  # (N, 2C)
    labels: npt.NDArray[np.bool_]  # (N,)
    weights: Values  # (N,) equal for every class of every data set, mean 1


def with_head(
    checkpoint: CompactCheckpoint, photographs: Sequence[Photograph], seed: int = 0
) -> CompactCheckpoint:
    """The same network with its image-level head fitted on the photographs."""
    data = head_data(CompactEngine(checkpoint), photographs, np.random.default_rng(seed))
    bias, coefficients = head(data)
    network = checkpoint.network
    with torch.no_grad():
        network.score.weight.copy_(torch.from_numpy(coefficients)[None])
        network.score.bias.fill_(bias)
    return replace(checkpoint, network=network)


def head_data(engine: CompactEngine, photographs: Sequence[Photograph], rng: np.random.Generator) -> HeadData:
    """Tokens of every picture of the sets with both classes."""
    classes: dict[str, set[bool]] = {}
    for photograph in photographs:
        classes.setdefault(photograph.dataset, set()).add(photograph.is_tampered)
    used = [p for p in photographs if len(classes[p.dataset]) == 2]
    pooled, kinds = [], []
    for photograph in used:
        for _ in range(READINGS if photograph.rgb.size < 3 * SMALL_PX else 1):
            pooled.append(_read(engine, photograph, rng))
            kinds.append((photograph.dataset, photograph.is_tampered))
    counts = {kind: kinds.count(kind) for kind in set(kinds)}
    weights = np.array([len(kinds) / len(counts) / counts[kind] for kind in kinds])
    return HeadData(np.array(pooled, np.float64), np.array([tampered for _, tampered in kinds]), weights)


def head(data: HeadData, ridge: float = RIDGE) -> tuple[float, Values]:
    """Bias and (2C,) coefficients on raw tokens."""
    mean = np.average(data.pooled, axis=0, weights=data.weights)
    scale = np.sqrt(np.average((data.pooled - mean) ** 2, axis=0, weights=data.weights)) + 1e-6
    bias, coefficients = fitted((data.pooled - mean) / scale, data.labels, data.weights, ridge)
    return bias - float(mean / scale @ coefficients), coefficients / scale


def _read(engine: CompactEngine, photograph: Photograph, rng: np.random.Generator) -> Values:
    """Tokens of one picture after a draw of weathering and last compression."""
    rgb, _ = analysed(photograph)
    if rng.random() < 0.4:
        rgb = weathered(rgb, rng)[0]
    rgb, table = through_jpeg(rgb, int(rng.integers(65, 98)), int(rng.choice([0, 2])))
    known = table.astype(np.float32) if rng.random() < 0.7 else NO_TABLE
    return engine.read(rgb, known).pooled.astype(np.float64)
