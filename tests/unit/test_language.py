"""The page in each of its languages: whole tables, nothing left in English, and each event in its own."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import unescape

import gradio as gr
import numpy as np
import pytest

from fakeshield_core import imaging, imaging_pixels, imaging_refusals
from fakeshield_core.domain import RgbImage, VerdictReady
from fakeshield_core.engines import compact, fakeshield
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.evidence import measure
from fakeshield_core.explain.grounded import LANGUAGES, retold
from fakeshield_core.fakeshield import running
from fakeshield_core.imaging import decode
from fakeshield_core.schema import analysis_to_json
from feedback import durable
from tests.fakes import encoded, pictured, textured
from ui import (
    api,
    cases,
    embedder,
    host,
    layout,
    render_correction,
    render_page,
    saving,
    words,
    words_chinese,
    words_pages,
)
from ui.canvas import STATIC
from ui.intake import refuse_addresses, refuse_files
from ui.language import NAMES, PLAIN, addresses, each_spoken, in_language, known, speaking, spoken
from ui.rates import rates_of
from ui.review_pages import claim_texts
from ui.state import PageView, stored_view
from ui.stored import read_examples
from ui.words import sentence

PLACES = re.compile(r"\{\w+\}")
TAGS = re.compile(r"<style>.*?</style>|<svg.*?</svg>|<[^>]*>", re.DOTALL)
SAID = re.compile(r'(?:aria-label|alt|title|placeholder)="([^"]*)"')
LATIN = re.compile(r"[A-Za-z]{2,}")
NAMES_OF_THINGS = {  # names, units, keys and file types; not words
    *("FakeShield", "English", "AI", "CASIA", "IMD", "JPEG", "PNG", "JSON", "WebP", "TIFF", "MB", "kB"),
    *("Shift", "Ctrl", "Esc", "compact"),
}
TABLES: list[tuple[Mapping[str, str], Mapping[str, str]]] = [
    (words.ENGLISH, words.CHINESE),
    (words_pages.ENGLISH, words_pages.CHINESE),
]
EXAMPLES = read_examples()


def _left(html: str) -> set[str]:
    """Latin words that a person would read or hear."""
    heard = " ".join(SAID.findall(html))
    return set(LATIN.findall(unescape(f"{TAGS.sub(' ', html)} {heard}"))) - NAMES_OF_THINGS


def test_the_chinese_page_says_all_that_the_english_says() -> None:
    assert set(words.CHINESE) == set(words.ENGLISH)
    review = {
        key for key in words_pages.ENGLISH if key.startswith(("review_", "know", "claim", "run_", "runs_"))
    }
    alone = {"mask", "mask_none", "mask_share", "kinds", "overall", "overall_of", "unrated", "own_words"}
    alone |= {"spent", "by", "anonymous", "engine"}
    assert set(words_pages.CHINESE) == set(words_pages.ENGLISH) - review - alone


@pytest.mark.parametrize("number", range(len(TABLES)))
def test_both_have_the_same_places_to_fill(number: int) -> None:
    english, chinese = TABLES[number]
    for key, text in chinese.items():
        assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(english[key])), key
        assert not set(LATIN.findall(PLACES.sub("", text))) - NAMES_OF_THINGS, key


def test_every_language_is_spoken_by_page_and_explanation() -> None:
    assert set(NAMES) == set(LANGUAGES) == set(words.TABLES) == set(words_pages.TABLES)
    assert spoken() == PLAIN and known("zh", PLAIN) == "zh" and known("../x", PLAIN) == PLAIN
    assert known(None, "zh") == "zh" and known("en", "zh") == "en"
    assert addresses("zh") == {"en": "en", "zh": "./"}


def test_what_engines_cards_and_layers_say_is_known() -> None:
    rates = rates_of("compact")
    layers = measure(pictured(textured(320, 320), "JPEG")).layers.values()
    assert rates is not None
    given = [*compact.LIMITS, *fakeshield.LIMITS, rates.measured_on, *(layer.unit for layer in layers)]
    with speaking("zh"):
        assert not [text for text in given if sentence(text) == text]
        for new in ("Something new.", "This file is odd; do something.", "“a” " * 500, " ends in .” " * 900):
            assert sentence(new) == new
    assert [sentence(text) for text in given] == given


REFUSED: list[tuple[bytes, str | None]] = [
    (b"", "a.jpg"),
    (b"", None),
    (b"%PDF-1.7 ...", "invoice.jpg"),
    (b"%PDF-1.7 ...", "invoice.pdf"),
    (b"%PDF-1.7 ...", None),
    (b"no picture at all, but text", "a.txt"),
    (b"\xff\xd8\xff\xe0 broken", "a.jpg"),
    (encoded(textured(32, 32), "JPEG")[:300], "half.jpg"),
    (bytes(range(256)) * 4, "x.bin"),
    *((head + bytes(64), f"{kind.what}.x") for head, kind in imaging_refusals.BEGINNINGS),
    *(
        (bytes(4) + b"ftyp" + brand + bytes(64), "a.x")
        for brand in (*imaging_refusals.BRANDS, b"crx ", b"isom")
    ),
    *((head, "a.x") for head in (b"<svg></svg>", b"<!doctype html><p>", b"RIFF\0\0\0\0AVI ")),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_a_refused_file_is_told_in_chinese(number: int) -> None:
    data, name = REFUSED[number]
    with pytest.raises(FakeShieldError) as refused, speaking("zh"):
        decode(data, name)
    with speaking("zh"):
        told = sentence(str(refused.value))
    assert told != str(refused.value) and told.endswith("。")
    left = set(LATIN.findall(told)) - NAMES_OF_THINGS - set(LATIN.findall(name or ""))
    assert left <= {"PDF", "SVG", "ZIP", "Office", "Photoshop", "PostScript", "XL", "HEIC", "AVIF", "RAW"}, (
        told
    )


@pytest.mark.parametrize(
    ("width", "height"), [(13_000, 20), (20, 13_000), (11_000, 11_000), (8_000, 8_000), (15, 400)]
)
def test_a_refused_size_is_told_with_its_numbers(width: int, height: int) -> None:
    with pytest.raises(FakeShieldError) as refused:
        imaging_refusals.check_size(width, height)
    with speaking("zh"):
        told = sentence(str(refused.value))
    assert re.findall(r"[\d,.]*\d", told) == re.findall(r"[\d,.]*\d", str(refused.value))
    assert not set(LATIN.findall(told))


def test_unusual_files_and_warnings_are_told_in_chinese() -> None:
    given = [
        f"“a.tif” {imaging_refusals.UNUSUAL.format('BigTIFF')}",
        f"This file {imaging_refusals.UNUSUAL.format('colours of the kind LAB')}",
        f"“a.png” {imaging_refusals.SWOLLEN}",
        str(imaging_refusals.wrong_ending("a.png", "JPEG")),
        imaging.SEVERAL,
        *(imaging_pixels.TRANSPARENT, imaging_pixels.SIXTEEN_BITS, imaging_pixels.PRINT_COLOURS),
        *(compact.UNCHECKED, fakeshield.NO_MEMORY),
        *(host.STARTING, host.FAILED, embedder.FAILED, embedder.SLOW, saving.OFF, durable.FULL, cases.GONE),
        *(api.NO_PROMPT, api.NO_MASK, running.NO_REGION, running.CHANGED, *running.CUT.values()),
    ]
    with speaking("zh"):
        told = [sentence(text) for text in given]
    for before, after in zip(given, told, strict=True):
        left = set(LATIN.findall(after)) - NAMES_OF_THINGS - {"tif", "png", "BigTIFF", "LAB", "CMYK", "RGB"}
        assert after != before and after.endswith("。") and not left, after


@pytest.mark.parametrize(
    ("rgb", "options"),
    [
        (textured(100, 140), {}),
        (textured(320, 320), {"quality": 8}),
        (np.full((320, 320, 3), 200, np.uint8), {}),
    ],
)
def test_why_a_score_is_less_certain_is_told_in_chinese(rgb: RgbImage, options: dict[str, int]) -> None:
    warnings = compact_warnings(rgb, **options)
    assert warnings
    with speaking("zh"):
        told = [sentence(text) for text in warnings]
    assert not [text for text in told if set(LATIN.findall(text))]
    assert [re.findall(r"\d+", text) for text in told] == [re.findall(r"\d+", text) for text in warnings]


def compact_warnings(rgb: RgbImage, **options: int) -> tuple[str, ...]:
    picture = pictured(rgb, "JPEG", **options)
    engine = compact.build(1)
    return next(u.warnings for u in engine.analyze(picture) if isinstance(u, VerdictReady))


@pytest.mark.skipif(not EXAMPLES, reason="no stored examples")
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_stored_result_is_all_chinese(name: str) -> None:
    example = EXAMPLES[name]
    with speaking("zh"):
        view = stored_view(PageView("r"), example.analysis, example.peak)
        told, *panels = layout.outputs(_retold(view, name))
    left = _left(" ".join(panels))
    assert left <= {example.analysis.engine.weights, *LATIN.findall(example.analysis.engine.weights)}, left
    canvas = {key: told[key] for key in ("summary", "steps", "regions", "layers", "claims", "facts")}
    assert not _left(json.dumps(canvas["summary"], ensure_ascii=False))
    for field, shown in (("steps", "name"), ("regions", "label"), ("layers", "title"), ("claims", "text")):
        values = canvas[field]
        assert isinstance(values, list)
        assert not _left(" ".join(str(value[shown]) for value in values if isinstance(value, dict)))


def _retold(view: PageView, name: str) -> PageView:
    return replace(view, explanation=retold(EXAMPLES[name].analysis, spoken()))


@pytest.mark.skipif(not EXAMPLES, reason="no stored examples")
@pytest.mark.parametrize("name", EXAMPLES)
def test_claims_that_were_read_in_chinese_are_reviewed_in_english(name: str) -> None:
    analysis = EXAMPLES[name].analysis
    chinese = replace(analysis, explanation=retold(analysis, "zh"))
    assert analysis.explanation is not None and chinese.explanation is not None
    texts = claim_texts(json.dumps(analysis_to_json(chinese)).encode())
    assert texts == {claim.id: claim.text for claim in analysis.explanation.claims}
    assert set(texts.values()).isdisjoint(claim.text for claim in chinese.explanation.claims)


@pytest.mark.parametrize("field", ["numbers", "regions"])
def test_a_result_with_other_numbers_stays_as_it_was_told(field: str) -> None:
    analysis = EXAMPLES["copied"].analysis
    items = analysis.evidence.items
    numbers = [
        {} if field == "numbers" else {**item.numbers, "regions": [{"region_id": 1}]} for item in items
    ]
    changed = (replace(item, numbers=other) for item, other in zip(items, numbers, strict=True))
    other = replace(analysis, evidence=replace(analysis.evidence, items=tuple(changed)))
    assert retold(other, "zh") == analysis.explanation


def test_an_address_is_refused_in_the_language_of_its_page() -> None:
    with speaking("zh"):
        file, field = gr.File(render=False), refuse_files(gr.JSON(render=False))
        refuse_addresses(file)
    for component, why in ((file, "这里不支持网址"), (field, "这里不接收文件")):
        with pytest.raises(gr.Error, match=why):
            asyncio.run(component.async_move_resource_to_block_cache("https://example.com/x.png"))


def test_the_fixed_parts_are_all_chinese() -> None:
    with speaking("zh"):
        parts = [
            render_page.head(STATIC, addresses("en")),
            render_page.intro(),
            render_page.foot(),
            render_page.examples(EXAMPLES.values()),
            render_page.limits(None, None),
            render_correction.turn(),
            render_correction.panel(),
            render_correction.receipt(),
            render_correction.resume(),
            render_correction.thumb(),
        ]
    assert not _left(" ".join(parts))
    assert 'href="./" lang="en"' in parts[0] and 'href="zh" lang="zh"' not in parts[0]
    assert {card.card.id for card in EXAMPLES.values()} <= set(words_chinese.EXAMPLES)


def test_each_step_is_made_in_the_language_and_nothing_around_it() -> None:
    def steps() -> Iterator[str]:
        yield spoken()
        yield spoken()

    told = each_spoken("zh", steps())
    assert next(told) == "zh" and spoken() == PLAIN
    with speaking("zh"):
        asks = in_language(spoken)
    assert next(told) == asks() == "zh" and spoken() == PLAIN
    assert list(told) == []


def test_a_step_that_fails_leaves_the_language_as_it_was() -> None:
    def fails() -> Iterator[str]:
        raise ValueError
        yield

    with pytest.raises(ValueError):
        next(each_spoken("zh", fails()))
    assert spoken() == PLAIN
