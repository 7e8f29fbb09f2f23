"""Result schema v1: every field, there and back, and later or broken documents."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import numpy as np
import pytest

from fakeshield_core.domain import (
    Analysis,
    Claim,
    EngineInfo,
    Evidence,
    EvidenceItem,
    Explanation,
    Finding,
    JsonValue,
    Layer,
    PictureFacts,
    Region,
    Stability,
)
from fakeshield_core.errors import InputError
from fakeshield_core.schema import analysis_from_json, analysis_to_json

MASK = np.zeros((4, 6), dtype=bool)
MASK[1:3, 2:5] = True

# schema version 1, written down by hand
FIELDS = {
    "": "schema_version id created_at parents picture engine verdict score band threshold findings "
    "domain_tag mask regions explanation evidence stability warnings timings_s",
    "picture": "sha256 width height format orientation bytes",
    "engine": "name version weights adapter",
    "findings": "kind confidence region_id",
    "domain_tag": "label probabilities",
    "mask": "rle area_fraction threshold source",
    "regions": "id bbox_xyxy area_fraction score where",
    "explanation": "text language claims source",
    "evidence": "name title status headline shows cannot_show numbers region_id layer",
    "stability": "recompressed half_size",
}


def full() -> Analysis:
    """A result with something in every field."""
    item = EvidenceItem(
        name="noise",
        title="Noise",
        status="points_to_region",
        headline="1.4 ×",
        shows="Noise is 1.4 times as strong inside.",
        cannot_show="Not every change alters noise.",
        numbers={"ratio": 1.4, "sides": [2.0, None], "deep": {"n": 3}},
        region_id=1,
        layer="noise",
    )
    claim = Claim("c1", "Noise differs.", "noise", 1, {"ratio": 1.4}, 0.7)
    return Analysis(
        id="a1",
        created_at="2026-01-02T03:04:05+00:00",
        picture=PictureFacts("ab" * 32, 6, 4, "JPEG", 6, 1234),
        engine=EngineInfo(
            "compact", "1", "0123456789ab", "ba9876543210", "cpu", frozenset({"verdict", "map"})
        ),
        verdict="tampered",
        score=0.91,
        band=(0.8, 0.95),
        threshold=0.5,
        findings=(Finding("splice", 0.6, 1), Finding("unknown", 0.2, None)),
        mask=MASK,
        mask_threshold=0.4,
        mask_source="person",
        regions=(Region(1, (2, 1, 5, 3), 0.25, 0.9, "centre"),),
        explanation=Explanation("Noise differs.", "en", (claim,), "measured"),
        evidence=Evidence(
            (item,), {"noise": Layer("noise", "Noise", np.zeros((4, 6), np.float32), "levels", 1.0)}
        ),
        stability=Stability(0.9, 0.7),
        domain_tag={"label": "photo", "probabilities": {"photo": 0.9}},
        parents=("a0",),
        warnings=("Only the first is analysed.",),
        timings_s={"engine": 0.4},
        soft_map=MASK.astype(np.float32),
    )


def bare() -> Analysis:
    """The least an engine can give: neither verdict nor map nor words."""
    return replace(
        full(),
        verdict="not_given",
        score=None,
        band=None,
        findings=(),
        mask=None,
        mask_threshold=0.5,
        mask_source="engine",
        regions=(),
        explanation=None,
        evidence=Evidence((), {}),
        stability=None,
        domain_tag=None,
        parents=(),
        warnings=(),
        timings_s={},
    )


def _document(analysis: Analysis) -> dict:
    return json.loads(json.dumps(analysis_to_json(analysis), allow_nan=False))


@pytest.mark.parametrize("place", FIELDS)
def test_every_field_of_version_1_is_written(place: str) -> None:
    document = _document(full())
    part = document[place] if place else document
    part = part[0] if isinstance(part, list) else part
    assert sorted(part) == sorted(FIELDS[place].split())


def test_claims_carry_their_numbers() -> None:
    claims = _document(full())["explanation"]["claims"]
    assert claims == [
        {
            "id": "c1",
            "text": "Noise differs.",
            "kind": "noise",
            "region_id": 1,
            "evidence": {"ratio": 1.4},
            "confidence": 0.7,
        }
    ]


def test_parts_an_engine_does_not_give_are_null() -> None:
    document = _document(bare())
    empty = {name for name, value in document.items() if value is None}
    assert empty == {"score", "band", "domain_tag", "mask", "explanation", "stability"}


@pytest.mark.parametrize("analysis", [full(), bare()], ids=["full", "bare"])
def test_result_comes_back_as_it_was_written(analysis: Analysis) -> None:
    read = analysis_from_json(_document(analysis))
    if analysis.mask is not None:
        assert read.mask is not None
        assert (read.mask == analysis.mask).all()
    expected = replace(
        analysis,
        mask=None,
        soft_map=None,
        evidence=Evidence(analysis.evidence.items, {}),
        engine=replace(analysis.engine, device="not recorded", gives=read.engine.gives),
    )
    assert replace(read, mask=None) == expected
    assert _document(read) == _document(analysis)


def test_read_engine_gives_the_parts_that_are_there() -> None:
    assert analysis_from_json(_document(full())).engine.gives == {"verdict", "map", "explanation"}
    assert analysis_from_json(_document(bare())).engine.gives == frozenset()


def test_later_documents_are_read_without_what_is_not_known() -> None:
    document = _document(full())
    document["provenance"] = {"signed": True}
    document["picture"]["colour_space"] = "P3"
    document["regions"][0]["outline"] = [[0, 0], [1, 1]]
    document["verdict"] = "partly_synthetic"
    document["findings"][0]["kind"] = "relighting"
    read = analysis_from_json(document)
    assert read.verdict == "partly_synthetic"
    assert read.findings[0].kind == "relighting"
    assert read.picture == full().picture


def test_numbers_that_are_none_become_null() -> None:
    item = replace(full().evidence.items[0], numbers={"ratio": float("nan"), "peak": float("inf")})
    document = analysis_to_json(replace(full(), score=float("nan"), evidence=Evidence((item,), {})))
    assert document["score"] is None
    assert json.loads(json.dumps(document, allow_nan=False))["evidence"][0]["numbers"] == {
        "ratio": None,
        "peak": None,
    }


def test_numpy_numbers_become_plain_ones() -> None:
    item = replace(
        full().evidence.items[0], numbers={"n": np.int64(3), "x": np.float32(0.5), "yes": np.bool_(True)}
    )
    written = _document(replace(full(), evidence=Evidence((item,), {})))["evidence"][0]["numbers"]
    assert written == {"n": 3, "x": 0.5, "yes": True}
    assert written["yes"] is True


def test_value_that_has_no_place_in_json_is_a_mistake_of_ours() -> None:
    item = replace(full().evidence.items[0], numbers={"map": np.zeros(3)})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="ndarray"):
        analysis_to_json(replace(full(), evidence=Evidence((item,), {})))


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        pytest.param("id", None, "id", id="null text"),
        pytest.param("threshold", "high", "threshold", id="text for a number"),
        pytest.param("threshold", True, "threshold", id="truth for a number"),
        pytest.param("threshold", 10**400, "threshold", id="number past any float"),
        pytest.param("picture", [], "picture", id="list for an object"),
        pytest.param("picture.width", 6.5, "picture.width", id="fraction for a whole number"),
        pytest.param("regions", {}, "regions", id="object for a list"),
        pytest.param("regions.0.bbox_xyxy", [1, 2, 3], r"regions\[0\].bbox_xyxy", id="box of three corners"),
        pytest.param("regions.0", 5, r"regions\[0\]", id="number for a region"),
        pytest.param("warnings", [1], "warnings", id="number for a text"),
        pytest.param("explanation.claims.0.text", None, r"explanation.claims\[0\].text", id="deep"),
    ],
)
def test_broken_document_is_refused_with_the_name_of_the_field(
    path: str, value: JsonValue, named: str
) -> None:
    document = copy.deepcopy(_document(full()))
    *way, last = path.split(".")
    part = document
    for step in way:
        part = part[int(step)] if step.isdigit() else part[step]
    part[int(last) if last.isdigit() else last] = value
    with pytest.raises(InputError, match=f"The field {named} "):
        analysis_from_json(document)


@pytest.mark.parametrize("data", [None, [], "text", {}, {"schema_version": 2}], ids=str)
def test_what_is_no_result_is_refused(data: JsonValue) -> None:
    with pytest.raises(InputError):
        analysis_from_json(data)


def test_mask_must_be_as_large_as_its_picture() -> None:
    document = _document(full())
    document["picture"]["width"] = 7
    with pytest.raises(InputError, match="not as large as its picture"):
        analysis_from_json(document)
