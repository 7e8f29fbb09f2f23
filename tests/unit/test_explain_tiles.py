"""A measurement by itself in both languages, and an explanation told anew in the other one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from fakeshield_core.domain import Claim, EvidenceItem, Region, RgbImage
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.evidence import compare, measure
from fakeshield_core.evidence.copy_move import copy_move_item
from fakeshield_core.explain import GroundedExplainer
from fakeshield_core.explain.chinese import CHINESE
from fakeshield_core.explain.chinese_tiles import FILE_LIMITS, PLAIN, plain_text
from fakeshield_core.explain.claims import region_rows
from fakeshield_core.explain.grounded import retold
from fakeshield_core.explain.note import ENGLISH
from fakeshield_core.pipeline import analyze_to_end
from tests.fakes import marked, pictured, textured
from tests.jpeg_histories import saved, scene
from tests.told_items import INFORMS, SINGLED_OUT, file_item

NUMBER = re.compile(r"\d+(?:\.\d+)?")
LATIN = re.compile(r"[A-Za-z]+")
ALLOWED = {"JPEG", "Photoshop"}
LONGEST = 12  # characters of a headline: a tile is narrow
TWO = tuple(Region(n, (0, 0, 8, 8), 0.02, 0.9, "centre") for n in (1, 2))

EVEN: RgbImage = np.full((96, 96, 3), 128, np.uint8)


def _of(rgb: RgbImage, name: str, file_format: str = "PNG") -> EvidenceItem:
    item = measure(pictured(rgb, file_format)).item(name)
    assert item is not None
    return item


UNTOLD: dict[str, Callable[[], EvidenceItem]] = {  # items that say nothing about any region or the whole
    "level too small": partial(_of, textured(16, 16)[:4, :4].repeat(4, 0).repeat(4, 1), "error_level"),
    "no tables": partial(_of, EVEN, "jpeg_tables"),
    "ghosts too small": partial(_of, textured(32, 32), "ghosts"),
    "no ghosts": partial(_of, textured(320, 320), "ghosts"),
    "grid untold": partial(_of, EVEN, "grid"),
    "no grid": partial(_of, textured(320, 320), "grid"),
    "double untold": partial(_of, textured(64, 64), "double_quantisation"),
    "not double": partial(_of, scene(), "double_quantisation", "JPEG"),
    "no copies": partial(_of, EVEN, "copy_move"),
    "nothing at all": lambda: copy_move_item(None),
}


@pytest.mark.parametrize("name", UNTOLD)
def test_what_was_not_found_is_said_in_chinese(name: str) -> None:
    item = UNTOLD[name]()
    shown = CHINESE.shown(item, ())
    assert shown.endswith("。") and set(LATIN.findall(shown)) <= ALLOWED, shown
    assert set(NUMBER.findall(shown)) <= set(NUMBER.findall(item.shows)) | {"8", "64"}, (shown, item.shows)


def test_every_such_sentence_is_tried_here() -> None:
    tried = {(item.name, item.status) for item in (make() for make in UNTOLD.values())}
    assert set(PLAIN) - tried <= {("noise", "not_measured"), ("error_level", "not_measured")}
    for kind in ("noise", "error_level"):
        assert (
            plain_text(EvidenceItem(kind, "", "not_measured", "", "", "", {"block_px": 16})).count("16") == 2
        )


@pytest.mark.parametrize("key", SINGLED_OUT, ids="-".join)
def test_a_tile_on_a_region_has_a_short_headline(key: tuple[str, str]) -> None:
    item = SINGLED_OUT[key]()
    headline = CHINESE.headline(item)
    assert len(headline) <= LONGEST and not LATIN.findall(headline), headline
    assert sorted(NUMBER.findall(headline)) == sorted(NUMBER.findall(item.headline))
    row = next(row for row in region_rows(item) if row["region_id"] == item.region_id)
    regions = TWO if len(region_rows(item)) > 1 else TWO[:1]
    assert NUMBER.findall(ENGLISH.shown(item, regions)) == NUMBER.findall(str(row["text"]))
    assert sorted(NUMBER.findall(CHINESE.shown(item, regions))) == sorted(NUMBER.findall(str(row["text"])))


@pytest.mark.parametrize("number", range(len(INFORMS)))
def test_a_tile_on_the_whole_has_the_same_headline(number: int) -> None:
    item = INFORMS[number][0]()
    headline = CHINESE.headline(item)
    names = set(LATIN.findall(item.headline)) if item.name == "metadata" else set()
    assert set(LATIN.findall(headline)) <= ALLOWED | names, headline
    assert sorted(NUMBER.findall(headline)) == sorted(NUMBER.findall(item.headline))


@pytest.mark.parametrize(
    ("fields", "headline"),
    [
        ({"parameters": "a cat, Steps: 20"}, "图像生成软件"),
        ({"ExifImageWidth": "3008", "ExifImageHeight": "2000"}, "尺寸不符"),
        ({"DateTimeOriginal": "2006:05:04 10:11:12", "DateTime": "2006:05:07 10:11:12"}, "时间不符"),
        ({}, "已被清除"),
        ({"Software": "GIMP 2.8"}, "GIMP"),
    ],
)
def test_what_a_file_says_has_a_headline(fields: dict[str, str], headline: str) -> None:
    assert CHINESE.headline(file_item(fields)) == headline


def test_a_file_without_a_camera_has_a_headline() -> None:
    assert CHINESE.headline(_of(EVEN, "metadata")) == "无相机数据"


def test_every_measurement_says_its_limits() -> None:
    items = measure(pictured(textured(96, 96), "JPEG")).items
    limits = [CHINESE.limit(item) for item in items]
    assert len(set(limits)) == len(items) > len(FILE_LIMITS) > 0
    assert all(limit.endswith("。") for limit in limits)


def test_a_region_that_was_not_set_apart_or_measured_is_told() -> None:
    rgb = textured(320, 320)
    labels = np.zeros((320, 320), np.int32)
    labels[40:200, 40:200], labels[300:312, 300:312] = 1, 2
    evidence = compare(measure(pictured(rgb)), labels, TWO)
    noise = evidence.item("noise")
    assert noise is not None and noise.status == "no_difference"
    assert CHINESE.shown(noise, TWO) == "在噪声方面，区域1与画面其他相似部分无明显差别。"
    only = compare(measure(pictured(rgb)), np.where(labels == 2, 2, 0).astype(np.int32), TWO[1:])
    small = only.item("noise")
    assert small is not None and small.status == "not_measured"
    assert CHINESE.shown(small, TWO[1:]).startswith("标记区域无法测量噪声：区域太小")
    assert CHINESE.headline(small) == "未测得"


# told anew


@pytest.mark.parametrize("is_marked", [True, False])
def test_an_answer_is_retold_as_it_would_have_been_told(is_marked: bool) -> None:
    rgb = saved(scene(), 75)
    picture = pictured(marked(rgb, 64, 64, 96, 96) if is_marked else rgb, "JPEG", quality=90)
    english, chinese = (
        analyze_to_end(StubEngine(), picture, GroundedExplainer(code)) for code in ("en", "zh")
    )
    assert english.explanation != chinese.explanation
    assert retold(english, "zh") == chinese.explanation
    assert retold(chinese, "en") == english.explanation
    assert retold(english, "en") is english.explanation


def test_what_another_version_measured_keeps_its_own_words() -> None:
    english = analyze_to_end(StubEngine(), pictured(marked(scene(), 64, 64, 96, 96)), GroundedExplainer("en"))
    light = EvidenceItem("lighting", "Light", "informs", "From left", "It comes from the left.", "Much.", {})
    told = (CHINESE.title(light), CHINESE.headline(light), CHINESE.shown(light, TWO), CHINESE.limit(light))
    assert told == ("Light", "From left", "It comes from the left.", "Much.")
    assert CHINESE.place("behind the moon") == "behind the moon"
    assert english.explanation is not None
    claim = Claim("c1", "It comes from the left.", "lighting", 1, {}, None)
    newer = replace(english, explanation=replace(english.explanation, claims=(claim,)))
    assert retold(newer, "zh") is newer.explanation
