"""What happens on an event, with the stub engine: order, files, refusals, waiting, cancelling."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from fakeshield_core.domain import Engine, EngineInfo, Update
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.imaging import decode_map_png, decode_mask_png
from fakeshield_core.picture import Picture
from fakeshield_core.segmenters.stub import StubSegmenter
from fakeshield_core.synthesis.examples import store_results
from tests.fakes import encoded, marked, textured
from tests.pages import at, handlers, sent
from ui.cases import Cases
from ui.embedder import Embedder
from ui.handlers import DISPLAY_SIDE_PX, Handlers, display_png
from ui.host import FAILED, STARTING, EngineHost
from ui.lane import Lane, LaneFull
from ui.rates import rates_of
from ui.state import Asked, PageView
from ui.stops import MOST, Stops
from ui.stored import Example, read_examples
from ui.visits import Visits

RGB = np.maximum(textured(96, 128), 70)  # no green is as low as in the stub's mark
FORGED = marked(RGB, 20, 30, 24, 40)
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
SEEN = (FORGED == (255, 0, 255)).all(axis=2)


LAYERS = {"error_level", "noise", "ghosts", "grid"}  # of a small picture in which nothing occurs twice


class BrokenEngine:
    """Fails in a way nobody planned."""

    info = EngineInfo("broken", "1", "none", None, "cpu", frozenset({"verdict"}))

    def analyze(self, picture: Picture) -> Iterator[Update]:
        raise KeyError("/secret/path")
        yield


def test_views_come_in_order_and_only_ever_add(tmp_path: Path) -> None:
    page = handlers(tmp_path)
    views = list(page.analyse(sent(page, encoded(FORGED))))
    filled = [
        sum(
            part is not None
            for part in (v.facts, v.evidence, v.verdict, v.localised, v.explanation, v.outcome)
        )
        for v in views
    ]
    assert filled == sorted(filled)
    assert filled[0] == 1
    assert views[1].evidence is not None and views[1].verdict is None
    assert views[-1].phase == "done"
    assert all(view.phase == "working" for view in views[:-1])


def test_files_of_a_result_are_its_mask_its_map_and_schema_v1(tmp_path: Path) -> None:
    page = handlers(tmp_path)
    last = list(page.analyse(sent(page, encoded(FORGED))))[-1].addresses
    assert np.array_equal(decode_mask_png(at(page, last.mask).read_bytes()), SEEN)
    assert np.array_equal(decode_map_png(at(page, last.map_file).read_bytes()) > 0.5, SEEN)
    result = json.loads(at(page, last.result).read_bytes())
    assert (result["schema_version"], result["verdict"]) == (1, "tampered")
    assert set(last.layers) == LAYERS
    assert all(at(page, layer.address).is_file() for layer in last.layers.values())


def test_mask_is_there_before_the_explanation(tmp_path: Path) -> None:
    page = handlers(tmp_path)
    with_mask = next(view for view in page.analyse(sent(page, encoded(FORGED))) if view.addresses.mask)
    assert with_mask.explanation is None


@pytest.mark.parametrize(
    ("file_format", "exif", "is_sent_back"),
    [("JPEG", b"", False), ("JPEG", TURNED, True), ("PNG", b"", True), ("TIFF", b"", True)],
    ids=["JPEG", "turned JPEG", "PNG", "TIFF"],
)
def test_picture_is_sent_back_only_where_the_browser_may_show_another(
    tmp_path: Path, file_format: str, exif: bytes, is_sent_back: bool
) -> None:
    page = handlers(tmp_path)
    data = encoded(FORGED, file_format, **({"exif": exif} if exif else {}))
    views = list(page.analyse(sent(page, data, f"picture.{file_format.lower()}")))
    assert (views[-1].addresses.picture is not None) == is_sent_back


def test_addresses_of_two_visits_share_nothing(tmp_path: Path) -> None:
    page = handlers(tmp_path)
    asked = sent(page, encoded(FORGED))
    one, other = (list(page.analyse(asked))[-1].addresses.result for _ in range(2))
    assert one is not None and other is not None
    assert one.split("/")[1] != other.split("/")[1]
    assert len(one.split("/")[1]) >= 24


def refusal(views: Iterator[PageView]) -> tuple[str, str]:
    last = list(views)[-1]
    assert last.phase == "refused"
    assert last.refusal is not None
    return last.refusal.head, last.refusal.why


def test_broken_file_is_refused_under_its_name(tmp_path: Path) -> None:
    page = handlers(tmp_path)
    head, why = refusal(page.analyse(sent(page, b"%PDF-1.4", "invoice.jpg")))
    assert head == "This file could not be read as a picture"
    assert "“invoice.jpg”" in why and "PDF" in why


def test_unplanned_error_is_logged_and_told_without_details(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page = handlers(tmp_path, BrokenEngine())
    with caplog.at_level(logging.ERROR):
        head, why = refusal(page.analyse(sent(page, encoded(RGB))))
    assert "secret" not in head + why
    assert "unexpected happened" in why
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../../etc/passwd", "results/other/mask.png", "0f"])
def test_only_uploads_are_read(tmp_path: Path, path: str) -> None:
    page = handlers(tmp_path)
    sent(page, encoded(RGB))
    other = page.visits.results / "other"
    other.mkdir()
    (other / "mask.png").write_bytes(encoded(RGB))
    given = path if path.startswith("/") or not path else str(page.visits.folder / path)
    assert "no longer here" in refusal(page.analyse(Asked("r1", "x.png", given)))[1]


def test_link_out_of_the_upload_folder_is_not_followed(tmp_path: Path) -> None:
    page = handlers(tmp_path / "visits")
    outside = tmp_path / "outside.png"
    outside.write_bytes(encoded(RGB))
    (page.visits.folder / "link.png").symlink_to(outside)
    assert page.visits.upload(str(page.visits.folder / "link.png")) is None


def test_second_visitor_waits_for_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.handlers.PAUSE_S", 0.01)
    page = handlers(tmp_path)
    asked = sent(page, encoded(RGB))
    first, second = page.analyse(asked), page.analyse(asked)
    assert next(first).facts is not None
    waiting = next(second)
    assert (waiting.phase, waiting.ahead) == ("waiting", 1)
    first.close()  # type: ignore[attr-defined]
    assert list(second)[-1].phase == "done"


def test_one_too_many_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.handlers.PAUSE_S", 0.01)
    page = handlers(tmp_path, places=1)
    asked = sent(page, encoded(RGB))
    first, second = page.analyse(asked), page.analyse(asked)
    next(first), next(second)
    assert refusal(page.analyse(asked))[0] == "Too many pictures are waiting"


def test_question_taken_back_ends_without_a_result(tmp_path: Path) -> None:
    page = handlers(tmp_path)
    views = page.analyse(sent(page, encoded(RGB)))
    next(views)
    page.cancel(Asked("r1"))
    assert list(views) == []
    with page.lane.enter() as place:
        assert place.ahead == 0


def test_taking_back_a_question_without_a_name_lets_no_program_past_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.handlers.PAUSE_S", 0.01)
    page = handlers(tmp_path)
    path = sent(page, encoded(FORGED)).path
    page.cancel(Asked(""))
    with page.lane.enter() as place, ThreadPoolExecutor(1) as pool:
        assert place.wait(0)
        answer = pool.submit(page.analyse_file, path)
        with pytest.raises(TimeoutError):
            answer.result(0.3)
        place.give_way()
        assert answer.result(20)[0]["verdict"] == "tampered"


def test_those_taken_back_are_remembered_in_bounds() -> None:
    stops = Stops()
    for number in range(MOST + 1):
        stops.ask(str(number))
    assert not stops.asked("0")
    assert stops.asked(str(MOST))


def test_lane_lets_in_one_by_one_in_order() -> None:
    lane = Lane(1)
    with lane.enter() as first:
        with lane.enter() as second:
            assert (first.wait(0), second.wait(0), second.ahead) == (True, False, 1)
            with pytest.raises(LaneFull), lane.enter():
                pass
        with lane.enter() as third:
            assert third.ahead == 1
    with lane.enter() as next_one:
        assert next_one.wait(0)


def test_lane_lets_those_who_come_again_in_last() -> None:
    lane = Lane(1)
    with lane.enter() as first, lane.enter() as second:
        assert first.give_way()
        assert (first.ahead, second.ahead) == (1, 0)
        with lane.enter() as third:  # the one who comes again takes no room from those who come first
            assert (second.ahead, third.ahead, first.ahead) == (0, 1, 2)
            with pytest.raises(LaneFull), lane.enter():
                pass
            assert second.give_way()
            assert third.wait(0) and (first.ahead, second.ahead) == (1, 2)
            assert not third.give_way()  # too many already
            assert third.wait(0)


def test_question_while_the_engine_starts_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.handlers.PAUSE_S", 0.01)
    page = handlers(tmp_path)
    page.host._settled.clear()
    views = page.analyse(sent(page, encoded(RGB)))
    assert next(views).phase == "starting"
    page.host._settled.set()
    assert list(views)[-1].phase == "done"


def unavailable() -> Engine:
    raise EngineUnavailable("The weights are missing; run weights get.")


def broken() -> Engine:
    raise OSError("/secret/path")


@pytest.mark.parametrize(("build", "why"), [(unavailable, "The weights are missing"), (broken, FAILED)])
def test_engine_that_cannot_be_built_is_told_on_the_page(tmp_path: Path, build: object, why: str) -> None:
    page = handlers(tmp_path)
    host = EngineHost(build)  # type: ignore[arg-type]
    assert host.problem is None
    host.start()
    assert host.wait(20)
    assert host.ready() is None
    failed = Handlers(host, page.lane, page.visits, {})
    assert why in refusal(failed.analyse(sent(page, encoded(RGB))))[1]


def test_host_is_ready_after_its_first_analysis() -> None:
    host = EngineHost(StubEngine)
    with pytest.raises(EngineUnavailable, match=STARTING[:20]):
        host.engine()
    host.start()
    assert host.wait(20)
    assert host.engine().info.name == "stub"


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Example]:
    folder = tmp_path_factory.mktemp("examples")
    card = {"title": "Marked", "mask": None, "alt": "A marked picture", "kind": "splice"}
    more = {"history": ["painted"], "source": "drawn here", "licence": "CC0"}
    cards = [{"id": name, "file": f"{name}.jpg", **card, **more} for name in ("one", "unanswered")]
    (folder / "examples.json").write_text(json.dumps({"examples": cards}))
    for name in ("one", "unanswered"):
        (folder / f"{name}.jpg").write_bytes(encoded(FORGED, "JPEG", quality=95))
    store_results(StubEngine(), folder)
    (folder / "unanswered.json").unlink()
    return dict(read_examples(folder))


def test_example_is_shown_at_once_without_an_engine(tmp_path: Path, examples: dict[str, Example]) -> None:
    page = Handlers(EngineHost(unavailable), Lane(1), Visits(tmp_path), examples)
    first, last = list(page.open_example(Asked("r1", example="one")))
    assert (first.phase, first.is_stored, first.run) == ("done", True, "r1")
    assert first.verdict is not None and first.verdict.verdict == "tampered"
    assert first.localised is not None and len(first.localised.regions) == 1
    assert first.addresses.picture == "examples/one.jpg"
    assert first.addresses.layers == {}
    assert set(last.addresses.layers) == LAYERS


def test_example_has_the_limits_of_the_running_engine_only_if_it_is_the_same(
    tmp_path: Path, examples: dict[str, Example]
) -> None:
    same = next(handlers(tmp_path, examples=examples).open_example(Asked("r", example="one"))).engine
    other = next(
        handlers(tmp_path, BrokenEngine(), examples=examples).open_example(Asked("r", example="one"))
    ).engine
    assert same is not None and other is not None
    assert same.limits == StubEngine.info.limits
    assert other.limits == ()


def test_example_without_a_stored_answer_is_left_out(examples: dict[str, Example]) -> None:
    assert list(examples) == ["one"]


def test_unknown_example_is_refused(tmp_path: Path) -> None:
    assert "Choose another one" in refusal(handlers(tmp_path).open_example(Asked("r", example="../x")))[1]


def with_cases(folder: Path) -> tuple[Handlers, Cases]:
    cases = Cases(Embedder(StubSegmenter))
    page = handlers(folder)
    return replace(page, cases=cases), cases


def test_case_is_opened_again_with_the_same_answer(tmp_path: Path) -> None:
    page, cases = with_cases(tmp_path)
    given = list(page.analyse(sent(page, encoded(FORGED))))[-1]
    first, last = list(page.resume(Asked("r2", case=given.case_id)))
    cases.close()
    assert (first.run, first.phase, first.case_id) == ("r2", "done", given.case_id)
    assert first.verdict == given.verdict and first.localised == given.localised
    assert first.engine is not None and given.engine is not None
    assert first.engine.limits == given.engine.limits != ()
    assert first.facts == given.facts and first.explanation == given.explanation
    assert not first.is_stored and first.addresses.picture is not None
    assert first.addresses.mask is not None and first.addresses.map is not None
    assert set(last.addresses.layers) == set(given.addresses.layers)


def test_case_that_is_over_is_refused_with_its_reason(tmp_path: Path) -> None:
    page, cases = with_cases(tmp_path)
    (view,) = list(page.resume(Asked("r", case="over")))
    cases.close()
    assert view.refusal is not None and view.refusal.reason == "gone"
    assert next(handlers(tmp_path).resume(Asked("r", case="any"))).refusal == view.refusal


def test_endpoint_gives_result_map_and_mask(tmp_path: Path) -> None:
    page = handlers(tmp_path)
    result, map_file, mask_file = page.analyse_file(sent(page, encoded(FORGED)).path)
    assert result["verdict"] == "tampered"
    assert map_file is not None and mask_file is not None
    assert np.array_equal(decode_mask_png(Path(mask_file).read_bytes()), SEEN)
    assert np.array_equal(decode_map_png(Path(map_file).read_bytes()) > 0.5, SEEN)


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "is empty"), (b"%PDF-1.4", "PDF"), (None, "No file was sent")],
    ids=["empty", "not a picture", "nothing"],
)
def test_endpoint_refuses_in_one_sentence(tmp_path: Path, data: bytes | None, words: str) -> None:
    page = handlers(tmp_path)
    with pytest.raises(gr.Error, match=words) as refused:
        page.analyse_file(None if data is None else sent(page, data).path)
    assert not refused.value.print_exception
    assert "Traceback" not in str(refused.value)


def test_only_texts_of_bounded_length_are_read_from_an_event() -> None:
    asked = Asked.read({"run": "r1", "path": ["/etc/passwd"], "name": "x" * 5000, "more": 1})
    assert asked == Asked("r1", "x" * 1024, "", "")
    assert Asked.read(None) == Asked("")


@pytest.mark.parametrize("shape", [(40, 3000), (3000, 40), (30, 50)])
def test_display_pngs_are_bounded_and_keep_their_shape(shape: tuple[int, int]) -> None:
    shown = decode_map_png(display_png(np.full(shape, 6.0, np.float32), 12.0))
    assert max(shown.shape) == min(DISPLAY_SIDE_PX, max(shape))
    assert shown.shape[0] < shown.shape[1] if shape[0] < shape[1] else shown.shape[0] > shown.shape[1]
    assert shown == pytest.approx(np.full(shown.shape, 0.5), abs=0.01)


def test_files_are_deleted_once_they_are_old(tmp_path: Path) -> None:
    visits = Visits(tmp_path)
    old, new = visits.new(), visits.new()
    for visit in (old, new):
        visit.put("mask.png", b"x")
    past = time.time() - 7200
    for path in (old.path("mask.png"), old.folder):
        os.utime(path, (past, past))
    assert visits.sweep(older_than_s=3600) == 1
    assert not old.path("mask.png").exists()
    assert new.path("mask.png").exists()
    assert visits.results.is_dir()


def test_rates_are_read_from_the_card_or_not_told(tmp_path: Path) -> None:
    (tmp_path / "compact").mkdir()
    card = tmp_path / "compact" / "card.json"
    rates = {"false_alarm_per_100": 4, "missed_per_100": 17.5, "inconclusive_per_100": 12, "measured_on": "x"}
    card.write_text(json.dumps({"rates": rates}))
    found = rates_of("compact", tmp_path)
    assert found is not None
    assert (found.false_alarm, found.missed, found.inconclusive, found.measured_on) == (4, 17.5, 12, "x")
    card.write_text(json.dumps({"rates": {}}))
    assert rates_of("compact", tmp_path) is None
    assert rates_of("stub", tmp_path) is None
