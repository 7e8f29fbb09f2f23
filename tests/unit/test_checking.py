"""A verdict that is checked after its answer: when, in whose turn, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakeshield_core.domain import Stability, Update, VerdictReady
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.picture import Picture
from fakeshield_core.segmenters.stub import StubSegmenter
from tests.fakes import encoded, marked, textured
from tests.pages import at, handlers, sent
from ui.cases import Cases
from ui.embedder import Embedder
from ui.state import UNCHECKED, Asked

FORGED = marked(np.maximum(textured(96, 128), 70), 20, 30, 24, 40)  # no green is as low as in the stub's mark


class CheckedEngine:
    """The stub, whose verdict is read again after the map."""

    info = StubEngine().info

    def analyze(self, picture: Picture) -> Iterator[Update]:
        verdict, soft = StubEngine().analyze(picture)
        assert isinstance(verdict, VerdictReady)
        yield replace(verdict, to_be_checked=True)
        yield soft
        yield replace(verdict, stability=Stability(0.8, 0.2))


def test_a_verdict_is_checked_after_the_answer_and_after_those_who_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.handlers.PAUSE_S", 0.01)
    page = handlers(tmp_path, CheckedEngine())
    asked = sent(page, encoded(FORGED))
    first, second = page.analyse(asked), page.analyse(replace(asked, run="r2"))
    answered = next(view for view in first if view.phase == "done")
    assert answered.is_checked_next and answered.addresses.result
    result = json.loads(at(page, answered.addresses.result).read_bytes())
    assert result["stability"] is None
    assert next(second).phase == "waiting"
    with ThreadPoolExecutor(1) as pool:
        checked = pool.submit(list, first)  # gives way
        assert next(view for view in second if view.phase == "done").is_checked_next
        assert not checked.done()
        other = list(second)  # gives way in turn
        last = checked.result(20)[-1]
    for view in (last, other[-1]):
        assert view.verdict is not None and view.verdict.stability == Stability(0.8, 0.2)
        assert not view.is_checked_next and view.case_id == ""
    assert last.addresses == answered.addresses
    assert json.loads(at(page, last.addresses.result).read_bytes())["stability"]["half_size"] == 0.2


def test_a_check_is_given_up_where_too_many_wait_for_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.lane.Lane.move_back", lambda *_: False)
    page = handlers(tmp_path, CheckedEngine())
    views = list(page.analyse(sent(page, encoded(FORGED))))
    assert views[-2].is_checked_next and not views[-1].is_checked_next
    assert views[-1].verdict is not None and views[-1].verdict.stability is None
    assert views[-1].phase == "done"
    assert [view.outcome is not None and view.outcome.warnings for view in views[-2:]] == [(), (UNCHECKED,)]


def test_a_check_is_taken_back_with_its_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.handlers.PAUSE_S", 0.01)
    page = handlers(tmp_path, CheckedEngine())
    views = page.analyse(sent(page, encoded(FORGED)))
    next(view for view in views if view.phase == "done")
    with page.lane.enter() as other:
        page.cancel(Asked("r1"))
        assert list(views) == []
        assert other.wait(0)


def test_the_case_of_a_checked_answer_is_the_one_that_was_opened(tmp_path: Path) -> None:
    embedder = Embedder(StubSegmenter)
    page = replace(handlers(tmp_path, CheckedEngine()), cases=Cases(embedder))
    try:
        done = [view for view in page.analyse(sent(page, encoded(FORGED))) if view.phase == "done"]
        assert len({view.case_id for view in done}) == 1 and page.cases is not None
        analysis = page.cases.find(done[0].case_id).analysis()
        assert analysis.stability == Stability(0.8, 0.2) and analysis.warnings == ()
    finally:
        embedder.close()


def test_the_case_of_an_answer_that_was_left_before_its_check_says_so(tmp_path: Path) -> None:
    embedder = Embedder(StubSegmenter)
    page = replace(handlers(tmp_path, CheckedEngine()), cases=Cases(embedder))
    try:
        views = page.analyse(sent(page, encoded(FORGED)))
        given = next(view for view in views if view.phase == "done")
        views.close()  # type: ignore[attr-defined]  # as Gradio does when the visitor leaves
        again = next(page.resume(Asked("r2", case=given.case_id)))
        assert again.outcome is not None and again.outcome.warnings == (UNCHECKED,)
    finally:
        embedder.close()
