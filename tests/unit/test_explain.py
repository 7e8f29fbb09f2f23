"""From evidence to claims and note: only what was measured, in an order and with words a person can use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from fakeshield_core import masks
from fakeshield_core.domain import (
    Claim,
    ClaimsReady,
    Evidence,
    EvidenceItem,
    EvidenceReady,
    Explainer,
    Explanation,
    JsonValue,
    Region,
    RgbImage,
    TextChunk,
    Update,
)
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import MaskShapeMismatch
from fakeshield_core.evidence import measure
from fakeshield_core.explain import GroundedExplainer, claims_from, compose, contradictions
from fakeshield_core.explain.claims import CONFIDENCE, confidence_of
from fakeshield_core.explain.note import percent_words, where_words
from fakeshield_core.pipeline import analyze_to_end
from tests.fakes import marked, pictured, textured

NUMBER = re.compile(r"\d+(?:\.\d+)?")
JUDGING = ("authentic", "fake", "forge", "real photo", "genuine", "manipulat")


def _region(number: int = 1, where: str = "left of centre", area: float = 0.02) -> Region:
    return Region(number, (8, 8, 40, 40), area, 0.9, where)


def _row(region_id: int, outcome: str = "higher", effect: float | None = 3.0, reason: str = "") -> JsonValue:
    return {
        "region_id": region_id,
        "outcome": outcome,
        "inside": 2.04,
        "expected": 1.48,
        "effect": effect,
        "reason": reason,
        "text": f"Sentence on region {region_id}.",
    }


def _item(name: str, *rows: JsonValue, **numbers: JsonValue) -> EvidenceItem:
    values: Mapping[str, JsonValue] = {**numbers, **({"regions": list(rows)} if rows else {})}
    return EvidenceItem(
        name,
        name.replace("_", " ").capitalize(),
        "informs",
        "1.4 ×",
        f"{name} shows this.",
        f"{name} limit.",
        values,
    )


def _evidence(*items: EvidenceItem) -> Evidence:
    return Evidence(items, {})


def _edited(height: int = 184, width: int = 200) -> tuple[RgbImage, np.ndarray]:
    """A picture with texture of every strength and added noise in one square, and the square's mask."""
    texture = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 1, (height, width)), 1)
    rgb = textured(height, width) + (np.linspace(0, 120, height)[:, None] * texture)[..., None]
    mask = np.zeros((height, width), dtype=bool)
    mask[40:112, 56:128] = True
    noise = np.random.default_rng(1).normal(0, 6, (height, width))[..., None] * mask[..., None]
    return np.clip(rgb + noise, 0, 255).astype(np.uint8), mask


def _explained(mask_of: str, file_format: str = "PNG") -> tuple[list[Update], np.ndarray]:
    rgb, mask = _edited()
    picture = pictured(rgb, file_format)
    two = mask.copy()
    two[140:176, 8:60] = True
    chosen = {
        "empty": np.zeros_like(mask),
        "one": mask,
        "two": two,
        "corner": np.roll(mask, (60, 60), (0, 1)),
    }[mask_of]
    return list(GroundedExplainer().explain(picture, chosen, measure(picture), None)), chosen


def _last(updates: list[Update]) -> Explanation:
    assert isinstance(updates[-1], ClaimsReady)
    return updates[-1].explanation


FLAT = {"ghosts", "grid"}  # kinds whose confidence was measured as one number

# claims


def test_claims_are_strongest_first_and_numbered() -> None:
    evidence = _evidence(
        _item("noise", _row(1, effect=1.9), _row(2, effect=9.0)), _item("error_level", _row(1, effect=6.0))
    )
    claims = claims_from(evidence, [_region(1), _region(2)])
    assert [(c.id, c.kind, c.region_id) for c in claims] == [
        ("c1", "error_level", 1),
        ("c2", "noise", 2),
        ("c3", "noise", 1),
    ]


@pytest.mark.parametrize("outcome", ["same", "not_measured"])
def test_no_claim_without_a_difference(outcome: str) -> None:
    assert claims_from(_evidence(_item("noise", _row(1, outcome))), [_region(1)]) == ()


def test_no_claim_about_a_region_that_is_not_marked() -> None:
    assert claims_from(_evidence(_item("noise", _row(2))), [_region(1)]) == ()


def test_a_claim_carries_its_numbers_and_the_constants_it_quotes() -> None:
    (claim,) = claims_from(_evidence(_item("noise", _row(1), block_px=8)), [_region(1)])
    assert claim.evidence == {"block_px": 8, "region_id": 1, "inside": 2.04, "expected": 1.48, "effect": 3.0}
    assert claim.text == "Sentence on region 1."


def test_notable_file_facts_come_last_without_region_or_confidence() -> None:
    evidence = _evidence(
        _item("metadata", notable=True), _item("jpeg_tables", notable=False), _item("noise", _row(1))
    )
    assert [(c.kind, c.region_id, c.confidence is None) for c in claims_from(evidence, [_region(1)])] == [
        ("noise", 1, False),
        ("metadata", None, True),
    ]


@pytest.mark.parametrize("kind", CONFIDENCE)
def test_confidence_never_falls_with_the_effect_and_never_reaches_certainty(kind: str) -> None:
    values = [confidence_of(kind, effect) or 0.0 for effect in np.linspace(0, 40, 200)]
    assert values == sorted(values)
    assert values[0] > 0.5 and values[-1] < 1
    assert (values[0] < values[-1]) == (kind not in FLAT)


def test_an_uncalibrated_kind_has_no_confidence() -> None:
    assert confidence_of("metadata", 3.0) is None


# consistency


def test_claims_on_regions_the_mask_lacks_contradict_it() -> None:
    labels = np.array([[0, 1], [0, 3]], np.int32)
    claims = [Claim(f"c{i}", "", "reading", region, {}, None) for i, region in enumerate([1, 2, None, 3, 0])]
    assert contradictions(claims, labels) == ("c1", "c4")
    assert contradictions(claims, np.zeros((2, 2), np.int32)) == ("c0", "c1", "c3", "c4")


# note


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ([_region(where="centre", area=0.025)], "One area in the centre, 2.5 % of the picture."),
        ([_region(where="top left", area=0.34)], "One area at the top left, 34 % of the picture."),
        (
            [_region(where="most of the picture", area=0.6)],
            "One area spread over most of the picture, 60 % of it.",
        ),
        (
            [_region(1, "almost the whole picture", 0.55), _region(2, area=0.05)],
            "Two areas, the larger spread over almost the whole picture, together 60 % of it.",
        ),
        ([_region(where="down the left side")], "One area down the left side, 2.0 % of the picture."),
        (
            [_region(1, area=0.02), _region(2, area=0.005)],
            "Two areas, the larger left of centre, together 2.5 % of the picture.",
        ),
        (
            [_region(n, "far right", 0.01) for n in range(1, 8)],
            "Seven areas, the largest at the far right, together 7.0 % of the picture.",
        ),
        (
            [_region(n, "far right", 0.01) for n in range(1, 9)],
            "At least 8 areas, the largest at the far right, the 8 largest together 8.0 % of the picture.",
        ),
    ],
)
def test_the_opening_says_where_and_how_large(regions: list[Region], words: str) -> None:
    assert where_words(regions) == words


@pytest.mark.parametrize(
    ("fraction", "words"), [(0.0004, "0.04 %"), (0.0124, "1.2 %"), (0.0996, "10 %"), (1.0, "100 %")]
)
def test_percent_words(fraction: float, words: str) -> None:
    assert percent_words(fraction) == words


def test_tests_with_the_same_outcome_share_a_sentence() -> None:
    same, unmeasured = _row(1, "same"), _row(2, "not_measured", None, "it is too dark")
    evidence = _evidence(_item("error_level", same, unmeasured), _item("noise", same, unmeasured))
    text = compose((), evidence, [_region(1), _region(2)])
    assert "Error level and noise do not clearly set region 1 apart" in text
    assert "Nothing could be measured in region 2: it is too dark." in text
    assert "So no measurement here supports what is marked." in text


def test_tests_that_could_not_be_measured_are_named_where_others_could() -> None:
    same, unmeasured = _row(1, "same"), _row(2, "not_measured", None, "it is too dark")
    items = [_item("error_level", same, unmeasured), _item("noise", same, unmeasured)]
    text = compose((), _evidence(*items, _item("grid", same, _row(2, "same"))), [_region(1), _region(2)])
    assert "Error level and noise could not be measured in region 2: it is too dark." in text
    alone = compose((), _evidence(items[0]), [_region(1), _region(2)])
    assert "Error level could not be measured in region 2: it is too dark." in alone


def test_many_regions_are_told_in_two_sentences() -> None:
    same = [_row(n, "same") for n in range(1, 7)]
    dark, small = (_row(7, "not_measured", None, reason) for reason in ("it is too dark", "it is too small"))
    evidence = _evidence(_item("error_level", *same, dark), _item("noise", *same[:4], _row(5, "same"), small))
    text = compose((), evidence, [_region(n) for n in range(1, 8)])
    assert "Error level and noise do not clearly set regions 1 to 6 apart" in text
    assert "Not every test could be measured in region 7." in text
    assert "dark" not in text and "small" not in text


def test_all_of_many_regions_are_not_listed() -> None:
    rows = [_row(n, "same") for n in range(1, 5)]
    names = ("error_level", "noise", "grid")
    text = compose((), _evidence(*(_item(name, *rows) for name in names)), [_region(n) for n in range(1, 5)])
    assert "do not clearly set any of the areas apart from similar parts elsewhere." in text
    assert " and grid do not" in text.lower() and "regions" not in text.split("apart")[0].split(". ")[-1]


def test_one_region_is_told_with_its_levels() -> None:
    text = compose((), _evidence(_item("noise", _row(1, "same"))), [_region(1)])
    assert "Noise (2.04 against 1.48 grey levels) does not clearly set the marked area apart" in text


def test_the_limits_of_what_was_claimed_close_the_note() -> None:
    evidence = _evidence(
        _item("metadata", notable=True), _item("noise", _row(1)), _item("error_level", _row(1, "same"))
    )
    text = compose(claims_from(evidence, [_region(1)]), evidence, [_region(1)])
    assert text.endswith("noise limit. Such file facts also arise when an unchanged picture is saved again.")
    assert "error_level limit" not in text
    assert "supports" not in text  # there is a claim that does


def test_what_was_not_measured_at_all_is_not_mentioned() -> None:
    item = replace(_item("jpeg_tables"), status="not_measured")
    assert "jpeg_tables" not in compose((), _evidence(item), [])


# the explainer


def test_the_grounded_explainer_is_an_explainer() -> None:
    assert isinstance(GroundedExplainer(), Explainer)


@pytest.mark.parametrize("mask_of", ["empty", "one", "two"])
def test_evidence_then_text_then_claims(mask_of: str) -> None:
    updates, _ = _explained(mask_of)
    assert isinstance(updates[0], EvidenceReady)
    chunks = [update.text for update in updates[1:-1] if isinstance(update, TextChunk)]
    assert len(chunks) == len(updates) - 2 > 2
    explanation = _last(updates)
    assert "".join(chunks) == explanation.text
    assert explanation.text == compose(explanation.claims, updates[0].evidence, _regions(mask_of))
    assert (explanation.language, explanation.source) == ("en", "measured")


def _regions(mask_of: str) -> tuple[Region, ...]:
    _, mask = _explained(mask_of)
    return masks.regions(mask, mask.astype(np.float32))


def test_a_noisy_square_is_the_first_claim_and_points_at_its_region() -> None:
    updates, mask = _explained("two")
    first = _last(updates).claims[0]
    assert first.region_id == 1
    labels = masks.label_regions(mask, 16).labels
    assert labels[76, 92] == 1
    assert contradictions(_last(updates).claims, labels) == ()


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
@pytest.mark.parametrize("mask_of", ["empty", "one", "two", "corner"])
def test_every_number_in_the_text_was_measured(mask_of: str, file_format: str) -> None:
    updates, mask = _explained(mask_of, file_format)
    assert isinstance(updates[0], EvidenceReady)
    explanation = _last(updates)
    regions = masks.regions(mask, mask.astype(np.float32))
    known = [100 * sum(region.area_fraction for region in regions)]
    for claim in explanation.claims:
        known += _numbers(dict(claim.evidence))
        assert _unknown(claim.text, _numbers(dict(claim.evidence))) == []
    for item in updates[0].evidence.items:
        known += _numbers(dict(item.numbers))
        assert _unknown(item.shows, _numbers(dict(item.numbers))) == []
        assert _unknown(item.headline, _numbers(dict(item.numbers))) == []
    assert _unknown(explanation.text, known) == []


def _unknown(text: str, known: list[float]) -> list[str]:
    """Numbers of the text that no known number rounds to."""
    found = []
    for token in NUMBER.findall(text):
        half = 0.5 * 10.0 ** -len(token.partition(".")[2])
        if not any(abs(float(token) - number) <= half + 1e-9 for number in known):
            found.append(token)
    return found


def _numbers(value: JsonValue) -> list[float]:
    return list(_walk(value))


def _walk(value: JsonValue) -> Iterator[float]:
    match value:
        case bool() | None:
            return
        case int() | float():
            yield float(value)
        case str():
            return
        case list():
            for part in value:
                yield from _walk(part)
        case dict():
            for part in value.values():
                yield from _walk(part)


@pytest.mark.parametrize("mask_of", ["empty", "one", "two", "corner"])
def test_the_note_never_judges_the_picture(mask_of: str) -> None:
    text = _last(_explained(mask_of)[0]).text.lower()
    assert not [word for word in JUDGING if word in text]


def test_an_empty_mask_gives_a_short_note_without_a_claim() -> None:
    explanation = _last(_explained("empty")[0])
    assert explanation.claims == ()
    assert explanation.text.startswith("No area is marked")
    assert explanation.text.endswith("cannot be ruled out.")
    assert "quality 90" in explanation.text


def test_evidence_read_from_a_file_is_measured_anew() -> None:
    rgb, mask = _edited()
    picture = pictured(rgb)
    fresh = list(GroundedExplainer().explain(picture, mask, measure(picture), None))
    again = list(GroundedExplainer().explain(picture, mask, Evidence((), {}), None))
    assert _last(again) == _last(fresh)


def test_a_mask_of_another_size_is_refused() -> None:
    picture = pictured(textured(32, 48))
    with pytest.raises(MaskShapeMismatch, match="40 × 32 pixels and the picture 48 × 32"):
        next(GroundedExplainer().explain(picture, np.zeros((32, 40), bool), measure(picture), None))


@pytest.mark.parametrize(
    ("verdict", "says_so"), [("no_tampering_found", True), ("inconclusive", True), ("tampered", False)]
)
def test_marks_that_the_verdict_does_not_stand_behind_are_called_so(verdict: str, says_so: bool) -> None:
    analysis = replace(
        analyze_to_end(StubEngine(), pictured(marked(textured(96, 128), 32, 32, 40, 40))), verdict=verdict
    )
    picture = pictured(textured(96, 128))
    assert analysis.mask is not None
    *_, last = GroundedExplainer().explain(picture, analysis.mask, measure(picture), analysis)
    assert isinstance(last, ClaimsReady)
    assert ("strongest places" in last.explanation.text) == says_so
