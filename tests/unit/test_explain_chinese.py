"""Explanations in Chinese: the same findings with the same numbers, a sentence for every kind and outcome."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from fakeshield_core import masks
from fakeshield_core.domain import BoolMask, ClaimsReady, EvidenceItem, Explanation, JsonValue, Region
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.evidence import compare, contrast, jpeg_tables, measure, metadata
from fakeshield_core.evidence.level_test import place_words
from fakeshield_core.explain import GroundedExplainer, claims_from, compose, note
from fakeshield_core.explain.chinese import CHINESE, COUNTS, LEADS, PLACES
from fakeshield_core.explain.chinese_findings import (
    CLAIMS,
    LIMITS,
    PROGRAMS,
    REASONS,
    SIDES,
    TITLES,
    UNITS,
    WHOLES,
    claim_text,
    whole_text,
)
from fakeshield_core.explain.claims import CLAIMED, CONFIDENCE, region_rows
from fakeshield_core.picture import Picture
from fakeshield_core.pipeline import analyze_to_end
from tests.fakes import marked, pictured, textured
from tests.jpeg_histories import (
    HEIGHT,
    WIDTH,
    file_of,
    looked_at,
    square,
    with_moved_grid,
)
from tests.told_items import (
    INFORMS,
    SINGLED_OUT,
    alone,
    copied,
    fresh,
    ghost,
    measured_in,
    moved_grid,
    regions_of,
)

NUMBER = re.compile(r"\d+(?:\.\d+)?")
NAMES = re.compile(r"“[^”]*”")  # as the file spells them
LATIN = re.compile(r"[A-Za-z]+")
ALLOWED = {"JPEG", "EXIF", "PNG", "Photoshop"}
JUDGING = ("真实", "真伪", "伪造", "造假", "假图", "篡改", "原图", "可疑", "作者", "此人")
VARIANTS = {"beside_zero", "alone", "again"}  # sentences of an outcome that is told in several ways


def _fits(template: str, text: str) -> bool:
    """Whether the text is the template with its braces filled."""
    parts = re.split(r"\{[^}]*\}", template)
    return re.fullmatch(".*".join(map(re.escape, parts)), text) is not None


def _assert_told_alike(english: str, chinese: str) -> None:
    assert sorted(NUMBER.findall(english)) == sorted(NUMBER.findall(chinese)), (english, chinese)
    _assert_chinese(chinese)


def _assert_chinese(text: str) -> None:
    bare = NAMES.sub("", text)
    assert set(LATIN.findall(bare)) <= ALLOWED, text
    assert not re.search(r"[,;:!?()'\"{}\s]|\.(?!\d)", bare), text
    assert text.endswith("。"), text
    assert not [word for word in JUDGING if word in bare], text


def test_every_sentence_on_a_region_is_tried_here() -> None:
    assert set(SINGLED_OUT) == set(CLAIMS)


@pytest.mark.parametrize("key", SINGLED_OUT, ids=lambda key: "-".join(key))
def test_a_region_is_singled_out_with_the_same_numbers(key: tuple[str, str]) -> None:
    item = SINGLED_OUT[key]()
    rows = region_rows(item)
    row = rows[1] if key[1] == "again" else rows[0]
    assert row["outcome"] in CLAIMED
    text = claim_text(item, row, "标记区域" if len(rows) == 1 else f"区域{row['region_id']}")
    assert _fits(CLAIMS[key], text)
    _assert_told_alike(str(row["text"]), text)


@pytest.mark.parametrize(
    ("magnification", "turn", "words"),
    [(1.0, 0.0, "位移，"), (0.76, 0.0, "位移（缩放至0.76倍），"), (1.0, 86.2, "位移（旋转86°），")],
)
def test_how_a_copy_was_changed_is_told(magnification: float, turn: float, words: str) -> None:
    item = copied(magnification, turn)
    (first, _) = region_rows(item)
    text = claim_text(item, first, "区域1")
    assert words in text
    _assert_told_alike(str(first["text"]), text)


def test_a_grid_in_a_turned_file_says_whose_axes_are_meant() -> None:
    turned = partial(file_of, with_moved_grid(), "PNG", turn=3)
    item = looked_at(measure(measured_in(turned)), square()[::-1, ::-1], "grid")
    (row,) = region_rows(item)
    text = claim_text(item, row, "标记区域")
    assert "（按文件存储的方向计）" in text
    _assert_told_alike(str(row["text"]), text)


# items that inform about the whole picture


@pytest.mark.parametrize("number", range(len(INFORMS)))
def test_the_whole_picture_is_told_with_the_same_numbers(number: int) -> None:
    make, words = INFORMS[number]
    item = make()
    text = whole_text(item)
    assert item.status == "informs" and words in text
    _assert_told_alike(item.shows, text)


def test_every_sentence_on_the_whole_picture_is_tried_here() -> None:
    texts = [(item.name, whole_text(item)) for item in (make() for make, _ in INFORMS)]
    for (kind, variant), template in WHOLES.items():
        assert any(name == kind and _fits(template, text) for name, text in texts), (kind, variant)


# nothing that the evidence can say is without Chinese words


def test_every_kind_of_evidence_has_chinese_words() -> None:
    kinds = {item.name for item in measure(measured_in(fresh)).items}
    assert set(TITLES) == kinds
    assert {kind for kind, _ in WHOLES} == kinds
    assert set(LIMITS) == {kind for kind, _ in CLAIMS} == set(CONFIDENCE)
    assert {outcome for _, outcome in CLAIMS} == {*CLAIMED, *VARIANTS}


def test_every_code_of_the_evidence_has_chinese_words() -> None:
    assert set(REASONS) == set(contrast.REASONS)
    assert set(PROGRAMS) == {kind for _, kind in metadata.PROGRAMS.values()} | {metadata.GENERATOR}
    assert set(UNITS) == {unit for _, unit in metadata.LAPSES}
    assert set(SIDES) == {metadata.lapse(seconds).side for seconds in (90, -90)}
    assert {variant for kind, variant in WHOLES if kind == "jpeg_tables"} == set(jpeg_tables.SENTENCES)
    assert len(COUNTS) == len(note.COUNTS) == masks.MAX_REGIONS
    assert set(LEADS) == set(note.LEADS)


def test_every_place_has_chinese_words() -> None:
    edges = range(0, 101, 4)
    said = {
        masks.where_in_picture((x0, y0, x1, y1), 100, 100)
        for x0 in edges
        for x1 in edges
        if x1 > x0
        for y0 in edges
        for y1 in edges
        if y1 > y0
    }
    assert said == set(PLACES)
    assert len(set(PLACES.values())) == len(PLACES)


@pytest.mark.parametrize("kind", LIMITS)
def test_limits_name_the_same_numbers(kind: str) -> None:
    item = measure(measured_in(fresh)).item(kind)
    assert item is not None
    _assert_told_alike(item.cannot_show, LIMITS[kind])


# the sentences between


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ([("top left", 0.34)], "标记了一处区域，位于画面左上，占画面的34%。"),
        ([("most of the picture", 0.6)], "标记了一处区域，遍及画面大部分，占画面的60%。"),
        (
            [("left of centre", 0.02), ("centre", 0.005)],
            "共标记两处区域，较大的一处位于画面中央偏左，合计占画面的2.5%。",
        ),
        ([("far right", 0.01)] * 8, "至少标记8处区域，最大的一处位于画面右侧，最大的8处合计占画面的8.0%。"),
    ],
)
def test_the_opening_says_where_and_how_large(regions: list[tuple[str, float]], words: str) -> None:
    marks = [Region(n, (0, 0, 8, 8), area, 0.9, where) for n, (where, area) in enumerate(regions, start=1)]
    assert CHINESE.where(marks) == words


def _looked_at(name: str) -> EvidenceItem:
    return EvidenceItem(name, name, "no_difference", "", "", "", {})


@pytest.mark.parametrize(
    ("names", "ids", "count", "words"),
    [
        (["noise"], [1], 1, "在噪声（2.04对1.48灰度级）方面，标记区域与画面其他相似部分无明显差别。"),
        (["noise"], [2], 2, "在噪声方面，区域2与画面其他相似部分无明显差别。"),
        (["noise", "grid"], [1, 2], 2, "在噪声和分块网格方面，区域1和2与画面其他相似部分均无明显差别。"),
        (["noise"], [1, 2, 4], 4, "在噪声方面，区域1、2和4与画面其他相似部分均无明显差别。"),
        (["noise"], [1, 2, 3], 4, "在噪声方面，区域1至3与画面其他相似部分均无明显差别。"),
        (["noise"], [1, 2, 3], 3, "在噪声方面，各区域与画面其他相似部分均无明显差别。"),
    ],
)
def test_what_showed_nothing(names: list[str], ids: list[int], count: int, words: str) -> None:
    rows: list[dict[str, JsonValue]] = [{"region_id": 1, "inside": 2.041, "expected": 1.478}]
    results = [(_looked_at(name), rows) for name in names]
    assert CHINESE.same(results, ids, regions_of(count)) == words


@pytest.mark.parametrize("code", REASONS)
def test_why_a_region_was_not_measured(code: str) -> None:
    row = {**contrast.why_not_numbers(code), "reason": contrast.REASONS[code]}
    items = [_looked_at("noise"), _looked_at("grid")]
    chinese = CHINESE.unmeasured(items, row, [2], regions_of(2))
    assert chinese.startswith("区域2无法测量噪声和分块网格：")
    _assert_told_alike(note.ENGLISH.unmeasured(items, row, [2], regions_of(2)), chinese)
    assert CHINESE.unmeasured([], row, [2, 3], regions_of(3)).startswith("区域2和3均无法测量任何项目：")


def test_rows_of_real_measurements_say_why_by_code() -> None:
    small = np.zeros((HEIGHT, WIDTH), np.bool_)
    small[40:60, 40:60] = True
    evidence = measure(measured_in(fresh))
    for name in ("noise", "grid"):
        (row,) = region_rows(looked_at(evidence, small, name))
        assert contrast.REASONS[str(row["reason_code"])] == row["reason"]
        assert (row["least_blocks_inside"], row["block_px"]) == (8, 8)


# whole explanations


def _explained(picture: Picture, mask: BoolMask, language: str) -> tuple[Explanation, list[str]]:
    *updates, last = GroundedExplainer(language).explain(picture, mask, measure(picture), None)
    assert isinstance(last, ClaimsReady)
    return last.explanation, [getattr(update, "text", "") for update in updates]


def _two() -> BoolMask:
    mask = square()
    mask[8:30, 10:40] = True
    return mask


def _many() -> BoolMask:
    mask = _two()
    for left in range(10, 130, 40):
        mask[200:240, left : left + 30] = True
    return mask


@pytest.mark.parametrize("mask", [square(), _two(), _many(), square() & False], ids=["1", "2", "5", "none"])
@pytest.mark.parametrize("make", [ghost, moved_grid, alone, fresh])
def test_only_the_words_differ_between_the_languages(make: Callable[[], bytes], mask: BoolMask) -> None:
    picture = measured_in(make)
    (english, _), (chinese, chunks) = (_explained(picture, mask, language) for language in ("en", "zh"))
    assert (english.language, chinese.language) == ("en", "zh")
    assert [replace(claim, text="") for claim in chinese.claims] == [
        replace(claim, text="") for claim in english.claims
    ]
    for there, here in zip(english.claims, chinese.claims, strict=True):
        _assert_told_alike(there.text, here.text)
    assert "".join(chunks) == chinese.text
    _assert_told_alike(english.text, chinese.text)
    assert english.text.count(". ") == chinese.text.count("。") - 1


def test_the_note_is_that_of_the_claims() -> None:
    picture, mask = measured_in(fresh), square()
    regions = masks.regions(mask, mask.astype(np.float32))
    evidence = compare(measure(picture), masks.label_regions(mask, 16).labels, regions)
    chinese, _ = _explained(picture, mask, "zh")
    assert compose(chinese.claims, evidence, regions, CHINESE) == chinese.text
    assert all(claim.text in chinese.text for claim in chinese.claims)
    assert len(claims_from(evidence, regions)) == len(chinese.claims) > 0
    assert place_words(1, regions) not in chinese.text


@pytest.mark.parametrize("verdict", LEADS)
def test_marks_that_the_verdict_does_not_stand_behind_are_called_so(verdict: str) -> None:
    picture = pictured(marked(textured(96, 128), 32, 32, 40, 40))
    prior = replace(analyze_to_end(StubEngine(), picture), verdict=verdict)  # type: ignore[arg-type]
    assert prior.mask is not None
    *_, last = GroundedExplainer("zh").explain(picture, prior.mask, prior.evidence, prior)
    assert isinstance(last, ClaimsReady)
    assert last.explanation.text.startswith(LEADS[verdict])  # type: ignore[index]
    _assert_chinese(last.explanation.text)
