"""What the page says about kind, reasons and stability."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakeshield_core.domain import (
    Finding,
    Region,
    Stability,
)
from tests.views import (
    ONE,
    TWO,
    VERDICTS,
    claim,
    everything,
    ready,
    text_of,
    view,
)
from ui import canvas, render_reasons


def test_claim_is_tied_to_its_region_and_says_where_it_comes_from() -> None:
    card = render_reasons.reasons_card(view(claims=(claim(), claim("It looks cut off.", 1, "reading"))))
    assert card.count('data-region="1" tabindex="0"') == 2
    first, second = (text_of(part) for part in card.split('<li class="claim"')[1:])
    assert "Measured" in first
    assert "Model’s reading" in second


@pytest.mark.parametrize(
    ("findings", "regions", "shown"),
    [
        ((Finding("splice", 0.834, 1),), (ONE,), "1 Pasted from another picture confidence 0.83"),
        (
            (Finding("copy_move", 0.9, 1),),
            (ONE, TWO),
            "1 Region 1: copied within this picture confidence 0.90",
        ),
        ((Finding("removal", 0.6, 1),), (ONE,), "1 Filled in where something was removed confidence 0.60"),
        ((Finding("face", 0.7, 1),), (ONE,), "1 A changed face confidence 0.70"),
        (
            (Finding("unknown", 0.7, 1), Finding("inpainting", 0.6, 2)),
            (ONE, TWO),
            "2 Region 2: filled in by a program confidence 0.60",
        ),
    ],
)
def test_the_kind_of_an_area_stands_over_the_reasons(
    findings: tuple[Finding, ...], regions: tuple[Region, ...], shown: str
) -> None:
    found = view(replace(ready("tampered"), findings=findings), regions, claims=(claim(),))
    card = render_reasons.reasons_card(found)
    assert text_of(card).startswith(f"Likely kind of change {shown} Why ")
    assert f'<li class="claim kind" data-region="{shown[0]}" tabindex="0">' in card


@pytest.mark.parametrize(
    ("verdict", "finding"),
    [
        ("tampered", Finding("unknown", 0.9, 1)),
        ("tampered", Finding("whole_image", 0.9, 1)),
        ("tampered", Finding("splice", 0.9, None)),
        ("tampered", Finding("splice", 0.9, 7)),
        *((other, Finding("splice", 0.9, 1)) for other in VERDICTS if other != "tampered"),
    ],
)
def test_no_kind_is_told_that_is_unknown_or_without_a_place_or_of_another_verdict(
    verdict: str, finding: Finding
) -> None:
    bare = view(ready(verdict), claims=(claim(),))
    given = view(replace(ready(verdict), findings=(finding,)), claims=(claim(),))
    assert everything(given) == everything(bare)
    assert "kind of change" not in everything(given)


def test_claim_about_the_whole_picture_points_nowhere() -> None:
    assert "data-region" not in render_reasons.reasons_card(view(claims=(claim(region_id=None),)))


def test_claim_that_the_map_contradicts_is_flagged() -> None:
    flagged = text_of(render_reasons.reasons_card(view(claims=(claim(region_id=7),))))
    assert "The map shows nothing here" in flagged
    assert "shows nothing here" not in text_of(
        render_reasons.reasons_card(view(claims=(claim(region_id=1),)))
    )


def test_marked_area_without_a_claim_is_not_explained_away() -> None:
    assert "No measurement sets the marked area apart" in text_of(render_reasons.reasons_card(view()))


def test_negative_lists_what_the_engine_cannot_see_and_whether_copies_agree() -> None:
    same, other = Stability(0.1, 0.2), Stability(0.1, 0.7)
    agree = text_of(render_reasons.reasons_card(view(ready("no_tampering_found", 0.12, stability=same), ())))
    assert "Areas below 32 pixels" in agree
    assert "Same result recompressed and at half size" in agree
    differ = text_of(
        render_reasons.reasons_card(view(ready("no_tampering_found", 0.12, stability=other), ()))
    )
    assert "Same result" not in differ
    assert "At half size 0.70" in differ


def test_a_firm_verdict_tells_whether_copies_agree() -> None:
    same, other = Stability(0.8, 0.7), Stability(0.8, 0.2)
    agree = text_of(render_reasons.reasons_card(view(ready("tampered", 0.9, stability=same))))
    assert agree.endswith("Same result recompressed and at half size")
    differ = text_of(render_reasons.reasons_card(view(ready("tampered", 0.9, stability=other))))
    assert "At half size, the result changes. As uploaded 0.90" in differ
    unread = text_of(render_reasons.reasons_card(view(ready("tampered", 0.9))))
    assert "half size" not in unread


@pytest.mark.parametrize("verdict", ["tampered", "no_tampering_found", "inconclusive"])
def test_a_check_that_is_still_to_come_is_told(verdict: str) -> None:
    waiting = view(ready(verdict, to_be_checked=True))
    assert "To be read once more, recompressed and at half size" in text_of(
        render_reasons.reasons_card(waiting)
    )
    assert canvas.snapshot(waiting)["checking"] is True
    assert canvas.snapshot(view(ready(verdict)))["checking"] is False


def test_inconclusive_says_what_would_help() -> None:
    card = text_of(render_reasons.reasons_card(view(ready("inconclusive", stability=Stability(0.6, 0.4)))))
    assert "As uploaded 0.91 Compressed again 0.60 At half size 0.40" in card
    assert "this one is 960 × 640" in card
