"""What a person sent, checked, and reduced to what the consent allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

from fakeshield_core.domain import FindingKind, Verdict
from fakeshield_core.errors import FeedbackInvalid, MaskShapeMismatch
from fakeshield_core.imaging import encode_mask_png
from fakeshield_core.masks import area_fraction
from fakeshield_core.similarity import perceptual_hash
from feedback.events import canonical
from feedback.records import (
    ClaimRating,
    ClaimVerdict,
    Consent,
    Content,
    Correction,
    HowKnown,
    Kept,
)

MAX_TEXT = 5000  # characters of a rewritten explanation
MAX_NAME = 200  # characters of an id, a tag or a pseudonym
MAX_CLICKS = 1000
MAX_CLAIMS = 200
MAX_SECONDS = 7 * 24 * 3600.0
PICTURE, MASK, ANALYSIS = "picture", "mask", "analysis"  # roles of blobs


@dataclass(frozen=True, slots=True)
class Intake:
    """What will be kept."""

    content: Content
    blobs: dict[str, bytes]  # role -> bytes; empty without the *store* tick


def take_in(correction: Correction) -> Intake:
    """Checks a correction and leaves out what the consent does not cover.

    Without *store* only verdict, ratings, claim ids and engine digests are left.

    Raises:
        FeedbackInvalid: a value cannot be kept; the sentence names it.
        MaskShapeMismatch: the mask is not the size of the picture.
    """
    check_consent(correction.consent)
    check_ratings(correction.claim_ratings, correction.overall_rating)
    _check_engine(correction)
    _one_of("verdict", correction.verdict, get_args(Verdict))
    kept, blobs = None, {}
    if correction.consent.store:
        _check_kept(correction)
        kept, blobs = _kept(correction), _blobs(correction)
    content = Content(
        verdict=correction.verdict,
        engine=correction.engine,
        claim_ratings=correction.claim_ratings,
        overall_rating=correction.overall_rating,
        consent=correction.consent,
        kept=kept,
    )
    return Intake(content, blobs)


def check_consent(consent: Consent) -> None:
    """Training and publishing use the stored picture.

    Raises:
        FeedbackInvalid: one is ticked without *store*.
    """
    if (consent.train or consent.publish) and not consent.store:
        raise FeedbackInvalid(
            "Training and publishing use the stored picture; tick keeping the picture too, or untick them."
        )


def check_ratings(claims: tuple[ClaimRating, ...], overall: int | None) -> None:
    """Ratings are known words, and 1 to 5.

    Raises:
        FeedbackInvalid: one is not.
    """
    if overall is not None and (type(overall) is not int or not 1 <= overall <= 5):
        raise FeedbackInvalid("The rating of the explanation must be a whole number from 1 to 5.")
    if len(claims) > MAX_CLAIMS or len({claim.claim_id for claim in claims}) != len(claims):
        raise FeedbackInvalid(f"Rate each claim once, and at most {MAX_CLAIMS} of them.")
    for claim in claims:
        check_text("claim id", claim.claim_id, 20)
        _one_of("rating of a claim", claim.rating, get_args(ClaimVerdict))


def check_text(what: str, text: str | None, longest: int = MAX_NAME) -> None:
    """Text fits and can be stored anywhere.

    Raises:
        FeedbackInvalid: it is too long, or holds what a database cannot.
    """
    if text is None:
        return
    if not isinstance(text, str) or len(text) > longest:
        raise FeedbackInvalid(f"The {what} must be text of at most {longest} characters; shorten it.")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise FeedbackInvalid(f"The {what} holds characters that are no text; remove them.")


def _check_engine(correction: Correction) -> None:
    engine = correction.engine
    for text in (engine.name, engine.version, engine.weights, engine.adapter):
        check_text("engine's name or digest", text)


def _check_kept(correction: Correction) -> None:
    check_text("rewritten explanation", correction.rewritten_explanation, MAX_TEXT)
    for what in ("analysis_id", "domain_tag", "contributor"):
        check_text(what.replace("_", " "), getattr(correction, what))
    _one_of("answer to how you know", correction.how_do_you_know, get_args(HowKnown))
    for kind in correction.finding_kinds:
        _one_of("kind of finding", kind, get_args(FindingKind))
    if len(correction.prompts.clicks) > MAX_CLICKS:
        raise FeedbackInvalid(f"At most {MAX_CLICKS} clicks can be kept; undo some.")
    if not math.isfinite(correction.seconds_spent) or not 0 <= correction.seconds_spent <= MAX_SECONDS:
        raise FeedbackInvalid("The seconds spent must be between 0 and a week.")
    facts = correction.picture.facts
    if correction.mask is not None and correction.mask.shape != (facts.height, facts.width):
        raise MaskShapeMismatch(
            f"The mask is {correction.mask.shape}, the picture {(facts.height, facts.width)}; "
            "draw the mask on this picture."
        )


def _kept(correction: Correction) -> Kept:
    facts = correction.picture.facts
    return Kept(
        analysis_id=correction.analysis_id,
        width=facts.width,
        height=facts.height,
        format=facts.format,
        perceptual_hash=perceptual_hash(correction.picture.rgb),
        mask_area=None if correction.mask is None else area_fraction(correction.mask),
        how_do_you_know=correction.how_do_you_know,
        finding_kinds=correction.finding_kinds,
        domain_tag=correction.domain_tag,
        prompts=correction.prompts,
        rewritten_explanation=correction.rewritten_explanation,
        seconds_spent=float(correction.seconds_spent),
        contributor=correction.contributor,
    )


def _blobs(correction: Correction) -> dict[str, bytes]:
    blobs = {PICTURE: correction.picture.data}
    if correction.mask is not None:
        blobs[MASK] = encode_mask_png(correction.mask)
    if correction.analysis is not None:
        try:
            blobs[ANALYSIS] = canonical(correction.analysis)
        except ValueError as error:
            raise FeedbackInvalid("The analysis cannot be kept as JSON; send it as it was given.") from error
    return blobs


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise FeedbackInvalid(f"The {what} must be one of {', '.join(known)}.")
