"""Who trains: labels, shares, near-duplicate groups and splits that hold for good."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

import pytest

from fakeshield_core.errors import ReleaseRefused
from feedback.grouping import Member, Place, place
from feedback.records import Consent, Content, Item, Kept, ReleaseRules
from feedback.releases import draw_release, label, release_from_json, release_to_json
from tests.feedback_fakes import ALL, ENGINE


def spread(number: int) -> int:
    """A hash that is near no other number's: two of them differ in about 31 of 63 bits."""
    return int.from_bytes(uuid.uuid5(uuid.NAMESPACE_OID, str(number)).bytes[:8], "big") >> 1


FAR = [spread(number) for number in range(16)]


def near(value: int, bits: int = 4) -> int:
    """A hash that differs in that many bits."""
    return value ^ ((1 << bits) - 1)


def item(number: int, person: str | None = "a", **changes: Any) -> Item:
    """An accepted item; numbers give its age and its scene."""
    given: dict[str, Any] = {"verdict": "tampered", "mask_area": 0.2, "hash": number << 32 ^ number * 77}
    given |= changes
    kept = Kept(
        "a", 64, 48, "PNG", given["hash"], given["mask_area"], "guess", (), changes.get("domain"),
        prompts=None, rewritten_explanation=None, seconds_spent=1.0, contributor=person,  # type: ignore[arg-type]
    )  # fmt: skip
    content = Content(given["verdict"], ENGINE, (), None, ALL, kept)
    name = str(uuid.UUID(int=number + 1))
    return Item(
        name, f"r{number}", f"{number:06}", "accepted", ALL, content, "ab" * 32, "cd" * 32, None, None, None
    )


def scattered(number: int, person: str | None = "a", **changes: Any) -> Item:
    """An item whose picture is near no other's."""
    return item(number, person, hash=spread(number), **changes)


EVERYONE = ReleaseRules(max_share=1.0)


@pytest.mark.parametrize(
    ("verdict", "mask_area", "taught"),
    [
        ("tampered", 0.2, "tampered"),
        ("tampered", 0.0, None),
        ("tampered", None, None),
        ("no_tampering_found", None, "authentic"),
        ("no_tampering_found", 0.0, "authentic"),
        ("no_tampering_found", 0.3, None),
        ("inconclusive", 0.3, None),
        ("synthetic", None, None),
    ],
)
def test_verdict_and_mask_must_agree_to_teach(
    verdict: str, mask_area: float | None, taught: str | None
) -> None:
    assert label(item(1, verdict=verdict, mask_area=mask_area)) == taught


def test_items_that_teach_nothing_are_set_aside_with_the_reason() -> None:
    items, aside = draw_release([scattered(1), scattered(2, verdict="inconclusive")], {}, EVERYONE)
    assert [line.uuid for line in items] == [scattered(1).uuid]
    assert [(entry.uuid, "verdict and mask" in entry.reason) for entry in aside] == [
        (scattered(2).uuid, True)
    ]


@pytest.mark.parametrize(
    ("given", "share", "released"),
    [
        ({"a": 50, **{f"p{n}": 2 for n in range(9)}}, 0.1, {"a": 2}),
        ({f"p{n}": 3 for n in range(10)}, 0.1, {"p0": 3}),
        ({"a": 10, "b": 4, "c": 4}, 0.5, {"a": 8}),
        ({"a": 5}, 1.0, {"a": 5}),
        ({None: 30, **{f"p{n}": 1 for n in range(19)}}, 0.1, {None: 2}),
    ],
)
def test_nobody_gives_more_than_the_share(
    given: dict[str, int], share: float, released: dict[str, int]
) -> None:
    people = [person for person, count in given.items() for _ in range(count)]
    sent = [scattered(number, person) for number, person in enumerate(people)]
    items, aside = draw_release(sent, {}, ReleaseRules(max_share=share))
    who = {one.uuid: person for one, person in zip(sent, people, strict=True)}
    counts = Counter(who[line.uuid] for line in items)
    assert {person: counts[person] for person in released} == released
    assert max(counts.values()) <= share * len(items)
    assert {entry.reason for entry in aside} <= {"over one contributor's share"}
    assert len(items) + len(aside) == len(sent)


def test_too_few_people_are_refused_with_the_number_needed() -> None:
    with pytest.raises(ReleaseRefused, match="needs 20"):
        draw_release([scattered(n, f"p{n % 5}") for n in range(10)], {}, ReleaseRules(max_share=0.05))


@pytest.mark.parametrize(
    "rules", [ReleaseRules(max_share=0), ReleaseRules(max_share=2), ReleaseRules(holdout_share=1)]
)
def test_shares_that_are_none_are_refused(rules: ReleaseRules) -> None:
    with pytest.raises(ReleaseRefused, match="between 0 and 1"):
        draw_release([scattered(1)], {}, rules)


def test_near_pictures_share_group_and_split() -> None:
    members = [Member(f"{n}{copy}", near(FAR[n], 3 * copy), "") for n in range(8) for copy in range(3)]
    places = place(members, {}, 0.5)
    for n in range(8):
        assert len({places[f"{n}{copy}"] for copy in range(3)}) == 1
    groups = {spot.group: spot.split for spot in places.values() if spot}
    assert Counter(groups.values()) == {"train": 4, "holdout": 4}


def test_groups_join_through_a_chain() -> None:
    base = FAR[0]
    members = [Member("a", base, ""), Member("b", near(base, 16), ""), Member("c", near(base, 8), "")]
    assert {spot and spot.group for spot in place(members, {}, 0.0).values()} == {"a"}


def test_places_given_once_never_change_and_newcomers_follow_them() -> None:
    earlier = {"old": Place("old", "holdout")}
    members = [Member("old", FAR[0], ""), Member("new", near(FAR[0]), ""), Member("other", FAR[5], "")]
    places = place(members, earlier, 0.0)
    assert places["old"] == places["new"] == Place("old", "holdout")
    assert places["other"] == Place("other", "train")


def test_an_item_that_links_two_splits_is_set_aside_alone() -> None:
    base = FAR[0]
    earlier = {"t": Place("t", "train"), "h": Place("h", "holdout")}
    members = [
        Member("t", base, ""),
        Member("h", near(base, 16), ""),
        Member("link", near(base, 8), ""),
        Member("mine", base ^ (0b111 << 60), ""),
    ]
    places = place(members, earlier, 0.3)
    assert places["link"] is None
    assert places["mine"] == Place("t", "train")


def test_the_hold_out_share_is_kept_within_each_domain() -> None:
    members = [Member(str(n), FAR[n], "phone" if n < 10 else "scan") for n in range(16)]
    places = place(members, {}, 0.3)
    held = Counter(
        member.stratum for member in members if (places[member.uuid] or Place("", "train")).split == "holdout"
    )
    assert held == {"phone": 3, "scan": 2}
    assert places == place(members, {}, 0.3)


def test_a_manifest_comes_back_as_it_was() -> None:
    from feedback.records import Release

    items, aside = draw_release([scattered(1), scattered(2, verdict="inconclusive")], {}, EVERYONE)
    manifest = release_to_json(Release(3, "now", "", items, aside, 1.0, 0.3, 5))
    read = release_from_json(manifest)
    assert (read.items, read.set_aside, read.number, read.frozen_pictures) == (items, aside, 3, 5)
    assert release_to_json(read) == manifest
    assert len(read.manifest_sha256) == 64


def test_consent_is_nothing_by_default() -> None:
    assert Consent() == Consent(store=False, train=False, publish=False)
