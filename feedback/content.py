"""Content as JSON and back; unknown fields are passed over, since later versions may write more."""

from __future__ import annotations

from typing import cast

from fakeshield_core.domain import Click, JsonValue, Prompts
from feedback.events import plain
from feedback.records import ClaimRating, Consent, Content, EngineDigests, JsonObject, Kept


def content_to_json(content: Content) -> dict[str, JsonValue]:
    """A JSON object that `content_from_json` reads; `kept` is left out where nothing of it is kept."""
    document = plain(content)
    if content.kept is None:
        del document["kept"]
    else:
        cast("dict[str, JsonValue]", document["kept"])["perceptual_hash"] = (
            f"{content.kept.perceptual_hash:016x}"
        )
    return document


def content_from_json(document: JsonObject) -> Content:
    """The content as it was.

    Raises:
        KeyError, TypeError, ValueError: a field is missing or of another type.
    """
    return Content(
        verdict=document["verdict"],  # type: ignore[arg-type]  # written by content_to_json
        engine=engine_from_json(_object(document["engine"])),
        claim_ratings=claim_ratings_from_json(document["claim_ratings"]),
        overall_rating=cast("int | None", document["overall_rating"]),
        consent=consent_from_json(_object(document["consent"])),
        kept=_kept(_object(document["kept"])) if "kept" in document else None,
    )


def engine_from_json(document: JsonObject) -> EngineDigests:
    """The engine's name and digests."""
    return EngineDigests(
        name=str(document["name"]),
        version=str(document["version"]),
        weights=str(document["weights"]),
        adapter=_text(document["adapter"]),
    )


def consent_from_json(document: JsonObject) -> Consent:
    """The three ticks."""
    return Consent(
        store=document["store"] is True, train=document["train"] is True, publish=document["publish"] is True
    )


def claim_ratings_from_json(document: JsonValue) -> tuple[ClaimRating, ...]:
    """The ratings in their order."""
    ratings = cast("list[dict[str, str]]", document)
    return tuple(ClaimRating(r["claim_id"], r["rating"]) for r in ratings)  # type: ignore[arg-type]


def _kept(document: JsonObject) -> Kept:
    names = ("analysis_id", "width", "height", "format", "mask_area", "how_do_you_know", "domain_tag")
    more = ("rewritten_explanation", "seconds_spent", "contributor")
    plain = {name: document[name] for name in (*names, *more)}
    return Kept(
        **plain,  # type: ignore[arg-type]  # written by content_to_json
        perceptual_hash=int(str(document["perceptual_hash"]), 16),
        finding_kinds=tuple(cast("list[str]", document["finding_kinds"])),  # type: ignore[arg-type]
        prompts=_prompts(_object(document["prompts"])),
    )


def _prompts(document: JsonObject) -> Prompts:
    clicks = cast("list[dict[str, int]]", document["clicks"])
    box = cast("list[int] | None", document["box_xyxy"])
    return Prompts(
        clicks=tuple(Click(c["x"], c["y"], bool(c["positive"])) for c in clicks),
        box_xyxy=None if box is None else (box[0], box[1], box[2], box[3]),
    )


def _object(value: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise TypeError(f"an object is expected, not {type(value).__name__}")
    return value


def _text(value: JsonValue) -> str | None:
    return None if value is None else str(value)
