"""The compact engine's explainer: every sentence comes from a measurement."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fakeshield_core import masks
from fakeshield_core.domain import (
    Analysis,
    BoolMask,
    ClaimsReady,
    Evidence,
    EvidenceReady,
    Explanation,
    SoftMap,
    TextChunk,
    Update,
    Verdict,
)
from fakeshield_core.errors import MaskShapeMismatch
from fakeshield_core.evidence import compare, measure
from fakeshield_core.explain.claims import claims_from
from fakeshield_core.explain.note import sentences
from fakeshield_core.picture import Picture

LEADS: dict[Verdict, str] = {  # where a mask comes with a verdict that does not stand behind it
    "no_tampering_found": "The score stays below the threshold; the marks are the map's strongest places.",
    "inconclusive": "The score does not decide; the marks are the map's strongest places.",
}


class GroundedExplainer:
    """Explains any mask, an engine's or a person's, from measurements alone. Stateless."""

    def explain(
        self, picture: Picture, mask: BoolMask, evidence: Evidence, prior: Analysis | None
    ) -> Iterator[Update]:
        """EvidenceReady (compared with the mask's regions), a TextChunk a sentence, then ClaimsReady.

        Args:
            picture: the picture.
            mask: (H, W) of the picture, True = tampered; may be empty.
            evidence: of `evidence.measure`; measured anew where it comes without grids, as read from a file.
            prior: its soft map gives the regions' scores; without one they are 1.

        Raises:
            MaskShapeMismatch: the mask does not fit the picture.
        """
        height, width = picture.rgb.shape[:2]
        if mask.shape != (height, width):
            raise MaskShapeMismatch(
                f"The mask is {mask.shape[1]} × {mask.shape[0]} pixels and the picture {width} × {height}; "
                "use a mask of this picture."
            )
        regions = masks.regions(mask, _soft_map(mask, prior))
        labels = masks.label_regions(mask, masks.min_region_px(height, width)).labels
        compared = compare(evidence if evidence.grids else measure(picture), labels, regions)
        yield EvidenceReady(compared)
        claims = claims_from(compared, regions)
        told: list[str] = []
        lead = LEADS.get(prior.verdict) if prior is not None and regions else None
        for sentence in (*filter(None, [lead]), *sentences(claims, compared, regions)):
            told.append(sentence if not told else f" {sentence}")
            yield TextChunk(told[-1])
        yield ClaimsReady(Explanation("".join(told), "en", claims, "measured"))


def _soft_map(mask: BoolMask, prior: Analysis | None) -> SoftMap:
    if prior is not None and prior.soft_map is not None and prior.soft_map.shape == mask.shape:
        return prior.soft_map
    return mask.astype(np.float32)
