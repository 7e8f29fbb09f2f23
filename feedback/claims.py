"""How often claims are right by those who rated them, and what that says of their confidences.

Only ratings of accepted corrections that may train count, where the result was kept: it tells each claim's
kind and confidence.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import StoreUnavailable
from fakeshield_core.explain.offsets import MOST
from feedback.records import ClaimVerdict, Item
from feedback.store import FeedbackStore

log = logging.getLogger(__name__)

RIGHT: dict[ClaimVerdict, bool] = {"right": True, "wrong_place": False, "not_there": False}
PRIOR_LOGITS = 0.5  # how far, typically, a kind is expected to be off: few ratings move little
LEAST = 0.01  # a confidence nearer to 0 or 1 was never told, and is left out
STEPS = 60  # of bisection: below the precision of a float


@dataclass(frozen=True, slots=True)
class RatedClaim:
    """One claim that somebody could tell right from wrong."""

    kind: str
    confidence: float  # as stated, 0 < confidence < 1, with whatever offset it had then taken off
    is_right: bool


@dataclass(frozen=True, slots=True)
class KindOfClaim:
    """All ratings of one kind of claim."""

    kind: str
    ratings: int
    right: int
    stated: float  # mean confidence of these claims, 0..1
    offset: float  # logits, added to the confidence of every claim of this kind


def rated_claims(store: FeedbackStore) -> Iterator[RatedClaim]:
    """Every rating that tells right from wrong, of a claim with a confidence, oldest correction first.

    A correction whose result cannot be read is left out, and logged.
    """
    for item in store.items("accepted"):
        if not item.consent.train or item.analysis_sha256 is None:
            continue
        try:
            result = store.blob(item.analysis_sha256)
        except StoreUnavailable as error:
            log.warning("ratings of item %s are left out: %s", item.uuid, error)
            continue
        yield from _rated(item, json.loads(result))


def learn_offsets(rated: Iterable[RatedClaim]) -> tuple[KindOfClaim, ...]:
    """By kind, in alphabetical order: the offset that makes stated confidences fit the ratings best.

    The offset is the most probable one where offsets are normally distributed about 0 with PRIOR_LOGITS.
    """
    kinds: dict[str, list[RatedClaim]] = {}
    for claim in rated:
        kinds.setdefault(claim.kind, []).append(claim)
    return tuple(_kind(kind, claims) for kind, claims in sorted(kinds.items()))


def _kind(kind: str, claims: Sequence[RatedClaim]) -> KindOfClaim:
    right = sum(claim.is_right for claim in claims)
    stated = sum(claim.confidence for claim in claims) / len(claims)
    logits = [math.log(claim.confidence / (1 - claim.confidence)) for claim in claims]

    def slope(offset: float) -> float:  # of the log posterior; falls everywhere
        expected = sum(1 / (1 + math.exp(-logit - offset)) for logit in logits)
        return right - expected - offset / PRIOR_LOGITS**2

    low, high = -MOST, MOST
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return KindOfClaim(kind, len(claims), right, round(stated, 3), round((low + high) / 2, 3))


def _rated(item: Item, result: JsonValue) -> Iterator[RatedClaim]:
    claims = {str(claim.get("id")): claim for claim in _claims(result)}
    for rating in item.content.claim_ratings if item.content else ():
        claim = claims.get(rating.claim_id)
        if claim is None or rating.rating not in RIGHT:
            continue
        kind, confidence = claim.get("kind"), claim.get("confidence")
        if isinstance(kind, str) and isinstance(confidence, float) and LEAST <= confidence <= 1 - LEAST:
            yield RatedClaim(kind, _as_measured(claim, confidence), RIGHT[rating.rating])


def _claims(result: JsonValue) -> list[dict[str, JsonValue]]:
    """The claims of a kept result; none where it has no explanation."""
    explanation = result.get("explanation") if isinstance(result, dict) else None
    claims = explanation.get("claims") if isinstance(explanation, dict) else None
    return [claim for claim in claims if isinstance(claim, dict)] if isinstance(claims, list) else []


def _as_measured(claim: dict[str, JsonValue], confidence: float) -> float:
    """The confidence without the offset it was told with: offsets are not learnt one on another."""
    evidence = claim.get("evidence")
    offset = evidence.get("confidence_offset") if isinstance(evidence, dict) else None
    told_with = offset if isinstance(offset, float) and abs(offset) <= MOST else 0.0
    logit = math.log(confidence / (1 - confidence)) - told_with
    return 1 / (1 + math.exp(-logit))
