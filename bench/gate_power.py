"""How often the gate passes what is better and lets through what is worse: `python -m bench.gate_power`.

Made-up figures, the real limits: paired differences of a spread as measured in the proof, over groups of one
picture (target) or three (base set).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from fakeshield_core.evaluate_report import table
from finetune import gate
from finetune.gate import Pairs, change, mcnemar

TARGET_SPREAD = 28.0  # points between groups of a target that gains
BASE_SPREAD = 8.0  # points between groups of the base set
TARGET_GROUPS = (60, 100, 200)
GAINS = (0.0, 3.0, 6.0, 9.0, 12.0, 15.0)
LOSSES = (0.0, -1.0, -2.0, -3.0, -4.0, -5.0)
RISES = (0.0, 0.01, 0.02, 0.03, 0.04)
ALARMS = 0.03  # of the champion


def main(argv: Sequence[str] | None = None) -> int:
    """Prints three tables: target, base set, false alarms."""
    parser = argparse.ArgumentParser(prog="python -m bench.gate_power", description="Power of the gate.")
    parser.add_argument("--trials", type=int, default=400)
    args = parser.parse_args(argv)
    rng = np.random.default_rng(0)
    print(
        target_table(args.trials, rng),
        base_table(args.trials, rng),
        alarm_table(args.trials, rng),
        sep="\n\n",
    )
    return 0


def target_table(trials: int, rng: np.random.Generator) -> str:
    """Share of trials in which a true gain counts as one."""
    rows = []
    for gain in GAINS:
        passed = [
            np.mean(
                [change(drawn(groups, gain, TARGET_SPREAD, rng)).two_sided.low > 0 for _ in range(trials)]
            )
            for groups in TARGET_GROUPS
        ]
        rows.append((f"{gain:+.0f}", *(f"{share:.0%}" for share in passed)))
    return shown(("true gain, points", *(f"{groups} groups" for groups in TARGET_GROUPS)), rows)


def base_table(trials: int, rng: np.random.Generator) -> str:
    """Share of trials in which a true change of the base set passes both of its limits."""
    rows = []
    for loss in LOSSES:
        moved = [change(drawn(100, loss, BASE_SPREAD, rng, 3)) for _ in range(trials)]
        bound = np.mean([one.one_sided.low >= gate.BASE_LOSS for one in moved])
        both = np.mean(
            [
                one.one_sided.low >= gate.BASE_LOSS
                and one.one_sided.high >= 0
                and one.mean >= -gate.DOMAIN_LOSS
                for one in moved
            ]
        )
        rows.append((f"{loss:+.0f}", f"{bound:.0%}", f"{both:.0%}"))
    return shown(("true change, points", "bound of the base set", "and as a domain"), rows)


def alarm_table(trials: int, rng: np.random.Generator) -> str:
    """Share of trials in which a true rise of false alarms passes on 400 crops."""
    rows = []
    for rise in RISES:
        passed = 0
        for _ in range(trials):
            old = rng.random(gate.AUTHENTIC) < ALARMS
            new = np.where(rng.random(gate.AUTHENTIC) < 0.7, old, rng.random(gate.AUTHENTIC) < ALARMS)
            new = new | (rng.random(gate.AUTHENTIC) < rise)
            both = list(zip(old.tolist(), new.tolist(), strict=True))
            more = float(new.mean() - old.mean())
            passed += not (more > 0 and (mcnemar(both) < 1 - gate.CONFIDENCE or more > gate.ALARM_RISE))
        rows.append((f"{rise:+.0%}", f"{passed / trials:.0%}"))
    return shown(("true rise, of crops", f"passes ({gate.AUTHENTIC} crops, {ALARMS:.0%} before)"), rows)


def shown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table as text."""
    return "\n".join(table(head, rows))


def drawn(groups: int, mean: float, spread: float, rng: np.random.Generator, pictures: int = 1) -> Pairs:
    """Paired figures whose true mean change and spread between groups are given."""
    moved = np.repeat(rng.normal(mean, spread, groups), pictures) + rng.normal(0, 1, groups * pictures)
    names = [f"g{number // pictures}" for number in range(groups * pictures)]
    return Pairs(names, [0.0] * len(names), moved.tolist())


if __name__ == "__main__":
    sys.exit(main())
