"""The pipeline: order of updates, one merged answer, engines that give less, cancelling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from fakeshield_core.domain import (
    ClaimsReady,
    Done,
    EngineInfo,
    EvidenceReady,
    Explanation,
    FactsReady,
    Finding,
    MapReady,
    Stability,
    TextChunk,
    Update,
    VerdictReady,
)
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import EngineOutputInvalid
from fakeshield_core.explain.claims import region_rows
from fakeshield_core.picture import Picture
from fakeshield_core.pipeline import analyze, analyze_to_end
from tests.fakes import marked, pictured, textured


class Scripted:
    """An engine that yields what it is told, and notes when it is closed."""

    def __init__(self, gives: frozenset[str], *updates: Update) -> None:
        self.info = EngineInfo("scripted", "1", "none", None, "cpu", gives)  # type: ignore[arg-type]
        self.updates, self.closed = updates, False

    def analyze(self, picture: Picture) -> Iterator[Update]:
        try:
            yield from self.updates
        finally:
            self.closed = True


@pytest.fixture(scope="module")
def forged() -> Picture:
    return pictured(marked(textured(128, 192), 32, 64, 48, 64))


def test_updates_come_in_the_order_of_the_design(forged: Picture) -> None:
    kinds = [type(update) for update in analyze(StubEngine(), forged)]
    assert kinds[:4] == [FactsReady, EvidenceReady, VerdictReady, MapReady]
    assert kinds[-2:] == [ClaimsReady, Done]
    assert kinds[4] is EvidenceReady and TextChunk in kinds  # compared with the mask, then told


def test_the_answer_gathers_everything(forged: Picture) -> None:
    analysis = analyze_to_end(StubEngine(), forged)
    assert analysis.verdict == "tampered" and analysis.score == 0.9
    assert analysis.regions[0].bbox_xyxy == (64, 32, 128, 80)
    assert analysis.mask is not None and int(analysis.mask.sum()) == 48 * 64
    assert analysis.findings == (Finding("splice", 0.9, 1),)
    assert analysis.explanation is not None and analysis.explanation.source == "measured"
    assert {"evidence", "engine", "explanation", "total"} <= set(analysis.timings_s)
    assert analysis.timings_s["total"] >= analysis.timings_s["engine"]


def twice(checked: VerdictReady) -> Scripted:
    """An engine whose verdict is checked after its map."""
    soft = np.zeros((128, 192), np.float32)
    soft[32:80, 64:128] = 1
    first = VerdictReady("tampered", 0.8, (0.7, 0.9), 0.5, to_be_checked=True)
    return Scripted(frozenset({"verdict", "map"}), first, MapReady(soft, 0.5), checked)


def test_a_verdict_that_is_checked_later_is_answered_first(forged: Picture) -> None:
    stable = VerdictReady("tampered", 0.8, (0.7, 0.9), 0.5, stability=Stability(0.7, 0.9))
    updates = list(analyze(twice(stable), forged))
    kinds = [type(update) for update in updates]
    assert kinds.count(ClaimsReady) == 1
    assert kinds[-4:] == [ClaimsReady, Done, VerdictReady, Done]
    first, last = (update.analysis for update in updates if isinstance(update, Done))
    assert (first.stability, last.stability) == (None, Stability(0.7, 0.9))
    assert replace(last, stability=None, soft_map=None, mask=None) == replace(
        first, soft_map=None, mask=None
    )  # id, date and timings too


def test_a_verdict_that_its_check_changes_is_explained_anew_but_not_told_twice(forged: Picture) -> None:
    unsure = VerdictReady("inconclusive", 0.8, (0.4, 0.9), 0.5, stability=Stability(0.1, 0.2))
    updates = list(analyze(twice(unsure), forged))
    early, late = (update.explanation for update in updates if isinstance(update, ClaimsReady))
    assert early.claims == late.claims and early.text != late.text
    told = "".join(update.text for update in updates if isinstance(update, TextChunk))
    assert told == early.text
    analysis = analyze_to_end(twice(unsure), forged)
    assert analysis.verdict == "inconclusive" and analysis.explanation == late


def test_a_finding_without_a_region_points_at_the_whole_picture() -> None:
    soft = np.zeros((64, 64), np.float32)
    verdict = VerdictReady("tampered", 0.8, (0.7, 0.9), 0.5, (Finding("splice", 0.8, 1),))
    engine = Scripted(frozenset({"verdict", "map"}), verdict, MapReady(soft, 0.5))
    assert analyze_to_end(engine, pictured(textured(64, 64))).findings[0].region_id is None


def test_an_engine_without_verdict_or_map_says_so_by_leaving_them_out() -> None:
    told = Explanation("It looks odd.", "en", (), "scripted")
    engine = Scripted(frozenset({"explanation"}), TextChunk("It looks odd."), ClaimsReady(told))
    analysis = analyze_to_end(engine, pictured(textured(64, 64)))
    assert analysis.verdict == "not_given" and analysis.score is None and analysis.mask is None
    assert analysis.explanation == told  # an engine's own words are not replaced by ours


def test_words_of_an_engine_stand_beside_evidence_compared_in_its_regions(forged: Picture) -> None:
    soft = np.zeros((128, 192), np.float32)
    soft[32:80, 64:128] = 1
    told = Explanation("It looks odd.", "en", (), "scripted")
    engine = Scripted(frozenset({"map", "explanation"}), MapReady(soft, 0.5), ClaimsReady(told))
    kinds = [type(update) for update in analyze(engine, forged)]
    assert kinds[-3:] == [ClaimsReady, EvidenceReady, Done]
    analysis = analyze_to_end(engine, forged)
    assert analysis.explanation == told
    assert any(region_rows(item) for item in analysis.evidence.items)


def test_a_map_of_another_size_is_refused() -> None:
    engine = Scripted(frozenset({"map"}), MapReady(np.zeros((8, 8), np.float32), 0.5))
    with pytest.raises(EngineOutputInvalid, match="scripted"):
        analyze_to_end(engine, pictured(textured(64, 64)))


def test_closing_the_iterator_cancels_the_engine() -> None:
    engine = Scripted(frozenset({"map"}), *[TextChunk("a")] * 5)
    updates = analyze(engine, pictured(textured(64, 64)))
    while not isinstance(next(updates), TextChunk):
        pass
    updates.close()  # type: ignore[attr-defined]
    assert engine.closed


def test_each_answer_has_an_id_of_its_own(forged: Picture) -> None:
    assert analyze_to_end(StubEngine(), forged).id != analyze_to_end(StubEngine(), forged).id


def test_an_untouched_picture_has_no_regions() -> None:
    analysis = analyze_to_end(StubEngine(), pictured(textured(96, 96)))
    assert analysis.verdict == "no_tampering_found" and analysis.regions == ()
    assert analysis.mask is not None and not analysis.mask.any()
