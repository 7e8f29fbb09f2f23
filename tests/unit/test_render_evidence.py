"""Tiles, what they open, and the note."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fakeshield_core.domain import (
    Region,
)
from tests.views import (
    ONE,
    TWO,
    claim,
    item,
    view,
)
from ui import render_evidence, render_reasons


@pytest.mark.parametrize(
    ("status", "regions", "line"),
    [
        ("points_to_region", (ONE,), "Differs in the marked area"),
        ("points_to_region", (ONE, TWO), "Differs in region 1"),
        ("no_difference", (ONE,), "No clear difference"),
        ("not_measured", (ONE,), "Could not be measured"),
        ("informs", (), "Of the whole picture"),
        ("a status of a later version", (), "Of the whole picture"),
    ],
)
def test_line_of_a_tile(status: str, regions: tuple[Region, ...], line: str) -> None:
    assert render_evidence.tile_line(item(status), regions) == line


def test_every_tile_opens_what_it_cannot_show() -> None:
    html = render_evidence.evidence_tiles(view(items=(item(), item("informs", None, "metadata"))))
    opened = re.findall(r'aria-controls="([^"]+)"', html)
    assert opened == ["ev-noise", "ev-metadata"]
    for name in opened:
        assert f'id="{name}" hidden' in html
    assert html.count("Not who did it.") == 2


def test_note_comes_word_by_word_with_a_caret() -> None:
    streaming = replace(view(), explanation=None, text="Two areas")
    html = render_evidence.evidence_tiles(streaming)
    assert 'Two areas<span class="caret">' in html
    assert "caret" not in render_evidence.evidence_tiles(view())


def test_an_explanation_in_another_language_says_so_to_screen_readers() -> None:
    english = view(claims=(claim("The noise is lower."),))
    assert english.explanation is not None
    chinese = replace(english, explanation=replace(english.explanation, language="zh"))
    for drawn in (render_evidence.evidence_tiles, render_reasons.reasons_card):
        assert "lang=" not in drawn(english)
        assert drawn(chinese).count(' lang="zh"') == 1
