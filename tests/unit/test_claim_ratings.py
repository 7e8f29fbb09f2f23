"""Ratings of claims: what they say of stated confidences, and how far explanations follow them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fakeshield_core.domain import ClaimsReady, Evidence, EvidenceItem, JsonValue, Region
from fakeshield_core.errors import SettingsInvalid
from fakeshield_core.evidence import measure
from fakeshield_core.explain import GroundedExplainer, claims_from
from fakeshield_core.explain.claims import confidence_of
from fakeshield_core.explain.offsets import FILE, moved, offsets_json, read_offsets
from fakeshield_core.explain.registry import build_explainer
from fakeshield_core.imaging import decode
from fakeshield_core.settings import Settings
from feedback.__main__ import main
from feedback.claims import PRIOR_LOGITS, RatedClaim, learn_offsets, rated_claims
from feedback.records import ClaimRating, Consent
from feedback.store import FOLDER, FeedbackStore
from tests.feedback_fakes import accepted, correction
from tests.jpeg_histories import file_of, square, with_moved_grid

RIGHT = (ClaimRating("c1", "right"),)


def rated(kind: str, confidence: float, right: int, wrong: int) -> list[RatedClaim]:
    return [RatedClaim(kind, confidence, number < right) for number in range(right + wrong)]


def test_many_ratings_move_a_confidence_to_the_share_that_was_right() -> None:
    (noise,) = learn_offsets(rated("noise", 0.75, 600, 400))
    assert (noise.ratings, noise.right, noise.stated) == (1000, 600, 0.75)
    assert moved(0.75, noise.offset) == pytest.approx(0.6, abs=0.01)


def test_few_ratings_move_it_little_and_ratings_that_agree_not_at_all() -> None:
    (few,) = learn_offsets(rated("noise", 0.75, 0, 2))
    assert -PRIOR_LOGITS < few.offset < 0
    (same,) = learn_offsets(rated("noise", 0.75, 75, 25))
    assert same.offset == pytest.approx(0, abs=1e-3)


def test_claims_of_several_confidences_share_one_offset_and_kinds_do_not() -> None:
    together = rated("grid", 0.9, 200, 200) + rated("grid", 0.6, 80, 320) + rated("noise", 0.75, 300, 100)
    grid, noise = learn_offsets(together)
    assert (grid.kind, noise.kind) == ("grid", "noise")
    assert noise.offset == pytest.approx(0, abs=1e-3)
    shares = [moved(confidence, grid.offset) or 0 for confidence in (0.9, 0.6)]
    assert np.mean(shares) == pytest.approx(0.35, abs=0.02)  # of both together


def test_no_offset_makes_a_claim_certain() -> None:
    assert (moved(0.99, 6.0), moved(0.75, -6.0)) == (0.99, 0.01)


@pytest.mark.parametrize("confidence", [None, 0.0, 1.0])
def test_what_is_no_probability_is_not_moved(confidence: float | None) -> None:
    assert moved(confidence, 2.0) == confidence


def result(*claims: tuple[str, str, float | None], offset: float | None = None) -> dict[str, JsonValue]:
    """A kept result with these claims: id, kind, confidence."""
    evidence: dict[str, JsonValue] = {} if offset is None else {"confidence_offset": offset}
    told: list[JsonValue] = [
        {"id": name, "kind": kind, "confidence": confidence, "evidence": evidence}
        for name, kind, confidence in claims
    ]
    return {"schema_version": 1, "explanation": {"claims": told}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FeedbackStore]:
    with FeedbackStore.open(tmp_path / FOLDER) as opened:
        yield opened


def test_only_ratings_that_may_train_and_tell_right_from_wrong_count(store: FeedbackStore) -> None:
    said = result(("c1", "noise", 0.75), ("c2", "grid", 0.87), ("c3", "metadata", None), ("c4", "noise", 0.8))
    ratings = tuple(
        ClaimRating(name, verdict)  # type: ignore[arg-type]
        for name, verdict in zip(
            ("c1", "c2", "c3", "c4", "c9"),
            ("right", "wrong_place", "right", "cannot_tell", "right"),
            strict=True,
        )
    )
    accepted(store, 1, claim_ratings=ratings, analysis=said)
    store.save_correction(correction(5, claim_ratings=ratings, analysis=said))  # waits for review
    store.save_correction(correction(7, claim_ratings=ratings, analysis=said, consent=Consent()))
    accepted(store, 1, first_seed=9, claim_ratings=ratings, analysis=said, consent=Consent(store=True))
    assert list(rated_claims(store)) == [
        RatedClaim("noise", pytest.approx(0.75), True),  # type: ignore[arg-type]
        RatedClaim("grid", pytest.approx(0.87), False),  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"torn")])
def test_a_result_that_cannot_be_read_leaves_out_its_ratings_only(
    store: FeedbackStore, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    items = [
        item
        for seed, kind in enumerate(("noise", "grid", "ghosts"))
        for item in accepted(
            store, 1, first_seed=seed, claim_ratings=RIGHT, analysis=result(("c1", kind, 0.75))
        )
    ]
    damage(store.journal.blobs.path(str(items[1].analysis_sha256)))
    assert [claim.kind for claim in rated_claims(store)] == ["noise", "ghosts"]
    assert f"ratings of item {items[1].uuid} are left out" in caplog.text


def test_an_offset_a_claim_was_told_with_is_taken_off(store: FeedbackStore) -> None:
    told = moved(0.75, 1.0)
    said = result(("c1", "noise", told), offset=1.0)
    accepted(store, 1, claim_ratings=(ClaimRating("c1", "right"),), analysis=said)
    (claim,) = rated_claims(store)
    assert claim.confidence == pytest.approx(0.75, abs=0.01)


def test_results_that_no_engine_gave_are_left_out(store: FeedbackStore) -> None:
    wild: list[JsonValue] = [
        {"kind": "noise", "confidence": 0.75},
        {"id": [1], "kind": "noise", "confidence": 0.75},
        {"id": "c1", "kind": 7, "confidence": 0.75},
        {"id": "c2", "kind": "noise", "confidence": 5e-324},
        {"id": "c3", "kind": "noise", "confidence": "high"},
        {"id": "c4", "kind": "noise", "confidence": 0.75, "evidence": {"confidence_offset": 1e308}},
        "c5",
    ]
    ratings = tuple(ClaimRating(f"c{number}", "right") for number in range(1, 6))
    results = [{"explanation": {"claims": wild}}, {"explanation": {"claims": 3}}, {"explanation": None}, {}]
    for seed, result in enumerate(results):
        accepted(store, 1, first_seed=seed, claim_ratings=ratings, analysis=result)
    assert list(rated_claims(store)) == [RatedClaim("noise", pytest.approx(0.75), True)]  # type: ignore[arg-type]


def test_the_command_tells_and_writes_what_the_app_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKESHIELD_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("FAKESHIELD_DATABASE_URL", raising=False)
    assert read_offsets(tmp_path) == {}
    assert main(["claims"]) == 0
    assert "has been rated right or wrong yet" in capsys.readouterr().out
    with FeedbackStore.open(tmp_path / FOLDER) as store:
        said = result(("c1", "noise", 0.75))
        accepted(store, 6, claim_ratings=(ClaimRating("c1", "not_there"),), analysis=said)
    assert main(["claims", "--write"]) == 0
    assert "noise: 0 of 6 rated right (0.00, stated 0.75), offset -" in capsys.readouterr().out
    offsets = read_offsets(tmp_path)
    assert build_explainer(Settings.from_environment())._offsets == offsets
    assert set(offsets) == {"noise"} and -2 < offsets["noise"] < -0.3
    assert main(["claims", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["offsets"] == offsets
    assert document["kinds"][0]["ratings"] == 6


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": 9, "offsets": {}}', '{"version": 1, "offsets": {"noise": 99}}', "null"]
)
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(SettingsInvalid, match="cannot be used; write it anew"):
        read_offsets(tmp_path)


def item(kind: str, effect: float) -> EvidenceItem:
    """Evidence of one claim about region 1."""
    row: JsonValue = {"region_id": 1, "outcome": "higher", "effect": effect, "reason": "", "text": f"{kind}."}
    return EvidenceItem(kind, kind, "points_to_region", "", f"{kind}.", "", {"regions": [row]})


def test_confidence_and_order_of_claims_follow_the_offsets() -> None:
    evidence = Evidence((item("noise", 2.0), item("error_level", 6.0)), {})
    marked = (Region(1, (8, 8, 40, 40), 0.02, 0.9, "centre"),)
    usual = claims_from(evidence, marked)
    assert [claim.kind for claim in usual] == ["error_level", "noise"]
    doubting = claims_from(evidence, marked, {"error_level": -3.0})
    assert [(claim.id, claim.kind) for claim in doubting] == [("c1", "noise"), ("c2", "error_level")]
    assert doubting[1].confidence == moved(confidence_of("error_level", 6.0), -3.0) == 0.49
    assert doubting[1].evidence["confidence_offset"] == -3.0
    assert "confidence_offset" not in doubting[0].evidence and doubting[0].confidence == usual[1].confidence


def test_the_explainer_tells_claims_with_its_offsets() -> None:
    rgb, mask = with_moved_grid(), square()
    picture = decode(file_of(rgb, "PNG", 95), "test")
    told = {}
    for offsets in ({}, {"grid": -2.0}):
        *_, last = GroundedExplainer(offsets=offsets).explain(picture, mask, measure(picture), None)
        assert isinstance(last, ClaimsReady)
        told[len(offsets)] = next(claim for claim in last.explanation.claims if claim.kind == "grid")
    assert told[1].confidence == moved(told[0].confidence, -2.0) != told[0].confidence


def test_offsets_are_written_as_they_are_read(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(offsets_json({"noise": -0.25, "grid": 0.5})))
    assert read_offsets(tmp_path) == {"grid": 0.5, "noise": -0.25}
