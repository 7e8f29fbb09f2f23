"""Learns the kind of a forgery from measurements: `python -m fakeshield_core.training.kinds --data FOLDER`.

Groups held out (`photographs.is_held_out`) are left out altogether: `bench.grounding` measures on them.
Calibration and level come from predictions for groups that the weights were not fitted to, in turn.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import optimize

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import FakeShieldError, ManifestInvalid
from fakeshield_core.evidence.kinds import KINDS, OUTCOMES, WEIGHTS, KindModel, designed, model_to_json
from fakeshield_core.evidence.kinds_features import features_of
from fakeshield_core.files import write_file
from fakeshield_core.provenance import provenance
from fakeshield_core.training.kinds_samples import Learnable, learnable
from fakeshield_core.training.photographs import read_photographs, split

Values = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

MADE, MOST_REAL = 900, 36  # forgeries made, and real ones of each word for a kind
RIDGE = 12.0  # penalty on the weights, in units of one sample
FOLDS = 8
UNTOUCHED = len(KINDS)  # its place among OUTCOMES
WANTED = 0.8  # share of stated kinds that should be right, in groups not fitted to
LEVELS = tuple(round(0.4 + 0.02 * step, 2) for step in range(26))  # tried, lowest first

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Samples:
    """Measured areas of known outcome."""

    features: Values  # (N, D)
    outcomes: Numbers  # (N,), index into OUTCOMES
    groups: tuple[str, ...]  # N

    def part(self, chosen: npt.NDArray[np.bool_]) -> Samples:
        """Those that are chosen, (N,)."""
        groups = tuple(group for group, keep in zip(self.groups, chosen, strict=True) if keep)
        return Samples(self.features[chosen], self.outcomes[chosen], groups)


def measured(found: Iterable[Learnable]) -> Samples:
    """One sample for each area that can be measured."""
    features, outcomes, groups = [], [], []
    for number, learnt in enumerate(found):
        if number % 100 == 0:
            log.info("forgery %d", number)
        kind = OUTCOMES.index(learnt.forgery.kind)
        areas = [*((mask, kind) for mask in learnt.masks), (learnt.untouched, UNTOUCHED)]
        for mask, outcome in areas:
            values = features_of(learnt.forgery.rgb, mask, learnt.copies)
            if values is not None:
                features.append(values)
                outcomes.append(outcome)
                groups.append(learnt.forgery.group)
    return Samples(np.array(features), np.array(outcomes), tuple(groups))


def learnt_model(samples: Samples) -> KindModel:
    """Weights fitted to all samples; temperature and level to predictions made without the sample's group."""
    folds = _folds(samples.groups)
    logits = np.zeros((len(samples.outcomes), len(OUTCOMES)))
    for fold in range(FOLDS):
        apart = folds == fold
        if apart.any() and not apart.all():
            model = fitted(samples.part(~apart))
            logits[apart] = designed(samples.features[apart], model.means, model.deviations) @ model.weights.T
    temperature = float(
        optimize.minimize_scalar(
            lambda value: _loss(logits / value, samples.outcomes), bounds=(0.3, 5), method="bounded"
        ).x
    )
    probabilities = np.exp(_logs(logits / temperature))
    return replace(fitted(samples), temperature=temperature, level=_level(probabilities, samples.outcomes))


def fitted(samples: Samples) -> KindModel:
    """Ridge multinomial logistic regression; every outcome weighs the same."""
    means, deviations = samples.features.mean(axis=0), samples.features.std(axis=0) + 1e-6
    design = designed(samples.features, means, deviations)
    counts = np.bincount(samples.outcomes, minlength=len(OUTCOMES))
    heft = (len(samples.outcomes) / len(OUTCOMES) / np.maximum(counts, 1))[samples.outcomes]
    truth = np.eye(len(OUTCOMES))[samples.outcomes]

    def loss(flat: Values) -> tuple[float, Values]:
        weights = flat.reshape(len(OUTCOMES), -1)
        logs = _logs(design @ weights.T)
        penalised = np.concatenate([np.zeros((len(OUTCOMES), 1)), weights[:, 1:]], axis=1)
        value = -float((heft[:, None] * truth * logs).sum()) + RIDGE / 2 * float((penalised**2).sum())
        slope = (heft[:, None] * (np.exp(logs) - truth)).T @ design + RIDGE * penalised
        return value, slope.ravel()

    start = np.zeros(len(OUTCOMES) * design.shape[1])
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return KindModel(means, deviations, found.x.reshape(len(OUTCOMES), -1), 1.0, 1.0)


def _level(probabilities: Values, outcomes: Numbers) -> float:
    """The lowest level at which enough of the stated kinds are right; the highest where none does.

    A kind stated for an area that nobody touched is wrong.
    """
    of_kinds = probabilities[:, : len(KINDS)]
    sure, right = of_kinds.max(axis=1), of_kinds.argmax(axis=1) == outcomes
    return next(
        (at for at in LEVELS if (sure >= at).any() and right[sure >= at].mean() >= WANTED), LEVELS[-1]
    )


def _loss(logits: Values, outcomes: Numbers) -> float:
    return -float(_logs(logits)[np.arange(len(outcomes)), outcomes].mean())


def _logs(logits: Values) -> Values:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float64)


def _folds(groups: Sequence[str]) -> Numbers:
    """(N,): which fold each group belongs to; groups in order of their names take turns."""
    turn = {group: number % FOLDS for number, group in enumerate(sorted(set(groups)))}
    return np.array([turn[group] for group in groups], np.int64)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, fits and writes the weights; 0 done, 1 refused."""
    parser = argparse.ArgumentParser(
        prog="python -m fakeshield_core.training.kinds", description="Learns the kind of a forgery."
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders with a manifest.csv")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where the weights go")
    parser.add_argument("--made", type=int, default=MADE, help="forgeries to make")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        photographs, _ = split(read_photographs(args.data))
        samples = measured(learnable(photographs, args.made, MOST_REAL, args.seed))
        if len(set(samples.outcomes.tolist())) < len(OUTCOMES):
            raise ManifestInvalid("Not every kind of forgery could be made; give more photographs or --made.")
        model = learnt_model(samples)
        about: dict[str, JsonValue] = {
            "made_by": f"fakeshield_core.training.kinds --made {args.made} --seed {args.seed}",
            "samples": len(samples.outcomes),
            "provenance": asdict(provenance()),
        }
        write_file(args.out, (json.dumps(about | model_to_json(model)) + "\n").encode())
    except FakeShieldError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{len(samples.outcomes)} areas; temperature {model.temperature:.2f}, stated from {model.level:.2f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
