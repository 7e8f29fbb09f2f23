"""What a browser sends is read field by field; whatever else it may be is refused in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fakeshield_core.domain import Click
from fakeshield_core.errors import FakeShieldError, MaskShapeMismatch
from fakeshield_core.rle import encode_rle
from feedback.records import ClaimRating, Consent
from ui.incoming import MOST_PROMPTS, Size, read_consent, read_correction, read_mask, read_prompts

SIZE = Size(height=48, width=64)
UUID = "5f0c4b1e-93b5-4c3e-9a43-0b6a4f1b2c3d"
MINIMAL = {"client_uuid": UUID, "verdict": "tampered"}
HUGE = 10**400


def click(x: object = 3, y: object = 4, positive: object = True) -> dict[str, object]:
    return {"x": x, "y": y, "positive": positive}


def one_sentence(error: BaseException) -> bool:
    text = str(error)
    return 20 < len(text) < 250 and text.endswith(".") and "Traceback" not in text and "\n" not in text


def test_clicks_and_box_are_read_in_their_order() -> None:
    prompts = read_prompts(
        {"clicks": [click(0, 0), click(63.0, 47, False)], "box_xyxy": [0, 0, 64, 48]}, SIZE
    )
    assert prompts.clicks == (Click(0, 0, True), Click(63, 47, False))
    assert prompts.box_xyxy == (0, 0, 64, 48)


@pytest.mark.parametrize("value", [{}, {"clicks": []}, {"clicks": None, "box_xyxy": None}])
def test_nothing_pointed_at_is_no_prompt(value: object) -> None:
    prompts = read_prompts(value, SIZE)
    assert (prompts.clicks, prompts.box_xyxy) == ((), None)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "clicks",
        7,
        [click()],
        {"clicks": "many"},
        {"clicks": {"0": click()}},
        {"clicks": [None]},
        {"clicks": [[3, 4, True]]},
        {"clicks": [{"x": 3, "y": 4}]},
        {"clicks": [click(positive=1)]},
        {"clicks": [click(positive="yes")]},
        {"clicks": [click(x=True)]},
        {"clicks": [click(x="3")]},
        {"clicks": [click(x=3.5)]},
        {"clicks": [click(x=float("nan"))]},
        {"clicks": [click(x=float("inf"))]},
        {"clicks": [click(x=1e308)]},
        {"clicks": [click(x=HUGE)]},
        {"clicks": [click(x=-1)]},
        {"clicks": [click(x=64)]},
        {"clicks": [click(y=48)]},
        {"clicks": [click()] * (MOST_PROMPTS + 1)},
        {"clicks": [click()] * 10_000},
        {"box_xyxy": [0, 0, 10]},
        {"box_xyxy": [0, 0, 65, 10]},
        {"box_xyxy": [10, 0, 10, 10]},
        {"box_xyxy": [-1, 0, 10, 10]},
        {"box_xyxy": [0, 0, float("nan"), 10]},
        {"box_xyxy": "0,0,9,9"},
        {"box_xyxy": [0, 0, HUGE, 10]},
    ],
    ids=lambda value: str(value)[:40],
)
def test_prompts_that_are_none_are_refused(value: object) -> None:
    with pytest.raises(FakeShieldError) as refusal:
        read_prompts(value, SIZE)
    assert one_sentence(refusal.value)


def test_a_mask_is_read_in_the_pixels_of_the_picture() -> None:
    mask = np.zeros((48, 64), bool)
    mask[5:9, 60:] = True
    assert np.array_equal(read_mask(encode_rle(mask), SIZE), mask)
    assert read_mask(None, SIZE) is None


@pytest.mark.parametrize(
    "value",
    [
        "rle",
        [1, 2],
        {},
        {"size": [48, 64]},
        {"size": [48, 64], "counts": ""},
        {"size": [48, 64], "counts": "ZZZZ\ud800"},
        {"size": [48, 64], "counts": "0" * 5_000_000},
        {"size": [48, 64], "counts": [3072]},
        {"size": [48, 64], "counts": "P`0"},
        {"size": [48, 64, 3], "counts": "P`3"},
        {"size": "48x64", "counts": "P`3"},
        {"size": [48.0, True], "counts": "P`3"},
        {"size": [HUGE, HUGE], "counts": "P`3"},
    ],
    ids=lambda value: str(value)[:40],
)
def test_masks_that_are_none_are_refused(value: object) -> None:
    with pytest.raises(FakeShieldError) as refusal:
        read_mask(value, SIZE)
    assert one_sentence(refusal.value)


@pytest.mark.parametrize("shape", [(64, 48), (48, 63), (1, 1)])
def test_a_mask_of_another_size_is_refused_with_the_right_one(shape: tuple[int, int]) -> None:
    with pytest.raises(MaskShapeMismatch, match="48 pixels high and 64 wide"):
        read_mask(encode_rle(np.ones(shape, bool)), SIZE)


def test_a_correction_says_nothing_about_what_it_leaves_out() -> None:
    said = read_correction(MINIMAL, SIZE)
    assert (said.client_uuid, said.verdict, said.consent) == (UUID, "tampered", Consent())
    assert (said.mask, said.claim_ratings, said.overall_rating, said.supersedes) == (None, (), None, None)
    assert (said.finding_kinds, said.prompts.clicks, said.seconds_spent) == ((), (), 0.0)


def test_a_whole_correction_is_read_as_it_was_sent() -> None:
    mask = np.ones((48, 64), bool)
    said = read_correction(
        {
            **MINIMAL,
            "client_uuid": UUID.upper(),
            "mask_rle": encode_rle(mask),
            "how_do_you_know": "made_the_edit",
            "consent": {"store": True, "train": True, "publish": False},
            "finding_kinds": ["splice", "removal", "splice"],
            "prompts": {"clicks": [click()] * 500},
            "claim_ratings": [{"claim_id": "c1", "rating": "wrong_place"}],
            "overall_rating": 5,
            "rewritten_explanation": "Überall zu glatt.",
            "seconds_spent": 12,
            "supersedes": "K7QF-2M9D-XR",
            "contributor": "heron-17",
            "colour": "of no importance",
        },
        SIZE,
    )
    assert (said.client_uuid, said.how_do_you_know) == (UUID, "made_the_edit")
    assert said.consent == Consent(store=True, train=True)
    assert (said.finding_kinds, len(said.prompts.clicks)) == (("splice", "removal"), 500)
    assert said.claim_ratings == (ClaimRating("c1", "wrong_place"),)
    assert (said.overall_rating, said.rewritten_explanation) == (5, "Überall zu glatt.")
    assert (said.seconds_spent, said.supersedes, said.contributor) == (12.0, "K7QF-2M9D-XR", "heron-17")
    assert said.mask is not None and said.mask.all()


@pytest.mark.parametrize(
    "change",
    [
        {"client_uuid": None},
        {"client_uuid": 7},
        {"client_uuid": "../../etc/passwd"},
        {"client_uuid": "5f0c4b1e-93b5-5c3e-9a43-0b6a4f1b2c3d"},
        {"verdict": None},
        {"verdict": "fake"},
        {"verdict": ["tampered"]},
        {"consent": "all"},
        {"consent": {"store": 1}},
        {"consent": {"store": "true"}},
        {"consent": {"store": True}},
        {"consent": {"store": True}, "how_do_you_know": "a dream"},
        {"how_do_you_know": {}},
        {"finding_kinds": "splice"},
        {"finding_kinds": ["magic"]},
        {"finding_kinds": [None]},
        {"finding_kinds": ["splice"] * 1000},
        {"prompts": "none"},
        {"prompts": {"clicks": [click()] * 1001}},
        {"claim_ratings": {"c1": "right"}},
        {"claim_ratings": [{"claim_id": "c1", "rating": "maybe"}]},
        {"claim_ratings": [{"claim_id": 1, "rating": "right"}]},
        {"claim_ratings": [{"claim_id": "c1", "rating": "right"}] * 201},
        {"overall_rating": 0},
        {"overall_rating": 6},
        {"overall_rating": 4.5},
        {"overall_rating": True},
        {"overall_rating": "5"},
        {"rewritten_explanation": 7},
        {"rewritten_explanation": "x" * 5001},
        {"rewritten_explanation": "half a character: \ud800"},
        {"rewritten_explanation": "a null\0character"},
        {"seconds_spent": -1},
        {"seconds_spent": float("nan")},
        {"seconds_spent": float("inf")},
        {"seconds_spent": HUGE},
        {"seconds_spent": "long"},
        {"seconds_spent": True},
        {"supersedes": ["K7QF-2M9D-XR"]},
        {"contributor": "x" * 201},
        {"contributor": {"name": "ines"}},
        {"mask_rle": "all of it"},
    ],
    ids=lambda change: str(change)[:45],
)
def test_a_correction_with_a_wrong_field_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FakeShieldError) as refusal:
        read_correction(MINIMAL | change, SIZE)
    assert one_sentence(refusal.value)


@pytest.mark.parametrize("value", [None, [], "correction", 7, [MINIMAL]])
def test_what_is_no_object_is_no_correction(value: object) -> None:
    with pytest.raises(FakeShieldError) as refusal:
        read_correction(value, SIZE)
    assert one_sentence(refusal.value)


def test_a_tick_that_is_left_out_is_not_set() -> None:
    assert read_consent({"store": True, "train": True}) == Consent(store=True, train=True, publish=False)
