"""The contract of the programs' interface, with the stub segmenter and a real store."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakeshield_core.domain import Analysis, BoolMask, Prompts
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import SchemaTooNew, StorageFull
from fakeshield_core.imaging import decode_mask_png, encode_map_png
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.rle import decode_rle, encode_rle
from fakeshield_core.segmenters.stub import StubSegmenter
from feedback.events import canonical
from feedback.records import Correction
from feedback.store import FeedbackStore
from feedback.verify import verify
from tests.fakes import encoded, marked, pictured, textured
from ui.api import Api
from ui.cases import Case, Cases
from ui.embedder import Embedder
from ui.endpoints import server_functions
from ui.saving import OFF, Saving
from ui.turns import Turns

HEIGHT, WIDTH = 96, 128
FORGED = marked(np.maximum(textured(HEIGHT, WIDTH), 70), 20, 30, 24, 40)
SEEN = (FORGED == (255, 0, 255)).all(axis=2)
SECRET = "The heron at the left was pasted in by my neighbour."
CANNOT_OPEN = SchemaTooNew("The store was written by a later version; install that version.")


@dataclass
class Desk:
    """An interface with one open case."""

    api: Api
    store: FeedbackStore
    case: Case
    analysis: Analysis
    folder: Path

    def correction(self, **changes: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "client_uuid": str(uuid.uuid4()),
            "verdict": "tampered",
            "mask_rle": encode_rle(SEEN),
            "how_do_you_know": "made_the_edit",
            "consent": {"store": True, "train": True, "publish": False},
            "finding_kinds": ["splice"],
            "prompts": {"clicks": [{"x": 40, "y": 30, "positive": True}], "box_xyxy": None},
            "claim_ratings": [{"claim_id": "c1", "rating": "right"}],
            "overall_rating": 4,
            "rewritten_explanation": SECRET,
            "seconds_spent": 31.5,
            "supersedes": None,
            "contributor": "heron-17",
        }
        return given | changes

    def save(self, **changes: Any) -> dict[str, Any]:
        return self.api.feedback(self.case.id, self.correction(**changes))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    embedder = Embedder(StubSegmenter)
    store = FeedbackStore.open(tmp_path / "store")

    def build(domain_tag: dict[str, str] | None = None) -> Desk:
        picture = pictured(FORGED)
        analysis = replace(analyze_to_end(StubEngine(), picture), domain_tag=domain_tag)
        (tmp_path / "upload.png").write_bytes(encoded(FORGED))
        assert analysis.soft_map is not None
        (tmp_path / "map.png").write_bytes(encode_map_png(analysis.soft_map))
        cases = Cases(embedder)
        case = cases.open(analysis, tmp_path / "upload.png", "upload.png", tmp_path / "map.png")
        return Desk(Api(cases, Saving(lambda: store)), store, case, analysis, tmp_path)

    yield build
    embedder.close()
    store.close()


@pytest.fixture
def desk(make: Callable[..., Desk]) -> Desk:
    return make()


def clicked(x: int, y: int, positive: bool = True) -> dict[str, object]:
    return {"clicks": [{"x": x, "y": y, "positive": positive}], "box_xyxy": None}


def areas(answer: dict[str, Any]) -> list[BoolMask]:
    return [decode_rle(candidate["rle"]) for candidate in answer["candidates"]]


def test_a_positive_click_adds_only_what_is_not_marked_yet(desk: Desk) -> None:
    answer = desk.api.segment(desk.case.id, clicked(30, 20), encode_rle(SEEN))
    best = answer["candidates"][0]
    area = areas(answer)[0]
    assert best["adds"] is True
    assert area.any() and not (area & SEEN).any()
    assert best["area_fraction"] == pytest.approx(area.mean())
    assert 0 < best["score"] <= 1
    assert answer["ms"] > 0


def test_a_negative_click_takes_only_what_is_marked(desk: Desk) -> None:
    answer = desk.api.segment(desk.case.id, clicked(31, 21, positive=False), encode_rle(SEEN))
    area = areas(answer)[0]
    assert answer["candidates"][0]["adds"] is False
    assert area[21, 31] and not (area & ~SEEN).any()


def test_a_box_alone_adds_and_no_mask_is_an_empty_one(desk: Desk) -> None:
    box = {"clicks": [], "box_xyxy": [4, 5, 20, 25]}
    (area,) = areas(desk.api.segment(desk.case.id, box))
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[5:25, 4:20] = True
    assert np.array_equal(area, inside)
    assert desk.api.segment(desk.case.id, box) == desk.api.segment(desk.case.id, box) | {
        "ms": pytest.approx(0, abs=1e4)
    }


def test_candidates_that_change_nothing_or_the_same_are_not_offered(desk: Desk) -> None:
    everything = encode_rle(np.ones((HEIGHT, WIDTH), bool))
    assert desk.api.segment(desk.case.id, clicked(5, 5), everything)["candidates"] == []
    several = areas(desk.api.segment(desk.case.id, clicked(64, 48), None))
    assert len(several) == 3
    assert len({area.tobytes() for area in several}) == 3


def test_answers_are_json(desk: Desk) -> None:
    answers = [
        desk.api.segment(desk.case.id, clicked(5, 5), None),
        desk.api.explain(desk.case.id, encode_rle(SEEN)),
        desk.save(),
    ]
    for answer in answers:
        assert "error" not in answer
        assert json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_explaining_measures_the_persons_mask_and_leaves_the_engines_verdict_out(desk: Desk) -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[60:90, 10:60] = True
    answer = desk.api.explain(desk.case.id, encode_rle(mask))
    assert set(answer) == {"claims", "text", "html", "regions"}
    assert answer["text"].startswith("One area")
    assert "score" not in answer["text"].lower()
    assert [region["box"] for region in answer["regions"]] == [[10, 60, 60, 90]]
    assert desk.api.explain(desk.case.id, encode_rle(np.zeros_like(mask)))["regions"] == []


def test_a_save_is_kept_whole_and_named_by_its_receipt(make: Callable[..., Desk]) -> None:
    desk = make(domain_tag={"label": "phone"})
    answer = desk.save()
    assert set(answer) == {"receipt", "state", "created_at"}
    item = desk.store.case(answer["receipt"]).item
    assert item.content is not None and item.content.kept is not None
    assert (answer["state"], item.content.verdict) == ("quarantined", "tampered")
    assert (item.content.kept.domain_tag, item.content.kept.analysis_id) == ("phone", desk.analysis.id)
    assert item.content.engine.name == "stub"
    assert desk.store.blob(str(item.picture_sha256)) == encoded(FORGED)
    assert np.array_equal(decode_mask_png(desk.store.blob(str(item.mask_sha256))), SEEN)
    assert desk.store.blob(str(item.analysis_sha256)) == canonical(desk.case.result)
    assert verify(desk.store).problems == ()


def test_a_retry_gets_the_first_receipt_also_when_its_case_is_over(desk: Desk) -> None:
    sent = desk.correction()
    first = desk.api.feedback(desk.case.id, sent)
    assert desk.api.feedback(desk.case.id, sent) == first
    assert desk.api.feedback("a case that is over", {"client_uuid": sent["client_uuid"]}) == first
    assert len(desk.store.items()) == 1


def test_a_new_save_of_the_same_person_supersedes(desk: Desk) -> None:
    first = desk.save()["receipt"]
    desk.save(supersedes=first)
    assert desk.api.case(first)["state"] == "superseded"


def test_without_the_tick_nothing_of_the_picture_is_in_any_file(desk: Desk) -> None:
    answer = desk.save(consent={"store": False}, how_do_you_know=None)
    assert answer["state"] == "ratings_only"
    store = desk.folder / "store"
    facts = desk.analysis.picture
    traces = [encoded(FORGED)[64:160], facts.sha256.encode(), desk.analysis.id.encode(), SECRET.encode()]
    traces += [b"heron-17", b"made_the_edit", str(encode_rle(SEEN)["counts"]).encode(), b'"clicks"']
    files = [path for path in store.rglob("*") if path.is_file()]
    assert {path.name for path in files if path.suffix == ".json"}
    assert not [path for path in files if "blobs" in path.parts]
    for path in files:
        data = path.read_bytes()
        assert [trace for trace in traces if trace in data] == [], path.name
    with sqlite3.connect(store / "feedback.sqlite3") as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert "tampered" in dump
    assert [trace for trace in traces if trace.decode("latin-1") in dump] == []


def test_the_traces_that_are_looked_for_are_there_with_the_tick(desk: Desk) -> None:
    """Else the test above could not fail."""
    desk.save()
    data = b"".join(path.read_bytes() for path in (desk.folder / "store").rglob("*") if path.is_file())
    for trace in (
        encoded(FORGED)[64:160],
        desk.analysis.id.encode(),
        SECRET.encode(),
        b"heron-17",
        b'"clicks"',
    ):
        assert trace in data


def test_what_became_of_it_is_told_without_the_reviewers_name(desk: Desk) -> None:
    code = desk.save()["receipt"]
    assert desk.api.case(code)["kept"] == ["picture", "mask", "ratings", "words"]
    desk.store.review(code, "reject", "ines", "the mask misses the shadow")
    fate = desk.api.case(code.lower().replace("-", " "))
    assert (fate["receipt"], fate["state"]) == (code, "rejected")
    assert fate["review"] == {"decision": "reject", "reason": "the mask misses the shadow"}
    assert "ines" not in json.dumps(fate)
    assert fate["consent"] == {"store": True, "train": True, "publish": False}


def test_uses_can_be_changed_and_the_whole_be_deleted_by_the_receipt(desk: Desk) -> None:
    code = desk.save()["receipt"]
    changed = desk.api.consent(code, {"store": True, "publish": True})
    assert changed["consent"] == {"store": True, "train": False, "publish": True}
    assert desk.api.withdraw(code) == {"receipt": code, "state": "withdrawn", "releases": [], "adapters": []}
    fate = desk.api.case(code)
    assert (fate["state"], fate["kept"], fate["verdict"]) == ("withdrawn", [], None)


HOSTILE = [None, "", 7, -1.5, True, [], {}, [[[]]], {"a": {"b": []}}, "\ud800", "x" * 100_000, float("nan")]


def hostile_calls(desk: Desk) -> Iterator[tuple[str, tuple[object, ...]]]:
    for value in HOSTILE:
        yield from (("segment", (value, clicked(1, 1))), ("segment", (desk.case.id, value)))
        yield from (("segment", (desk.case.id, {"clicks": value})), ("explain", (value, None)))
        yield from (("explain", (desk.case.id, value)), ("feedback", (desk.case.id, value)))
        yield from (("feedback", (value, desk.correction())), ("case", (value,)))
        yield from (("feedback", (desk.case.id, {"client_uuid": value})), ("withdraw", (value,)))
        yield from (("consent", (value, {"store": True})), ("consent", (value, value)))
    yield "segment", (desk.case.id, clicked(1, 1), {"size": [HEIGHT, WIDTH - 1], "counts": "0"})
    yield "segment", (desk.case.id, {"clicks": clicked(1, 1)["clicks"] * 10_000})  # type: ignore[operator]
    yield "segment", (desk.case.id, clicked(WIDTH, 0))
    yield "feedback", (desk.case.id, desk.correction(consent={"train": True}))
    yield "feedback", (desk.case.id, desk.correction(supersedes="K7QF-2M9D-XR"))
    yield (
        "feedback",
        (desk.case.id, desk.correction(claim_ratings=[{"claim_id": "c" * 30, "rating": "right"}])),
    )


def test_anything_at_all_is_answered_with_one_sentence(desk: Desk) -> None:
    for function, arguments in hostile_calls(desk):
        answer = getattr(desk.api, function)(*arguments)
        assert set(answer) == {"error", "reason"}, (function, arguments)
        assert answer["reason"] in {"gone", "invalid"}, (function, arguments, answer)
        assert answer["error"].endswith(".") and len(answer["error"]) < 250
    assert desk.store.items() == []


def test_what_needs_much_memory_takes_turns_and_says_so_when_it_takes_too_long(desk: Desk) -> None:
    api = replace(desk.api, turns=Turns(at_once=1, patience_s=0.05))
    asked = (api.explain, encode_rle(SEEN)), (api.segment, clicked(100, 80))
    with api.turns.turn():
        for function, what in asked:
            answer = function(desk.case.id, what)
            assert answer["reason"] == "later" and "too many people" in str(answer["error"]).lower()
    for function, what in asked:
        assert "error" not in function(desk.case.id, what)


def test_reasons_tell_a_client_what_to_do(desk: Desk, tmp_path: Path) -> None:
    assert desk.api.segment("no case", clicked(1, 1))["reason"] == "gone"
    assert desk.api.segment(desk.case.id, clicked(1, 1000))["reason"] == "invalid"

    def full() -> FeedbackStore:
        raise StorageFull("The disk has no room for this; free some space and save again.")

    off = replace(desk.api, saving=Saving(full))
    assert off.feedback(desk.case.id, desk.correction()) == {"error": OFF, "reason": "later"}


def test_without_a_store_clicks_and_explanations_go_on(desk: Desk) -> None:
    def cannot_open() -> FeedbackStore:
        raise CANNOT_OPEN

    off = replace(desk.api, saving=Saving(cannot_open))
    assert off.segment(desk.case.id, clicked(5, 5))["candidates"]
    assert off.explain(desk.case.id, encode_rle(SEEN))["text"]
    for answer in (off.feedback(desk.case.id, desk.correction()), off.case("K7QF-2M9D-XR")):
        assert answer == {"error": OFF, "reason": "later"}


def test_a_mistake_of_ours_is_logged_and_told_without_details(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    class BrokenCases(Cases):
        def propose(self, case: Case, prompts: Prompts, current: BoolMask) -> Any:
            raise KeyError("/secret/path")

    broken = BrokenCases(desk.api.cases.embedder)
    case = broken.open(desk.analysis, desk.case.source, "upload.png")
    answer = replace(desk.api, cases=broken).segment(case.id, clicked(1, 1))
    assert answer["reason"] == "unexpected"
    assert "secret" not in answer["error"]
    assert "/secret/path" in caplog.text


def test_server_functions_take_their_arguments_as_gradio_sends_them(desk: Desk) -> None:
    by_name = {function.__name__: function for function in server_functions(desk.api)}
    assert set(by_name) == {"segment", "explain", "save", "fate", "withdraw"}
    assert by_name["segment"]([desk.case.id, clicked(5, 5), None])["candidates"]
    assert by_name["segment"]([desk.case.id, clicked(5, 5)])["candidates"]
    saved = by_name["save"]([desk.case.id, desk.correction(), "too many"])
    assert by_name["fate"](saved["receipt"])["state"] == "quarantined"
    assert by_name["withdraw"]([saved["receipt"]])["state"] == "withdrawn"
    for sent in HOSTILE:
        for function in by_name.values():
            assert "error" in function(sent)
    assert server_functions(None) == []


def test_corrections_of_the_case_name_its_engine_not_what_the_browser_says(desk: Desk) -> None:
    code = desk.save(engine={"name": "another"}, analysis_id="another", domain_tag="another")["receipt"]
    item = desk.store.case(code).item
    assert item.content is not None and item.content.kept is not None
    assert (item.content.engine.name, item.content.kept.domain_tag) == ("stub", None)
    assert item.content.kept.analysis_id == desk.analysis.id


def test_every_field_of_a_correction_is_read_or_known_by_the_case() -> None:
    from ui.incoming import Said

    known = {"picture", "analysis_id", "engine", "domain_tag", "analysis"}
    assert set(Said.__dataclass_fields__) | known == set(Correction.__dataclass_fields__)
