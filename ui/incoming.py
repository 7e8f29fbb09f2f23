"""What a browser or a program sends about a case, read field by field; nothing of it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast, get_args

from fakeshield_core.domain import BoolMask, BoxXyxy, Click, FindingKind, JsonValue, Prompts, Verdict
from fakeshield_core.errors import FeedbackInvalid, InputError, MaskShapeMismatch
from fakeshield_core.masks import decode_rle
from feedback.events import read_random_uuid
from feedback.intake import MAX_CLAIMS, MAX_CLICKS, MAX_NAME, MAX_SECONDS, MAX_TEXT, check_text
from feedback.records import ClaimRating, ClaimVerdict, Consent, HowKnown

MOST_PROMPTS = 100  # clicks sent with one question; a person keeps the area long before
MAX_KINDS = 20
CLICKS_WRONG = "The clicks cannot be read; send a list of objects with whole numbers x and y, and positive."
BOX_WRONG = "The box cannot be read; send four whole numbers x0, y0, x1, y1 inside of the picture."
OUTSIDE = "A click lies outside of the picture; click on the picture."
NOT_AN_OBJECT = "The {what} cannot be read; send it as an object."

Word = TypeVar("Word", bound=str)


@dataclass(frozen=True, slots=True)
class Said:
    """A correction as it was sent, without picture and engine, which the case knows."""

    client_uuid: str
    verdict: Verdict
    mask: BoolMask | None  # (H, W) of the picture
    how_do_you_know: HowKnown
    consent: Consent
    finding_kinds: tuple[FindingKind, ...]
    prompts: Prompts
    claim_ratings: tuple[ClaimRating, ...]
    overall_rating: int | None  # 1..5
    rewritten_explanation: str | None
    seconds_spent: float
    supersedes: str | None
    contributor: str | None


@dataclass(frozen=True, slots=True)
class Size:
    """Of the picture, pixels."""

    height: int
    width: int


def read_prompts(value: object, size: Size, most: int = MOST_PROMPTS) -> Prompts:
    """Clicks in the order made, and a box; both inside of the picture.

    Args:
        value: `{clicks: [{x, y, positive}], box_xyxy: [x0, y0, x1, y1] | null}`.
        size: of the picture.
        most: clicks that are accepted.

    Raises:
        InputError: it is something else.
    """
    fields = _object("prompts", value)
    clicks = _list(fields.get("clicks"), CLICKS_WRONG)
    if len(clicks) > most:
        raise InputError(f"At most {most} clicks can be sent at once; keep the area, then go on.")
    box = fields.get("box_xyxy")
    return Prompts(tuple(_click(click, size) for click in clicks), None if box is None else _box(box, size))


def read_mask(value: object, size: Size) -> BoolMask | None:
    """(H, W) of the picture from COCO run lengths; None stays None.

    Raises:
        InputError: these are no run lengths.
        MaskShapeMismatch: they are of another size than the picture.
    """
    if value is None:
        return None
    fields = _object("mask", value)
    given = fields.get("size")
    if isinstance(given, list) and given != [size.height, size.width]:
        raise MaskShapeMismatch(
            f"The mask is not {size.height} pixels high and {size.width} wide as the picture is; "
            "send a mask of this picture."
        )
    return decode_rle(cast("Mapping[str, JsonValue]", fields))


def read_correction(value: object, size: Size) -> Said:
    """A correction; fields it does not name are passed over, those left out say nothing.

    Raises:
        FeedbackInvalid, InputError: a field is of another type, or a word is not known.
    """
    fields = _object("correction", value)
    consent = _consent(fields.get("consent"))
    return Said(
        client_uuid=read_client_uuid(fields),
        verdict=_word("verdict", fields.get("verdict"), get_args(Verdict)),
        mask=read_mask(fields.get("mask_rle"), size),
        how_do_you_know=_how(fields.get("how_do_you_know"), consent),
        consent=consent,
        finding_kinds=_kinds(fields.get("finding_kinds")),
        prompts=read_prompts(fields.get("prompts") or {}, size, MAX_CLICKS),
        claim_ratings=_ratings(fields.get("claim_ratings")),
        overall_rating=_rating(fields.get("overall_rating")),
        rewritten_explanation=_text("rewritten explanation", fields.get("rewritten_explanation"), MAX_TEXT),
        seconds_spent=_seconds(fields.get("seconds_spent")),
        supersedes=_text("receipt it supersedes", fields.get("supersedes")),
        contributor=_text("contributor", fields.get("contributor")),
    )


def read_client_uuid(value: object) -> str:
    """The UUID of a correction in its one usual spelling.

    Raises:
        FeedbackInvalid: there is none, or it is not random.
    """
    return read_random_uuid(cast("str", _object("correction", value).get("client_uuid")))


def read_consent(value: object) -> Consent:
    """The three ticks; one that is left out is not set.

    Raises:
        FeedbackInvalid: a tick is neither true nor false.
    """
    return _consent(value)


def _object(what: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InputError(NOT_AN_OBJECT.format(what=what))
    return value


def _list(value: object, refusal: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError(refusal)
    return value


def _click(value: object, size: Size) -> Click:
    if not isinstance(value, dict):
        raise InputError(CLICKS_WRONG)
    x, y, positive = value.get("x"), value.get("y"), value.get("positive")
    if type(positive) is not bool:
        raise InputError(CLICKS_WRONG)
    column, row = _whole(x, CLICKS_WRONG), _whole(y, CLICKS_WRONG)
    if not (0 <= column < size.width and 0 <= row < size.height):
        raise InputError(OUTSIDE)
    return Click(column, row, positive)


def _box(value: object, size: Size) -> BoxXyxy:
    edges = [_whole(edge, BOX_WRONG) for edge in value] if isinstance(value, list) else []
    if len(edges) != 4:
        raise InputError(BOX_WRONG)
    x0, y0, x1, y1 = edges
    if not (0 <= x0 < x1 <= size.width and 0 <= y0 < y1 <= size.height):
        raise InputError(BOX_WRONG)
    return x0, y0, x1, y1


def _whole(value: object, refusal: str) -> int:
    """A whole number; a browser may write it as 3.0."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise InputError(refusal)


def _word(what: str, value: object, known: tuple[Word, ...]) -> Word:
    if not isinstance(value, str) or value not in known:
        raise FeedbackInvalid(f"The {what} must be one of {', '.join(known)}.")
    return value


def _how(value: object, consent: Consent) -> HowKnown:
    if value is None and not consent.store:
        return "guess"  # not kept without the tick
    return _word("answer to how you know", value, get_args(HowKnown))


def _consent(value: object) -> Consent:
    fields = _object("consent", {} if value is None else value)
    ticks = {name: fields.get(name, False) for name in ("store", "train", "publish")}
    if any(type(tick) is not bool for tick in ticks.values()):
        raise FeedbackInvalid("Each consent must be true or false; tick what may be kept, then save again.")
    return Consent(**cast("dict[str, bool]", ticks))


def _kinds(value: object) -> tuple[FindingKind, ...]:
    refusal = "The kinds of finding cannot be read; send a list of words."
    kinds = _list(value, refusal)
    if len(kinds) > MAX_KINDS:
        raise FeedbackInvalid(refusal)
    return tuple(dict.fromkeys(_word("kind of finding", kind, get_args(FindingKind)) for kind in kinds))


def _ratings(value: object) -> tuple[ClaimRating, ...]:
    refusal = "The ratings of claims cannot be read; send a list of objects with claim_id and rating."
    ratings = _list(value, refusal)
    if len(ratings) > MAX_CLAIMS:
        raise FeedbackInvalid(f"Rate each claim once, and at most {MAX_CLAIMS} of them.")
    return tuple(_claim_rating(rating, refusal) for rating in ratings)


def _claim_rating(value: object, refusal: str) -> ClaimRating:
    if not isinstance(value, dict) or not isinstance(value.get("claim_id"), str):
        raise FeedbackInvalid(refusal)
    return ClaimRating(
        value["claim_id"], _word("rating of a claim", value.get("rating"), get_args(ClaimVerdict))
    )


def _rating(value: object) -> int | None:
    if value is not None and (type(value) is not int or not 1 <= value <= 5):
        raise FeedbackInvalid("The rating of the explanation must be a whole number from 1 to 5.")
    return value


def _text(what: str, value: object, longest: int = MAX_NAME) -> str | None:
    if value is None:
        return None
    check_text(what, cast("str", value), longest)
    return cast("str", value) or None


def _seconds(value: object) -> float:
    if value is None:
        return 0.0
    if type(value) not in (int, float) or not 0 <= cast("float", value) <= MAX_SECONDS:
        raise FeedbackInvalid("The seconds spent must be a number between 0 and a week.")
    return float(cast("float", value))
