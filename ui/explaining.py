"""A person's mask explained: the measurements made anew for it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from fakeshield_core.domain import (
    BoolMask,
    ClaimsReady,
    Explainer,
    Explanation,
    JsonValue,
    MapReady,
    VerdictReady,
)
from fakeshield_core.errors import EngineOutputInvalid
from fakeshield_core.picture import Picture
from feedback.events import plain
from ui import canvas
from ui.answers import Answer
from ui.cases import Case
from ui.render_reasons import claims_or_word
from ui.state import PageView, localise

HALF = 0.5  # between unmarked and marked pixels


def explain_mask(case: Case, picture: Picture, mask: BoolMask, explainer: Explainer) -> Answer:
    """`{claims: [{id, text, kind, region_id, evidence, confidence}], text, html, regions}`.

    Args:
        case: whose map gives the regions' scores.
        picture: of the case.
        mask: (H, W), True = tampered.
        explainer: whose words they are.
    """
    explanation = _explained(case, picture, mask, explainer)
    view = PageView(
        run="",
        verdict=VerdictReady("not_given", None, None, HALF),
        localised=localise(MapReady(mask.astype(np.float32), HALF)),
        explanation=explanation,
    )
    return {
        "claims": [cast("JsonValue", plain(claim)) for claim in explanation.claims],
        "text": explanation.text,
        "html": claims_or_word(view),
        "regions": canvas.snapshot(view)["regions"],
    }


def _explained(case: Case, picture: Picture, mask: BoolMask, explainer: Explainer) -> Explanation:
    prior = replace(case.analysis(), verdict="not_given")  # the engine's verdict is not about this mask
    for update in explainer.explain(picture, mask, prior.evidence, prior):
        if isinstance(update, ClaimsReady):
            return update.explanation
    raise EngineOutputInvalid("The mask was not explained; try it once more.")
