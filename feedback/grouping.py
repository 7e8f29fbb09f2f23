"""Near-duplicate groups and their splits: drawn once, kept for good, never straddled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fakeshield_core.similarity import near_pairs
from feedback.blobs import digest_of
from feedback.records import Split

Near = Mapping[int, set[int]]  # index of a member -> indexes of those near it


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands in a release."""

    group: str  # uuid of the first item of its group
    split: Split


@dataclass(frozen=True, slots=True)
class Member:
    """What grouping needs to know of an item."""

    uuid: str
    perceptual_hash: int
    stratum: str  # the hold-out share is kept within each


def place(
    members: Sequence[Member], earlier: Mapping[str, Place], holdout_share: float
) -> dict[str, Place | None]:
    """Group and split of each member; None where it is near pictures of both splits.

    Args:
        members: oldest first, those placed earlier among them.
        earlier: where earlier releases put an item; that never changes.
        holdout_share: of the groups of each stratum, 0..1; met as nearly as groups placed earlier allow.
    """
    near: dict[int, set[int]] = {index: set() for index in range(len(members))}
    for first, second in near_pairs([member.perceptual_hash for member in members]):
        near[first].add(second)
        near[second].add(first)
    placed = _join(members, near, earlier)
    free = {index for index, member in enumerate(members) if member.uuid not in placed}
    groups = [[members[index] for index in sorted(group)] for group in _components(free, near)]
    for stratum in sorted({group[0].stratum for group in groups}):
        fresh = [group for group in groups if group[0].stratum == stratum]
        known = {spot for m in members if m.stratum == stratum and (spot := placed.get(m.uuid)) is not None}
        placed.update(_draw(fresh, known, holdout_share))
    return placed


def _join(members: Sequence[Member], near: Near, earlier: Mapping[str, Place]) -> dict[str, Place | None]:
    """Members placed earlier, and one after the other those that are near one already placed."""
    placed: dict[str, Place | None] = {m.uuid: earlier[m.uuid] for m in members if m.uuid in earlier}
    waiting = [index for index, member in enumerate(members) if member.uuid not in placed]
    joined = True
    while joined:
        joined = False
        for index in list(waiting):
            around = [spot for other in sorted(near[index]) if (spot := placed.get(members[other].uuid))]
            if around:
                one_split = len({spot.split for spot in around}) == 1
                placed[members[index].uuid] = around[0] if one_split else None
                waiting.remove(index)
                joined = True
    return placed


def _components(free: set[int], near: Near) -> list[set[int]]:
    """Connected sets of free members, by their first."""
    found: list[set[int]] = []
    left = set(free)
    while left:
        group, edge = set(), {min(left)}
        while edge:
            group |= edge
            edge = {other for index in edge for other in near[index] if other in left} - group
        left -= group
        found.append(group)
    return found


def _draw(groups: Sequence[list[Member]], known: set[Place], holdout_share: float) -> dict[str, Place]:
    """Places for new groups of one stratum: the order is a lot, the same one every time."""
    splits = {spot.group: spot.split for spot in known}
    held = sum(split == "holdout" for split in splits.values())
    wanted = round(holdout_share * (len(splits) + len(groups))) - held
    by_lot = sorted(groups, key=lambda group: digest_of(group[0].uuid.encode()))
    places: dict[str, Place] = {}
    for rank, group in enumerate(by_lot):
        spot = Place(group[0].uuid, "holdout" if rank < wanted else "train")
        places.update({member.uuid: spot for member in group})
    return places
