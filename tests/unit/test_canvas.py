"""What the canvas is told of a view."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.views import (
    ENGINE,
    item,
    view,
)
from ui import canvas
from ui.state import Addresses, LayerView, PageView, Refusal
from ui.words import SPACE


def test_snapshot_tells_the_canvas_everything_in_plain_json() -> None:
    shown = replace(
        view(items=(item(),)),
        addresses=Addresses("p.jpg", "m.png", {"noise": LayerView("n.png", 12.0, "grey levels")}, "k.png"),
    )
    told = json.loads(json.dumps(canvas.snapshot(shown)))
    assert told["run"] == "r1"
    assert told["regions"] == [
        {"id": 1, "box": [10, 20, 60, 80], "label": f"Region 1, left of centre, 2.0{SPACE}% of the picture"}
    ]
    assert told["layers"] == [
        {"name": "noise", "title": "Noise", "address": "n.png", "legend": "12 grey levels"}
    ]
    assert (told["picture"], told["map"], told["mask"], told["threshold"]) == ("p.jpg", "m.png", "k.png", 0.5)
    assert told["summary"].startswith("Picture with marks: One area left of centre")


def test_snapshot_of_a_refusal_keeps_its_sentence() -> None:
    told = canvas.snapshot(PageView("r1", phase="refused", refusal=Refusal("Head", "Why.")))
    assert told["refusal"] == {"head": "Head", "why": "Why.", "reason": ""}


def marks(shown: PageView) -> str:
    return " ".join(str(step["mark"]) for step in canvas.steps(shown) if isinstance(step, dict))


def test_steps_advance_one_at_a_time() -> None:
    assert marks(PageView("r")) == "now wait wait wait wait"
    assert marks(replace(view(), explanation=None)) == "done done done done now"
    assert marks(view()) == "done done done done done"


def test_steps_leave_out_what_the_engine_does_not_give() -> None:
    mapless = replace(ENGINE, gives=frozenset({"verdict", "explanation"}))
    names = [step["name"] for step in canvas.steps(replace(view(), engine=mapless)) if isinstance(step, dict)]
    assert names == ["File facts", "Evidence", "Verdict", "Reasons"]


@pytest.mark.parametrize(
    ("phase", "ahead", "words"),
    [
        ("waiting", 0, ""),
        ("waiting", 1, "1 picture is ahead of yours. Keep this page open."),
        ("waiting", 3, "3 pictures are ahead of yours. Keep this page open."),
        ("starting", 0, "The engine is starting; your picture is next."),
        ("working", 3, ""),
    ],
)
def test_those_who_wait_are_told_why(phase: str, ahead: int, words: str) -> None:
    assert canvas.waiting_words(PageView("r", phase=phase, ahead=ahead)) == words  # type: ignore[arg-type]
