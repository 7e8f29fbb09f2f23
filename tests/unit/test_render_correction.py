"""The rail while a result is corrected: nothing chosen in advance, each field once, words that are known."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import get_args

import pytest

from feedback.records import ClaimVerdict, HowKnown
from ui import render_correction, words_correction
from ui.render_correction import panel, receipt, resume, thumb, turn
from ui.words import ENGLISH, canvas_words

PARTS = {"turn": turn, "panel": panel, "receipt": receipt, "resume": resume, "thumb": thumb}


class Elements(HTMLParser):
    """All start tags with their attributes; `open` is what was never closed."""

    VOID = ("input", "br", "hr", "img", "use", "path")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.found if attributes.get("name") == name]


@pytest.mark.parametrize("name", PARTS)
def test_part_is_well_formed_and_its_ids_are_unique(name: str) -> None:
    elements = Elements(PARTS[name]())
    assert elements.open == []
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_nothing_is_chosen_or_ticked_in_advance() -> None:
    assert not [attributes for _, attributes in Elements(panel()).found if "checked" in attributes]


def test_ways_of_knowing_are_those_of_the_store() -> None:
    assert [field["value"] for field in Elements(panel()).named("how")] == list(get_args(HowKnown))


@pytest.mark.parametrize("tick", render_correction.CONSENTS)
def test_each_consent_is_a_tick_of_its_own(tick: str) -> None:
    (field,) = Elements(panel()).named(tick)
    assert field["type"] == "checkbox"


def test_explanation_is_rated_from_one_to_five() -> None:
    assert [field["value"] for field in Elements(panel()).named("overall")] == ["1", "2", "3", "4", "5"]


def test_ratings_of_claims_are_those_of_the_store() -> None:
    assert {f"claim_{word}" for word in get_args(ClaimVerdict)} <= set(canvas_words())


def test_false_alarm_and_missed_area_stand_beside_fix() -> None:
    for part in (turn(), thumb()):
        offered = {attributes.get("data-fix") for _, attributes in Elements(part).found}
        assert {"fix", "false", "missed", "right"} <= offered


def test_without_the_store_tick_the_panel_says_what_is_kept() -> None:
    assert "no picture, no mask, no words" in panel()
    assert ENGLISH["save_ratings"] in panel()


@pytest.mark.parametrize("words", [words_correction.RAIL, words_correction.CANVAS], ids=["rail", "canvas"])
def test_words_are_about_pixels(words: dict[str, str]) -> None:
    for key, text in words.items():
        assert not re.search(r"\b(authentic|fake|real|liar)\b", text, re.IGNORECASE), key


def test_tables_of_words_do_not_hide_each_other() -> None:
    assert not set(words_correction.RAIL) & set(words_correction.CANVAS)
    assert len(ENGLISH) == len(set(ENGLISH))
    for key, text in {**words_correction.RAIL, **words_correction.CANVAS}.items():
        assert ENGLISH[key] == text
