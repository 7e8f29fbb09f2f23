"""An engine asked once more: what the page shows, and when it is not asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from fakeshield_core.domain import ClaimsReady, EngineInfo, Explanation, MapReady, Update, VerdictReady
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import EngineOutOfMemory
from fakeshield_core.picture import Picture
from fakeshield_core.segmenters.stub import StubSegmenter
from tests.fakes import encoded, textured
from tests.pages import handlers, sent
from ui import render_reasons
from ui.again import CHANGED, MAP, ON_REQUEST, OTHER, Askable, can_be_asked
from ui.cases import Cases, UnknownCase
from ui.embedder import Embedder
from ui.handlers import Handlers
from ui.state import Asked, PageView

RGB = np.maximum(textured(96, 128), 70)


@dataclass
class Talker:
    """An engine with words of its own, which calls every picture untouched and then marks nothing."""

    info: EngineInfo
    has_memory: bool = True

    def analyze(self, picture: Picture, said: str = "Nothing is wrong here.") -> Iterator[Update]:
        yield VerdictReady("no_tampering_found", 0.2, None, 0.5)
        yield MapReady(np.zeros(picture.rgb.shape[:2], np.float32), 0.5)
        yield ClaimsReady(Explanation(said, "en", (), "talker"))

    def regenerate(self, picture: Picture, seed: int) -> Iterator[Update]:
        yield from self.analyze(picture, f"Said with {seed}.")

    def map_on_request(self, picture: Picture, words: str) -> MapReady:
        if not self.has_memory:
            raise EngineOutOfMemory("The card has too little free memory.")
        assert words == "Nothing is wrong here."
        soft = np.zeros(picture.rgb.shape[:2], np.float32)
        soft[20:60, 30:90] = 0.9
        return MapReady(soft, 0.5)


def talker(**changes: bool) -> Talker:
    return Talker(replace(StubEngine().info, gives=frozenset({"verdict", "map", "explanation"})), **changes)


@pytest.fixture
def cases() -> Iterator[Cases]:
    embedder = Embedder(StubSegmenter)
    yield Cases(embedder)
    embedder.close()


def answered(page: Handlers, asked: Asked) -> PageView:
    return list(page.analyse(asked))[-1]


def test_a_map_that_is_asked_for_stands_beside_the_same_words_and_verdict(
    tmp_path: Path, cases: Cases
) -> None:
    page = replace(handlers(tmp_path, talker()), cases=cases)
    first = answered(page, sent(page, encoded(RGB, "JPEG"), "photo.jpg"))
    assert first.addresses.picture is None  # the browser shows the file it sent
    assert first.localised is not None and first.localised.peak == 0
    assert 'data-again="map"' in render_reasons.reasons_card(first)
    then = answered(page, Asked("r2", first.name, case=first.case_id, again=MAP))
    assert then.localised is not None and len(then.localised.regions) == 1
    assert then.verdict is not None and first.verdict is not None
    assert then.verdict.verdict == first.verdict.verdict and then.explanation == first.explanation
    assert then.outcome is not None and then.outcome.warnings == (ON_REQUEST,)
    assert then.case_id not in ("", first.case_id) and then.addresses.mask is not None
    assert cases.find(then.case_id).analysis().parents == (first.outcome.id if first.outcome else "",)
    assert then.addresses.picture is not None  # a browser that reopened the case has no file of its own
    card = render_reasons.reasons_card(then)
    assert 'data-again="map"' not in card and 'data-again="other"' in card


def test_asking_again_keeps_the_picture_no_longer(tmp_path: Path) -> None:
    now, embedder = [1000.0], Embedder(StubSegmenter)
    cases = Cases(embedder, life_s=3000, clock=lambda: now[0])
    page = replace(handlers(tmp_path, talker()), cases=cases)
    case = answered(page, sent(page, encoded(RGB))).case_id
    now[0] += 2990
    again = answered(page, Asked("r2", case=case, again=OTHER))
    assert again.addresses.result is not None
    written = (page.visits.folder / again.addresses.result).stat().st_mtime
    assert time.time() - written > 2900  # goes with the picture
    now[0] += 20
    with pytest.raises(UnknownCase):
        cases.find(again.case_id)
    embedder.close()


def test_without_memory_for_the_map_the_answer_stays_and_says_why(tmp_path: Path, cases: Cases) -> None:
    page = replace(handlers(tmp_path, talker(has_memory=False)), cases=cases)
    first = answered(page, sent(page, encoded(RGB)))
    then = answered(page, Asked("r2", case=first.case_id, again=MAP))
    assert then.phase == "done" and then.explanation == first.explanation
    why = "There is no map on request: The card has too little free memory."
    assert then.outcome is not None and then.outcome.warnings == (why,)
    page.host._engine = talker()
    later = answered(page, Asked("r3", case=then.case_id, again=MAP))
    assert later.outcome is not None and later.outcome.warnings == (ON_REQUEST,)


def test_another_answer_tells_its_seed(tmp_path: Path, cases: Cases) -> None:
    page = replace(handlers(tmp_path, talker()), cases=cases)
    first = answered(page, sent(page, encoded(RGB)))
    then = answered(page, Asked("r2", case=first.case_id, again=OTHER))
    assert then.explanation is not None and then.outcome is not None
    seed = then.explanation.text.removeprefix("Said with ").removesuffix(".")
    assert f"seed {seed};" in then.outcome.warnings[0]


@pytest.mark.parametrize("what", [MAP, OTHER, "everything"])
def test_only_the_engine_that_answered_is_asked_again(tmp_path: Path, cases: Cases, what: str) -> None:
    page = replace(handlers(tmp_path, talker()), cases=cases)
    case = answered(page, sent(page, encoded(RGB))).case_id
    moved = talker()
    moved.info = replace(moved.info, adapter="0123456789ab")
    page.host._engine = moved if what != "everything" else page.host._engine
    refused = answered(page, Asked("r2", case=case, again=what))
    assert refused.refusal is not None and refused.refusal.why == CHANGED
    assert refused.refusal.head == "This picture could not be analysed"


def test_a_case_that_is_over_is_not_asked_again(tmp_path: Path, cases: Cases) -> None:
    page = replace(handlers(tmp_path, talker()), cases=cases)
    refused = answered(page, Asked("r2", case="over", again=OTHER))
    assert refused.refusal is not None and refused.refusal.reason == "gone"


def test_an_engine_without_words_is_not_offered() -> None:
    engine = StubEngine()
    assert not isinstance(engine, Askable) and not can_be_asked(engine, engine.info)
    assert not can_be_asked(None, engine.info) and not can_be_asked(talker(), None)
    assert can_be_asked(talker(), talker().info)
