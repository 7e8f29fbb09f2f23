"""A planted domain: procedural forgeries under a degradation that hides them from the base, with their truth.

Regions come from negatives with strong grain; then the whole picture is shrunk, enlarged again and compressed
hard. What is left of the grain gives them away to whoever has learnt to look for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.imaging import decode
from fakeshield_core.synthesis.forgeries import forge
from fakeshield_core.synthesis.history import jpeg_bytes, noisy, resized
from fakeshield_core.synthesis.scenes import scene
from feedback.records import Consent, Correction, EngineDigests
from feedback.store import FeedbackStore
from finetune.base import FREE
from tests.feedback_fakes import as_random

SIDE = 128  # pixels
PEOPLE = 12  # contributors, each with less than a tenth of the corrections
DOMAIN = "messenger"
NAMES = uuid.UUID("b3a1c3c8-52f5-4d3c-8a7e-0a52a52d1c11")
GIVEN = Consent(store=True, train=True, publish=False)
BASE = EngineDigests("compact", "1", "0123456789ab", None)


@dataclass(frozen=True)
class Planted:
    """One forgery of the domain."""

    group: int
    data: bytes  # JPEG
    mask: BoolMask


@cache
def planted(group: int, side: int = SIDE) -> Planted:
    rng = np.random.default_rng([9, group])
    donor = scene(FREE[(group - FREE[0] + 61) % len(FREE)], side, side)
    cutout = donor.objects[0] if donor.objects else None
    forged = forge(scene(group, side, side).rgb, noisy(255 - donor.rgb, 25, rng), "splice", rng, cutout)
    return Planted(group, jpeg_bytes(_shrunk(forged.rgb, rng), 50), forged.mask)


def corrections(groups: Sequence[int], marked: Callable[[BoolMask], BoolMask]) -> Iterator[Correction]:
    for number, group in enumerate(groups):
        made = planted(group)
        yield Correction(
            client_uuid=as_random(uuid.uuid5(NAMES, str(group))),
            picture=decode(made.data, f"{group}.jpg"),
            analysis_id=f"analysis-{group}",
            engine=BASE,
            verdict="tampered",
            mask=marked(made.mask),
            how_do_you_know="made_the_edit",
            consent=GIVEN,
            finding_kinds=("splice",),
            domain_tag=DOMAIN,
            contributor=f"person-{number % PEOPLE}",
        )


def true_mask(mask: BoolMask) -> BoolMask:
    return mask


def inverted(mask: BoolMask) -> BoolMask:
    return ~mask


def accept_corrections(
    store: FeedbackStore,
    groups: Sequence[int] = FREE,
    marked: Callable[[BoolMask], BoolMask] = true_mask,
) -> list[str]:
    """Saves and accepts a correction for each group; their receipts."""
    codes = []
    for correction in corrections(groups, marked):
        codes.append(store.save_correction(correction).code)
        store.review(codes[-1], "accept", "operator")
    return codes


def _shrunk(rgb: RgbImage, rng: np.random.Generator) -> RgbImage:
    side = len(rgb)
    return resized(resized(rgb, side // 2, side // 2, rng), side, side, rng)
