"""What the page says about a view, in which words, and that nothing in it is taken for markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from fakeshield_core.domain import (
    Claim,
    EngineInfo,
    Evidence,
    EvidenceItem,
    Explanation,
    Finding,
    PictureFacts,
    Region,
    Stability,
    Verdict,
    VerdictReady,
)
from fakeshield_core.evidence import measure
from tests.fakes import pictured, textured
from ui import canvas, render, render_evidence, render_page, render_reasons
from ui.rates import Rates
from ui.state import Addresses, LayerView, Localised, Outcome, PageView, Refusal
from ui.words import ENGLISH, SPACE, bytes_words, rate_words

RATES = Rates(false_alarm=4.0, missed=17.2, inconclusive=12.0, measured_on="pictures kept apart")
ENGINE = EngineInfo(
    "compact", "1", "abc123", None, "cpu", frozenset({"verdict", "map"}), ("Areas below 32 pixels",)
)
FACTS = PictureFacts("0" * 64, 960, 640, "JPEG", 1, 93_000)
ONE = Region(1, (10, 20, 60, 80), 0.02, 0.9, "left of centre")
TWO = Region(2, (200, 20, 260, 80), 0.005, 0.8, "top right")
VERDICTS: tuple[Verdict, ...] = ("tampered", "synthetic", "no_tampering_found", "inconclusive", "not_given")


def ready(verdict: str, score: float | None = 0.91, threshold: float = 0.5, **more: object) -> VerdictReady:
    band = None if score is None else (max(0.0, score - 0.05), min(1.0, score + 0.04))
    return VerdictReady(verdict, score, band, threshold, **more)  # type: ignore[arg-type]


def claim(
    text: str = "Noise is 1.4 times stronger here.", region_id: int | None = 1, kind: str = "noise"
) -> Claim:
    return Claim("c1", text, kind, region_id, {}, None)


def item(status: str = "points_to_region", region_id: int | None = 1, name: str = "noise") -> EvidenceItem:
    return EvidenceItem(
        name,
        "Noise",
        status,
        "1.4 ×",
        "Stronger here.",
        "Not who did it.",
        {},
        region_id,
        name,  # type: ignore[arg-type]
    )


def view(
    verdict: VerdictReady | None = None,
    regions: tuple[Region, ...] = (ONE,),
    claims: tuple[Claim, ...] = (),
    items: tuple[EvidenceItem, ...] = (),
) -> PageView:
    area = sum(region.area_fraction for region in regions)
    return PageView(
        run="r1",
        name="launch-pad.jpg",
        phase="done",
        engine=ENGINE,
        facts=FACTS,
        evidence=Evidence(items, {}),
        verdict=verdict or ready("tampered"),
        localised=Localised(regions, area, 0.3, 0.5),
        explanation=Explanation("The note.", "en", claims, "measured"),
        outcome=Outcome("id1", "2026-01-02T03:04:05+00:00", {"engine": 0.31, "total": 1.24}, ()),
    )


def text_of(html: str) -> str:
    """What a person reads of it."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def everything(shown: PageView) -> str:
    return "".join(
        (
            render.verdict_card(shown, RATES),
            render_reasons.reasons_card(shown),
            render_evidence.evidence_tiles(shown),
            render.about_card(shown),
        )
    )


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
        ("tampered", "4 in 100 unedited photos are flagged"),
        ("no_tampering_found", "17 in 100 edited pictures are missed"),
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
    assert "4 unedited photos in 100 are flagged" in told
    assert "Measured on: pictures kept apart." in told
    assert "Areas below 32 pixels" in told
    assert "take each result as a hint" in text_of(render_page.limits(ENGINE, None))
    assert "engine is starting" in text_of(render_page.limits(None, None))


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
