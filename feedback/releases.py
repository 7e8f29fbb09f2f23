"""Releases: which accepted items may train, in which group and split, and the manifest that freezes it."""

from __future__ import annotations

import dataclasses
import math
import uuid as uuids
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, cast

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import ReleaseRefused
from fakeshield_core.similarity import near_any
from feedback.blobs import digest_of
from feedback.events import canonical, plain
from feedback.grouping import Member, Place, place
from feedback.records import Content, Item, JsonObject, Kept, Release, ReleaseItem, ReleaseRules, SetAside

SCHEMA = 1
NAMES = uuids.UUID("6f3f5f0e-4f0c-4a63-9a7e-0f5a5e3f9d01")
UNCLEAR = "verdict and mask do not say where tampering is, or that there is none"
FROZEN = "near a picture of a frozen set"
BOTH_SPLITS = "near pictures of both splits"
OVER_SHARE = "over one contributor's share"


def draw_release(
    items: Sequence[Item], earlier: Mapping[str, Place], rules: ReleaseRules
) -> tuple[tuple[ReleaseItem, ...], tuple[SetAside, ...]]:
    """The items of a release and those left out.

    Args:
        items: accepted, with *train*, oldest first.
        earlier: group and split that earlier releases gave an item.
        rules: shares, and the pictures that must never be trained on.

    Raises:
        ReleaseRefused: nothing is left, or the shares are no shares.
    """
    if not (0 < rules.max_share <= 1 and 0 <= rules.holdout_share < 1):
        raise ReleaseRefused("Shares are numbers between 0 and 1; give such as 0.1.")
    left_out: dict[str, str] = {}
    clear = _without(items, left_out, {item.uuid: UNCLEAR for item in items if label(item) is None})
    frozen = near_any([_kept(item).perceptual_hash for item in clear], rules.frozen_hashes)
    free = _without(
        clear, left_out, {item.uuid: FROZEN for item, near in zip(clear, frozen, strict=True) if near}
    )
    capped = _cap(free, left_out, rules.max_share)
    members = [
        Member(item.uuid, _kept(item).perceptual_hash, _kept(item).domain_tag or "") for item in capped
    ]
    places = place(members, earlier, rules.holdout_share)
    whole = _without(capped, left_out, {uuid: BOTH_SPLITS for uuid, spot in places.items() if spot is None})
    final = _cap(whole, left_out, rules.max_share)
    if not final:
        raise ReleaseRefused(_why_empty(items, left_out, rules))
    released = tuple(_line(item, cast("Place", places[item.uuid])) for item in final)
    return released, tuple(
        SetAside(item.uuid, left_out[item.uuid]) for item in items if item.uuid in left_out
    )


def release_uuid(number: int) -> str:
    """Release N has one possible event file."""
    return str(uuids.uuid5(NAMES, str(number)))


def label(item: Item) -> Literal["authentic", "tampered"] | None:
    """What the item teaches; None where its verdict and mask do not agree on anything."""
    content = item.content
    if content is None or content.kept is None:
        return None
    marked = bool(content.kept.mask_area)
    if content.verdict == "tampered" and marked:
        return "tampered"
    return "authentic" if content.verdict == "no_tampering_found" and not marked else None


def release_to_json(release: Release) -> dict[str, JsonValue]:
    """The manifest."""
    document = plain(release)
    del document["manifest_sha256"]
    return document | {"schema": SCHEMA}


def release_from_json(manifest: JsonObject) -> Release:
    """The release a manifest describes."""
    items = cast("list[dict[str, JsonValue]]", manifest["items"])
    aside = cast("list[dict[str, str]]", manifest["set_aside"])
    names = {f.name for f in dataclasses.fields(ReleaseItem)}
    return Release(
        number=cast("int", manifest["number"]),
        created_at=str(manifest["created_at"]),
        manifest_sha256=digest_of(canonical(manifest)),
        items=tuple(_item({k: v for k, v in item.items() if k in names}) for item in items),
        set_aside=tuple(SetAside(entry["uuid"], entry["reason"]) for entry in aside),
        max_share=cast("float", manifest["max_share"]),
        holdout_share=cast("float", manifest["holdout_share"]),
        frozen_pictures=cast("int", manifest["frozen_pictures"]),
    )


def _item(fields: dict[str, JsonValue]) -> ReleaseItem:
    kinds = tuple(cast("list[str]", fields.pop("finding_kinds")))
    return ReleaseItem(finding_kinds=kinds, **fields)  # type: ignore[arg-type]  # as release_to_json wrote it


def _without(items: Sequence[Item], left_out: dict[str, str], reasons: Mapping[str, str]) -> list[Item]:
    left_out.update(reasons)
    return [item for item in items if item.uuid not in reasons]


def _cap(items: Sequence[Item], left_out: dict[str, str], max_share: float) -> list[Item]:
    """The oldest items of each contributor, as many as leave nobody over the share."""
    given = Counter(_contributor(item) for item in items)
    most = next((k for k in range(max(given.values(), default=0), 0, -1) if _fits(k, given, max_share)), 0)
    taken: Counter[str] = Counter()
    kept: list[Item] = []
    for item in items:
        taken[_contributor(item)] += 1
        if taken[_contributor(item)] <= most:
            kept.append(item)
        else:
            left_out[item.uuid] = OVER_SHARE
    return kept


def _fits(most: int, given: Mapping[str, int], max_share: float) -> bool:
    total = sum(min(count, most) for count in given.values())
    return min(most, max(given.values())) <= max_share * total + 1e-9


def _contributor(item: Item) -> str:
    return _kept(item).contributor or ""  # anonymous people share one share


def _kept(item: Item) -> Kept:
    return cast("Kept", cast("Content", item.content).kept)


def _line(item: Item, spot: Place) -> ReleaseItem:
    kept, kind = _kept(item), label(item)
    return ReleaseItem(
        uuid=item.uuid,
        picture_sha256=cast("str", item.picture_sha256),
        mask_sha256=item.mask_sha256 if kind == "tampered" else None,
        kind=cast("Literal['authentic', 'tampered']", kind),
        group=spot.group,
        split=spot.split,
        format=kept.format,
        finding_kinds=kept.finding_kinds,
        domain_tag=kept.domain_tag,
        how_do_you_know=kept.how_do_you_know,
    )


def _why_empty(items: Sequence[Item], left_out: Mapping[str, str], rules: ReleaseRules) -> str:
    if OVER_SHARE in left_out.values():
        people = len({_contributor(item) for item in items if left_out.get(item.uuid) == OVER_SHARE})
        return (
            f"The accepted items come from {people} contributors; with at most {rules.max_share:.0%} from "
            f"each, a release needs {math.ceil(1 / rules.max_share - 1e-9)}. Collect more, or allow a larger "
            "share."
        )
    if not items:
        return "No accepted item may be used for training; review the queue first."
    return (
        f"Each of the {len(items)} accepted items was left out ({', '.join(sorted(set(left_out.values())))})."
    )
