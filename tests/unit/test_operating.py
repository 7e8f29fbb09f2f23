"""The operator's view: lamps that say what is wrong, figures as they were measured, every text escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from feedback.records import AdapterMove, JsonObject, Run, RunState, Stats
from ui.operating import LEAST_FREE, Operating, operate

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
STATS = Stats(
    items={"quarantined": 2},
    verdicts={}, trainable=7, contributors=1, ratings=0, mean_rating=None,
    claim_ratings={}, events=1234, blobs=3, blob_bytes=3 * 2**29, releases=1,
    champion=None, last_event_at=None,
)  # fmt: skip
QUIET = Operating(
    stats=STATS, waits_since=None, runs=(), moves=(), engine="compact", adapter=None,
    problem=None, free_bytes=20 * 2**30, now=NOW,
)  # fmt: skip
GATE: JsonObject = {
    "target": {"mean": 16.31, "interval": [12.0, 20.5], "groups": 61, "champion": 20.0, "challenger": 36.31},
    "domains": {"scenes": {"mean": -0.4, "interval": [-1.0, 0.2], "groups": 9, "gated": False}},
    "base": {"mean": 0.25, "interval": [-0.5, 1.0], "pictures": 320},
    "alarms": {"crops": 400, "champion": 0.002, "challenger": 0.01, "p": 0.4},
    "calibration": {"champion": 0.256, "challenger": 0.263},
}


def a_run(state: RunState, **detail: object) -> Run:
    return Run("r1", "2026-11-28T03:00:00+00:00", "2026-11-28T03:41:00+00:00", state, 3, "abc123", detail)  # type: ignore[arg-type]


def words(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def late(html: str) -> list[str]:
    return re.findall(r'class="lamp late">([^<]+)<', html)


def test_all_is_well_where_nothing_waits_and_nothing_ran() -> None:
    html = operate(QUIET)
    assert late(html) == []
    for said in (
        "1,234 events",
        "1.5 GB kept, 20.0 GB free",
        "Nothing waits",
        "No run yet",
        "the base alone",
    ):
        assert said in words(html)
    assert "schedule" in words(html)


@pytest.mark.parametrize(
    ("found", "lamp"),
    [
        (replace(QUIET, free_bytes=LEAST_FREE - 1), "Store"),
        (replace(QUIET, waits_since=(NOW - timedelta(days=4)).isoformat()), "Review wait"),
        (replace(QUIET, runs=(a_run("failed", sentence="Out of memory."),)), "Retraining"),
        (replace(QUIET, stats=replace(STATS, champion="abc123")), "Champion"),
        (replace(QUIET, adapter="abc123"), "Champion"),
        (replace(QUIET, engine=None), "Champion"),
    ],
    ids=["disk", "wait", "failed", "not-in-use", "in-use-of-none", "no-engine"],
)
def test_a_lamp_is_late_for_what_is_wrong_and_for_nothing_else(found: Operating, lamp: str) -> None:
    assert late(operate(found)) == [lamp]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            replace(QUIET, stats=replace(STATS, champion="abc123"), problem="Adapter abc123 is damaged."),
            "The page answers with the base alone. Adapter abc123 is damaged.",
        ),
        (
            replace(QUIET, engine=None, problem="Weights are missing."),
            "No engine is ready. Weights are missing.",
        ),
    ],
    ids=["not-in-use", "no-engine"],
)
def test_the_lamp_says_why_the_champion_does_not_answer(found: Operating, said: str) -> None:
    assert said in words(operate(found))


def test_a_wait_within_the_goal_is_fine() -> None:
    html = operate(replace(QUIET, waits_since=(NOW - timedelta(days=2.5)).isoformat()))
    assert late(html) == [] and "2.5 days" in words(html) and "Goal 3 days; 2 wait" in words(html)


def test_the_newest_judged_run_is_compared_in_figures() -> None:
    old = a_run("refused", gate={"target": {"groups": 2}}, sentence="Too little data.")
    new = replace(
        a_run("waiting_for_approval", gate=GATE, sentence="Passed: it gains.", parent=None), adapter="fed987"
    )
    said = words(
        operate(replace(QUIET, runs=(a_run("running", phase="training", step=3, steps=9), new, old)))
    )
    assert "fed987 against the base alone" in said and "Passed: it gains." in said
    assert "Corrections, held out 61 20.0 36.3 +16.3 [+12.0 … +20.5]" in said
    assert "scenes 9 – – -0.4 [-1.0 … +0.2] (too few to decide)" in said
    assert "Frozen base set 320 – – +0.2 [-0.5 … +1.0]" in said
    assert "False alarms 400 0.2 % 1.0 %" in said and "Calibration error – 25.6 % 26.3 %" in said
    assert "training, step 3 of 9" in said and "41 min" in said


def test_figures_of_another_shape_are_left_out_and_break_nothing() -> None:
    gate: JsonObject = {"target": {"mean": "much", "interval": ["a", None]}, "domains": {"x": 3}, "base": []}
    said = words(operate(replace(QUIET, runs=(a_run("refused", gate=gate),))))
    assert "Corrections, held out – – – –" in said and "x – – – –" in said


def test_moves_are_told_newest_first_with_the_way_back() -> None:
    moves = (
        AdapterMove("promotion", "aaa", 1, "mara", "gains", "2026-11-20T10:00:00+00:00"),
        AdapterMove("rollback", None, None, "ines", "worse on phones", "2026-11-21T10:00:00+00:00"),
    )
    said = words(operate(replace(QUIET, moves=moves)))
    assert said.index("Rollback ines worse on phones") < said.index("Promotion mara gains")
    assert "python -m finetune rollback" in said


def test_every_text_is_escaped() -> None:
    attack = "<script>alert(1)</script>"
    found = replace(
        QUIET,
        stats=replace(STATS, champion=attack),
        runs=(replace(a_run("refused", sentence=attack, gate={"domains": {attack: {}}}), adapter=attack),),
        moves=(AdapterMove("promotion", attack, 1, attack, attack, "2026-11-20T10:00:00+00:00"),),
        engine=attack,
        adapter=attack,
    )
    html = operate(found)
    assert "<script" not in html and html.count("&lt;script&gt;") >= 6
