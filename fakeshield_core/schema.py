"""Result schema v1: an Analysis as JSON and back (`schema_read`).

Left out: the soft map (an 8-bit PNG beside the JSON), evidence layers, and the device, parts and limits of
the engine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from fakeshield_core import masks
from fakeshield_core.domain import Analysis, EvidenceItem, Explanation, JsonValue, Region
from fakeshield_core.schema_read import SCHEMA_VERSION, analysis_from_json

__all__ = ["SCHEMA_VERSION", "analysis_from_json", "analysis_to_json"]


def analysis_to_json(analysis: Analysis) -> dict[str, JsonValue]:
    """The result as a JSON document; a number that is none (NaN, infinite) becomes null."""
    facts, engine, stability = analysis.picture, analysis.engine, analysis.stability
    document = {
        "schema_version": SCHEMA_VERSION,
        "id": analysis.id,
        "created_at": analysis.created_at,
        "parents": analysis.parents,
        "picture": {
            "sha256": facts.sha256,
            "width": facts.width,
            "height": facts.height,
            "format": facts.format,
            "orientation": facts.orientation,
            "bytes": facts.bytes,
        },
        "engine": {
            "name": engine.name,
            "version": engine.version,
            "weights": engine.weights,
            "adapter": engine.adapter,
        },
        "verdict": analysis.verdict,
        "score": analysis.score,
        "band": analysis.band,
        "threshold": analysis.threshold,
        "findings": [
            {"kind": finding.kind, "confidence": finding.confidence, "region_id": finding.region_id}
            for finding in analysis.findings
        ],
        "domain_tag": analysis.domain_tag,
        "mask": _mask_to_json(analysis),
        "regions": [_region_to_json(region) for region in analysis.regions],
        "explanation": _explanation_to_json(analysis.explanation) if analysis.explanation else None,
        "evidence": [_item_to_json(item) for item in analysis.evidence.items],
        "stability": {"recompressed": stability.recompressed, "half_size": stability.half_size}
        if stability
        else None,
        "warnings": analysis.warnings,
        "timings_s": analysis.timings_s,
    }
    return {name: _plain(value) for name, value in document.items()}


def _mask_to_json(analysis: Analysis) -> Mapping[str, object] | None:
    if analysis.mask is None:
        return None
    return {
        "rle": masks.encode_rle(analysis.mask),
        "area_fraction": masks.area_fraction(analysis.mask),
        "threshold": analysis.mask_threshold,
        "source": analysis.mask_source,
    }


def _region_to_json(region: Region) -> Mapping[str, object]:
    return {
        "id": region.id,
        "bbox_xyxy": region.bbox_xyxy,
        "area_fraction": region.area_fraction,
        "score": region.score,
        "where": region.where,
    }


def _explanation_to_json(explanation: Explanation) -> Mapping[str, object]:
    return {
        "text": explanation.text,
        "language": explanation.language,
        "claims": [
            {
                "id": claim.id,
                "text": claim.text,
                "kind": claim.kind,
                "region_id": claim.region_id,
                "evidence": claim.evidence,
                "confidence": claim.confidence,
            }
            for claim in explanation.claims
        ],
        "source": explanation.source,
    }


def _item_to_json(item: EvidenceItem) -> Mapping[str, object]:
    return {
        "name": item.name,
        "title": item.title,
        "status": item.status,
        "headline": item.headline,
        "shows": item.shows,
        "cannot_show": item.cannot_show,
        "numbers": item.numbers,
        "region_id": item.region_id,
        "layer": item.layer,
    }


def _plain(value: object) -> JsonValue:
    """Anything an Analysis holds as a JSON value: tuples become lists, NumPy numbers plain ones."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"a value of type {type(value).__name__} has no place in a result")
