"""Reads result schema v1.

Only fields are ever added, so a reader passes over those it does not know and keeps words it does not know as
they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from fakeshield_core import masks
from fakeshield_core.domain import (
    Analysis,
    BoolMask,
    Claim,
    EngineInfo,
    Evidence,
    EvidenceItem,
    EvidenceStatus,
    Explanation,
    Finding,
    FindingKind,
    JsonValue,
    Part,
    PictureFacts,
    Region,
    Stability,
    Verdict,
)
from fakeshield_core.errors import InputError
from fakeshield_core.schema_fields import Fields

SCHEMA_VERSION = 1
NOT_RECORDED = "not recorded"


def analysis_from_json(data: JsonValue) -> Analysis:
    """The result in a JSON document, which may come from anywhere and from a later version.

    What the document does not hold: the soft map is None, the layers are empty, the engine's device is
    "not recorded", and it gives the parts that are there.

    Raises:
        InputError: another schema version, or a field is missing or of another type; the sentence names it.
    """
    fields = Fields.of(data)
    if fields.whole("schema_version") != SCHEMA_VERSION:
        raise InputError("This result has another schema version; open it with the version that wrote it.")
    facts = _facts(fields.child("picture"))
    threshold = fields.number("threshold")
    mask_fields, explanation = fields.optional_child("mask"), fields.optional_child("explanation")
    mask = _read_mask(mask_fields, facts) if mask_fields else None
    stability, band = fields.optional_child("stability"), fields.numbers("band")
    verdict = cast(Verdict, fields.text("verdict"))
    parts = {
        "verdict": verdict != "not_given",
        "map": mask is not None,
        "explanation": explanation is not None,
    }
    return Analysis(
        id=fields.text("id"),
        created_at=fields.text("created_at"),
        picture=facts,
        engine=_engine(fields.child("engine"), parts),
        verdict=verdict,
        score=fields.optional_number("score"),
        band=(band[0], band[1]) if len(band) == 2 else None,
        threshold=threshold,
        findings=tuple(_finding(item) for item in fields.children("findings")),
        mask=mask,
        mask_threshold=mask_fields.number("threshold") if mask_fields else threshold,
        mask_source="person" if mask_fields and mask_fields.text("source") == "person" else "engine",
        regions=tuple(_region(item) for item in fields.children("regions")),
        explanation=_explanation(explanation) if explanation else None,
        evidence=Evidence(tuple(_item(item) for item in fields.children("evidence")), {}),
        stability=Stability(stability.number("recompressed"), stability.number("half_size"))
        if stability
        else None,
        domain_tag=fields.optional_mapping("domain_tag"),
        parents=fields.texts("parents"),
        warnings=fields.texts("warnings"),
        timings_s=fields.number_mapping("timings_s"),
    )


def _facts(fields: Fields) -> PictureFacts:
    return PictureFacts(
        sha256=fields.text("sha256"),
        width=fields.whole("width"),
        height=fields.whole("height"),
        format=fields.text("format"),
        orientation=fields.whole("orientation"),
        bytes=fields.whole("bytes"),
    )


def _engine(fields: Fields, parts: Mapping[str, bool]) -> EngineInfo:
    return EngineInfo(
        name=fields.text("name"),
        version=fields.text("version"),
        weights=fields.text("weights"),
        adapter=fields.optional_text("adapter"),
        device=NOT_RECORDED,
        gives=frozenset(cast(Part, name) for name, given in parts.items() if given),
    )


def _read_mask(fields: Fields, facts: PictureFacts) -> BoolMask:
    mask = masks.decode_rle(fields.child("rle").values)
    if mask.shape != (facts.height, facts.width):
        raise InputError("The mask of this result is not as large as its picture; ask for the result again.")
    return mask


def _finding(fields: Fields) -> Finding:
    kind = cast(FindingKind, fields.text("kind"))
    return Finding(kind, fields.number("confidence"), fields.optional_whole("region_id"))


def _region(fields: Fields) -> Region:
    box = fields.wholes("bbox_xyxy")
    if len(box) != 4:
        raise fields.wrong("bbox_xyxy")
    return Region(
        id=fields.whole("id"),
        bbox_xyxy=(box[0], box[1], box[2], box[3]),
        area_fraction=fields.number("area_fraction"),
        score=fields.number("score"),
        where=fields.text("where"),
    )


def _explanation(fields: Fields) -> Explanation:
    return Explanation(
        text=fields.text("text"),
        language=fields.text("language"),
        claims=tuple(_claim(item) for item in fields.children("claims")),
        source=fields.text("source"),
    )


def _claim(fields: Fields) -> Claim:
    return Claim(
        id=fields.text("id"),
        text=fields.text("text"),
        kind=fields.text("kind"),
        region_id=fields.optional_whole("region_id"),
        evidence=fields.optional_mapping("evidence") or {},
        confidence=fields.optional_number("confidence"),
    )


def _item(fields: Fields) -> EvidenceItem:
    return EvidenceItem(
        name=fields.text("name"),
        title=fields.text("title"),
        status=cast(EvidenceStatus, fields.text("status")),
        headline=fields.text("headline"),
        shows=fields.text("shows"),
        cannot_show=fields.text("cannot_show"),
        numbers=fields.optional_mapping("numbers") or {},
        region_id=fields.optional_whole("region_id"),
        layer=fields.optional_text("layer"),
    )
