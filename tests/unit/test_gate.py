"""The gate on made-up champions and challengers: each limit passes just inside and refuses just beyond."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from finetune.gate import Comparison, Pairs, Scores, change, judge, mcnemar

SPREAD = 4.0  # points, of the differences between pictures


def pairs(groups: int, moved: float, pictures: int = 1, seed: int = 0) -> Pairs:
    """Pictures whose F1 moves by exactly `moved` points on average, by group differently."""
    rng = np.random.default_rng(seed)
    before = rng.uniform(30, 60, groups * pictures)
    noise = rng.normal(0, SPREAD, groups * pictures)
    after = before + moved + noise - noise.mean()
    names = [f"g{number // pictures}" for number in range(groups * pictures)]
    return Pairs(names, before.tolist(), after.tolist())


def alarms(crops: int, before: int, after: int, shared: int = 0) -> list[tuple[bool, bool]]:
    """So many alarms of each, `shared` of them on the same crops."""
    both, old, new = (
        [(True, True)] * shared,
        [(True, False)] * (before - shared),
        [(False, True)] * (after - shared),
    )
    return [*both, *old, *new, *[(False, False)] * (crops - len(both) - len(old) - len(new))]


def scores(shift: float) -> Scores:
    """A champion that is calibrated, and a challenger whose scores are all higher by `shift`."""
    truth = [number % 4 == 0 for number in range(400)]
    before = [0.25] * 400
    return Scores(truth, before, [0.25 + shift] * 400)


GOOD = Comparison(
    target=pairs(80, 12.0),
    domains={"scenes": pairs(100, 0.5, 3), "messenger": pairs(80, 12.0)},
    base=pairs(100, 0.5, 3),
    alarms=alarms(400, 8, 10, shared=6),
    calibration=scores(0.01),
)


def test_a_challenger_that_gains_and_loses_nothing_passes() -> None:
    result = judge(GOOD)
    assert result.passed and not result.refusals
    assert result.sentence.startswith("Passed: the target gains +12.0 points pixel F1 (95 % interval")
    assert "on 80 held-out groups" in result.sentence


REFUSED = {
    "too little data: 59 held-out groups of corrections, and 60 are needed": {"target": pairs(59, 12.0)},
    "no sure gain, the target gains +0.2 points pixel F1": {"target": pairs(80, 0.2)},
    "no sure gain, the target gains -9.0 points": {"target": pairs(80, -9.0)},
    "domain messenger changes by -2.0 points pixel F1 (95 % sure to be below -": {
        "domains": {"messenger": pairs(80, -2.0)}
    },
    "domain wide changes by -3.1 points": {"domains": {"wide": pairs(60, -3.1)}},
    "the base set changes by -3.0 points pixel F1, and is 95 % sure only to stay above -3.3": {
        "base": pairs(100, -3.0, 3)
    },
    "the base set has 299 pictures, and 300 are needed": {"base": pairs(299, 0.0)},
    "false alarms rise from 1.5% to 4.0% of 400 authentic crops": {"alarms": alarms(400, 6, 16, shared=6)},
    "(p = 0.002)": {"alarms": alarms(400, 6, 16, shared=6)},
    "false alarms rise from 10.0% to 12.2% of 400 authentic crops (p = 0.397)": {
        "alarms": alarms(400, 40, 49, shared=0)
    },
    "there are 399 authentic crops, and 400 are needed": {"alarms": alarms(399, 0, 0)},
    "the calibration error rises from 0.000 to 0.030, by more than 0.02": {"calibration": scores(0.03)},
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_every_limit_refuses_with_its_numbers(sentence: str) -> None:
    result = judge(replace(GOOD, **REFUSED[sentence]))  # type: ignore[arg-type]
    assert not result.passed
    assert len(result.refusals) == 1 and result.sentence == f"Refused: {result.refusals[0]}."
    assert sentence in result.sentence


INSIDE = {
    "sixty groups are enough": {"target": pairs(60, 12.0)},
    "a domain of 59 groups is reported, not gated": {"domains": {"small": pairs(59, -20.0)}},
    "a domain may vary by chance": {"domains": {"messenger": pairs(80, -0.2)}},
    "the base set may lose a little": {"base": pairs(100, -1.5, 3)},
    "fewer alarms are welcome": {"alarms": alarms(400, 30, 2)},
    "alarms may rise by two points where it may be chance": {"alarms": alarms(400, 20, 28)},
    "calibration may get a little worse": {"calibration": scores(0.0199)},
    "calibration may get better": {"calibration": Scores([True, False], [0.2, 0.8], [0.9, 0.1])},
}


@pytest.mark.parametrize("rule", INSIDE)
def test_what_is_within_the_limits_passes(rule: str) -> None:
    result = judge(replace(GOOD, **INSIDE[rule]))  # type: ignore[arg-type]
    assert result.passed, result.sentence


def test_every_reason_is_told_in_one_sentence() -> None:
    result = judge(replace(GOOD, target=pairs(10, 0.0), calibration=scores(0.1)))
    assert len(result.refusals) == 2
    assert result.sentence == f"Refused: {result.refusals[0]}; {result.refusals[1]}."


def test_the_figures_hold_every_number_also_of_small_domains() -> None:
    figures = judge(replace(GOOD, domains={"small": pairs(5, -20.0)})).figures
    assert set(figures) == {"target", "domains", "base", "alarms", "calibration"}
    domains = figures["domains"]
    assert isinstance(domains, dict) and isinstance(domains["small"], dict)
    assert domains["small"]["gated"] is False and domains["small"]["mean"] == -20.0


def test_whole_groups_are_drawn() -> None:
    """Ten equal pictures of a group are one observation: the interval is that of the groups alone."""
    few = pairs(80, 1.0)
    many = Pairs(*(list(np.repeat(values, 10)) for values in (few.groups, few.champion, few.challenger)))
    assert change(many).two_sided == pytest.approx(change(few).two_sided)


def test_the_same_figures_give_the_same_decision() -> None:
    assert judge(GOOD) == judge(GOOD)


@pytest.mark.parametrize(
    ("old", "new", "p"), [(0, 0, 1.0), (0, 5, 0.0625), (0, 6, 0.03125), (3, 3, 1.0), (1, 9, 0.021484375)]
)
def test_mcnemar_is_the_exact_sign_test(old: int, new: int, p: float) -> None:
    assert mcnemar(alarms(100, old, new)) == pytest.approx(p)
