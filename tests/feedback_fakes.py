"""Builders of what people send, shared by the tests of the store."""

from __future__ import annotations

import uuid
from functools import cache
from typing import Any

import numpy as np

from fakeshield_core.domain import BoolMask, Click, Prompts
from fakeshield_core.picture import Picture
from feedback.records import ClaimRating, Consent, Correction, EngineDigests, Item, ReleaseRules
from feedback.store import FeedbackStore
from tests.fakes import pictured, textured

HEIGHT, WIDTH = 48, 64
ALL = Consent(store=True, train=True, publish=True)
NOTHING = Consent()
ENGINE = EngineDigests("compact", "1", "0123456789ab", "ba9876543210")
EVERYONE = ReleaseRules(max_share=1.0)


def as_random(named: uuid.UUID) -> str:
    """A UUID made from a name in the form of a random one: the same each time, and a client may send it."""
    return str(uuid.UUID(bytes=named.bytes, version=4))


@cache
def picture(seed: int = 0) -> Picture:
    """A small picture of its own scene for each seed."""
    return pictured(textured(HEIGHT, WIDTH, seed))


def mask(width: int = 20) -> BoolMask:
    """A rectangle of that width."""
    marked = np.zeros((HEIGHT, WIDTH), bool)
    marked[8:30, 4 : 4 + width] = True
    return marked


def correction(seed: int = 0, **changes: Any) -> Correction:
    """A complete correction of the picture of that seed, all consents given, with a fresh UUID."""
    given: dict[str, Any] = {
        "client_uuid": str(uuid.uuid4()),
        "picture": picture(seed),
        "analysis_id": f"analysis-{seed}",
        "engine": ENGINE,
        "verdict": "tampered",
        "mask": mask(),
        "how_do_you_know": "made_the_edit",
        "consent": ALL,
        "finding_kinds": ("splice",),
        "domain_tag": "phone",
        "prompts": Prompts((Click(9, 10, True), Click(40, 30, False)), (4, 8, 24, 30)),
        "claim_ratings": (ClaimRating("c1", "right"), ClaimRating("c2", "not_there")),
        "overall_rating": 4,
        "rewritten_explanation": "The heron was pasted: überall glatt.",
        "seconds_spent": 31.5,
        "contributor": "heron-17",
        "analysis": {"schema_version": 1, "id": f"analysis-{seed}"},
    }
    return Correction(**(given | changes))


def accepted(
    store: FeedbackStore, number: int, people: int = 1, first_seed: int = 0, **changes: Any
) -> list[Item]:
    """That many accepted corrections of different scenes, from so many people in turn."""
    items = []
    for index in range(number):
        sent = correction(first_seed + index, contributor=f"person-{index % people}", **changes)
        items.append(store.review(store.save_correction(sent).code, "accept", "operator"))
    return items
