"""The stub segmenter: adds a disc round a positive click, takes one away round a negative. For tests only."""

from __future__ import annotations

import numpy as np

from fakeshield_core.clicks import prior_of
from fakeshield_core.domain import BoolMask, Candidates, Click, Embedding, Logits, Prompts
from fakeshield_core.picture import Picture
from fakeshield_core.segmenters import check_belongs

NAME = "stub:none"
RADIUS_FRACTION = 0.05  # of the longer side
RADIUS_PX = 4  # in small pictures
SCALES = (1.0, 2.0, 0.5)  # of the discs of the candidates
SCORES = (0.9, 0.7, 0.5)


class StubSegmenter:
    """Geometry without looking at the picture."""

    def embed(self, picture: Picture) -> Embedding:
        """Remembers the size, nothing else."""
        height, width = picture.rgb.shape[:2]
        return Embedding(picture.facts.sha256, NAME, height, width, {"nothing": np.zeros(1, np.float16)})

    def segment(self, embedding: Embedding, prompts: Prompts, prior: Logits | None = None) -> Candidates:
        """Three candidates for a single positive click, one otherwise; the prior is not looked at.

        Newest click positive, or a box alone: the box and the discs of the positive clicks without those of
        the negative ones. Newest click negative: everything but these, so that just a disc is taken from any
        mask.

        Raises:
            InputError: the embedding is another segmenter's.
        """
        check_belongs(embedding, NAME)
        single = len(prompts.clicks) == 1 and prompts.clicks[0].positive and prompts.box_xyxy is None
        number = len(SCALES) if single else 1
        masks = tuple(_painted(embedding, prompts, scale) for scale in SCALES[:number])
        return Candidates(masks, SCORES[:number], tuple(prior_of(mask) for mask in masks))


def disc(height: int, width: int, click: Click, scale: float = 1.0) -> BoolMask:
    """(height, width), True within 5 % of the longer side (times `scale`, at least 4 pixels) of the click."""
    radius = max(RADIUS_PX, RADIUS_FRACTION * max(height, width)) * scale
    ys, xs = np.ogrid[:height, :width]
    inside: BoolMask = (ys - click.y) ** 2 + (xs - click.x) ** 2 <= radius**2
    return inside


def _painted(embedding: Embedding, prompts: Prompts, scale: float) -> BoolMask:
    erases = bool(prompts.clicks) and not prompts.clicks[-1].positive
    mask = np.full((embedding.height, embedding.width), erases)
    if prompts.box_xyxy is not None:
        x0, y0, x1, y1 = (max(edge, 0) for edge in prompts.box_xyxy)
        mask[y0:y1, x0:x1] = True
    for click in sorted(prompts.clicks, key=lambda click: not click.positive):
        mask[disc(embedding.height, embedding.width, click, scale)] = click.positive
    return mask
