"""What the page says about a verdict and a result, and that nothing in it is taken for markup."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fakeshield_core.domain import (
    Explanation,
    Region,
    Stability,
    Verdict,
)
from fakeshield_core.evidence import measure
from tests.fakes import pictured, textured
from tests.views import (
    ENGINE,
    FACTS,
    ONE,
    RATES,
    TWO,
    VERDICTS,
    claim,
    everything,
    item,
    ready,
    text_of,
    view,
)
from ui import render, render_evidence, render_page, render_reasons
from ui.state import Addresses, Outcome, PageView
from ui.words import ENGLISH, SPACE, bytes_words, rate_words


@pytest.mark.parametrize(
    ("verdict", "words", "tone"),
    [
        ("tampered", "Tampering found", "found"),
        ("synthetic", "Looks wholly generated", "found"),
        ("no_tampering_found", "No tampering found by this engine", "none"),
        ("inconclusive", "Cannot tell", "unsure"),
        ("not_given", "No verdict this engine gives none", "none"),
        ("a verdict of a later version", "No verdict this engine gives none", "none"),
    ],
)
def test_each_verdict_has_its_words_and_colour(verdict: str, words: str, tone: str) -> None:
    card = render.verdict_card(view(ready(verdict)), RATES)
    assert words in text_of(card)
    assert f'data-v="{tone}"' in card


@pytest.mark.parametrize("verdict", VERDICTS)
def test_no_card_judges_people_or_claims_authenticity(verdict: Verdict) -> None:
    shown = text_of(everything(view(ready(verdict), claims=(claim(),), items=(item(),)))).lower()
    assert not re.search(r"\b(authentic|fake|real|genuine|liar|forger|culprit)\b", shown)


@pytest.mark.parametrize(
    ("verdict", "regions", "stability", "line"),
    [
        (
            "tampered",
            (ONE, TWO),
            None,
            "Two areas, the larger left of centre, together 2.5 % of the picture.",
        ),
        ("tampered", (), None, "No place on the map crosses 0.50, so no area is marked."),
        ("no_tampering_found", (), None, "The strongest spot on the map reaches 0.30."),
        ("no_tampering_found", (ONE,), None, "The map still marks 2.0 % of the picture."),
        ("inconclusive", (), None, "The score band crosses the threshold."),
        (
            "inconclusive",
            (),
            Stability(recompressed=0.4, half_size=0.6),
            "The score band crosses the threshold. Compressed again, the result changes.",
        ),
        (
            "inconclusive",
            (),
            Stability(recompressed=0.6, half_size=0.4),
            "The score band crosses the threshold. At half size, the result changes.",
        ),
        ("not_given", (), None, "Look at the map and the reasons."),
    ],
)
def test_sentence_under_the_verdict(
    verdict: str, regions: tuple[Region, ...], stability: Stability | None, line: str
) -> None:
    given = ready(verdict, 0.55, stability=stability)
    assert render.where_line(view(given, regions), given).replace(SPACE, " ") == line


def test_scale_places_score_band_and_threshold() -> None:
    card = render.verdict_card(view(ready("tampered", 0.91, 0.62)), RATES)
    assert "--v:0.910" in card
    assert "--lo:0.860;--hi:0.950" in card
    assert '<i class="thr" style="--t:0.620">' in card
    assert 'aria-label="Score 0.91, band 0.86 to 0.95, threshold 0.62"' in card


def test_verdict_without_score_draws_no_point() -> None:
    card = render.verdict_card(view(ready("not_given", None)), RATES)
    assert 'class="pt"' not in card
    assert "no score" in text_of(card)


@pytest.mark.parametrize(
    ("verdict", "line"),
    [
        ("tampered", "4 in 100 unedited photos get this verdict"),
        ("no_tampering_found", "17 in 100 edited pictures get this verdict"),
        ("inconclusive", "About 12 in 100 pictures end here"),
    ],
)
def test_rate_of_error_stands_under_the_verdict_if_it_was_measured(verdict: str, line: str) -> None:
    assert line in text_of(render.verdict_card(view(ready(verdict)), RATES))
    unmeasured = text_of(render.verdict_card(view(ready(verdict)), None))
    assert " in 100 " not in unmeasured
    assert "How often is this wrong?" in unmeasured


def test_texts_from_outside_are_never_markup() -> None:
    bad = '<img src=x onerror="alert(1)">\'"&'
    shown = replace(
        view(
            ready(bad),
            claims=(claim(bad), claim(bad, None, bad)),
            items=(
                replace(item(), title=bad, headline=bad, shows=bad, cannot_show=bad, name=bad, layer=bad),
            ),
        ),
        name=bad,
        engine=replace(ENGINE, name=bad, version=bad, weights=bad, adapter=bad, limits=(bad,)),
        facts=replace(FACTS, format=bad),
        explanation=Explanation(bad, "en", (claim(bad),), "measured"),
        outcome=Outcome(bad, bad, {bad: 1.0}, (bad,)),
        addresses=Addresses(result=bad, mask=bad, map_file=bad),
    )
    negative = replace(shown, verdict=ready("no_tampering_found"))
    limits = render_page.limits(shown.engine, replace(RATES, measured_on=bad))
    html = everything(shown) + render_reasons.reasons_card(negative) + limits
    assert "<img" not in html
    assert "&lt;img" in html
    assert not re.search(r'="[^"]*"alert', html)


def test_downloads_are_links_only_once_they_exist() -> None:
    waiting = render.about_card(view())
    assert "<a " not in waiting
    assert waiting.count('aria-disabled="true"') == 3
    files = Addresses(result="results/x/result.json", mask="results/x/mask.png", map_file="results/x/map.png")
    card = render.about_card(replace(view(), addresses=files))
    assert re.findall(r'href="([^"]+)" download="([^"]+)"', card) == [
        ("results/x/result.json", "launch-pad.json"),
        ("results/x/mask.png", "launch-pad.mask.png"),
        ("results/x/map.png", "launch-pad.map.png"),
    ]


def test_what_ran_is_named_also_for_a_stored_result() -> None:
    live = text_of(render.about_card(view())).replace(SPACE, " ")
    assert "compact 1 · abc123" in live
    assert "Adapter none" in live
    assert "1.2 s (engine 0.31 s)" in live
    assert "Stored" not in live
    stored = text_of(render.about_card(replace(view(), is_stored=True)))
    assert "Stored 2026-01-02" in stored
    assert "made earlier by this engine" in stored


def test_warnings_are_shown_with_the_result() -> None:
    told = replace(view(), outcome=Outcome("i", "2026", {}, ("Only the first of 12 frames is analysed.",)))
    assert "Only the first of 12 frames" in render.about_card(told)


def test_waiting_cards_have_the_parts_of_finished_ones() -> None:
    empty = PageView(run="")
    for section in ('class="verdict card"', 'class="why card"', 'class="tiles"', 'class="about card"'):
        assert section in everything(empty)
    assert render_evidence.evidence_tiles(empty).count('class="tile card"') == len(
        measure(pictured(textured(64, 64))).items
    )


def test_limits_tell_measured_rates_or_that_there_are_none() -> None:
    told = text_of(render_page.limits(ENGINE, RATES))
    assert "4 unedited photos in 100 are called tampered" in told
    assert "Measured on: pictures kept apart." in told
    assert "Areas below 32 pixels" in told
    assert "take each result as a hint" in text_of(render_page.limits(ENGINE, None))
    assert "engine is starting" in text_of(render_page.limits(None, None))


@pytest.mark.parametrize(("size", "words"), [(0, "1 kB"), (93_000, "91 kB"), (2_516_582, "2.4 MB")])
def test_file_sizes_in_words(size: int, words: str) -> None:
    assert bytes_words(size) == words


@pytest.mark.parametrize(("rate", "words"), [(0.0, "fewer than 0.1"), (0.4, "0.4"), (17.2, "17")])
def test_rates_in_words(rate: float, words: str) -> None:
    assert rate_words(rate) == words


def test_every_refusal_says_what_to_do_in_at_most_two_sentences() -> None:
    for key, words in ENGLISH.items():
        if key.startswith("why_") and key not in ("why_none", "why_unmarked"):
            assert words.endswith("."), key
            assert words.count(". ") <= 1, key
