"""What a note tells, in which order: where, what was measured there, what showed nothing, the limits.

The sentences are those of a language, `Words`; nothing here depends on which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fakeshield_core.domain import Claim, Evidence, EvidenceItem, Region
from fakeshield_core.explain.claims import region_rows
from fakeshield_core.explain.note import ENGLISH
from fakeshield_core.explain.words import FEW, Rows, Words, ids_of


def compose(
    claims: Sequence[Claim], evidence: Evidence, regions: Sequence[Region], words: Words = ENGLISH
) -> str:
    """The sentences of `sentences` as one text."""
    return words.gap.join(sentences(claims, evidence, regions, words))


def sentences(
    claims: Sequence[Claim], evidence: Evidence, regions: Sequence[Region], words: Words
) -> Iterator[str]:
    """The note sentence by sentence, made only of measurements.

    Args:
        claims: of `claims_from`, in their order, in the same language.
        evidence: the compared evidence they were made from.
        regions: what is marked; none: the note tells of the whole picture.
        words: the language.
    """
    yield words.where(regions) if regions else words.nothing_marked
    yield from (claim.text for claim in claims)
    told = {claim.kind for claim in claims if claim.region_id is None}
    rows = {item.name: region_rows(item) for item in evidence.items}
    compared = [item for item in evidence.items if rows[item.name]]
    yield from _same(compared, rows, regions, words)
    yield from _unmeasured(compared, rows, regions, words)
    if regions and not any(claim.region_id for claim in claims):
        yield words.unexplained
    for item in evidence.items:
        if item.status == "informs" and not rows[item.name] and item.name not in told:
            yield words.whole(item)
    yield from _limits(claims, evidence, words)
    if not regions:
        yield words.nothing_found


def _same(
    items: Sequence[EvidenceItem], rows: Mapping[str, Rows], regions: Sequence[Region], words: Words
) -> Iterator[str]:
    """What was looked at and showed nothing; tests with the same outcome share a sentence.

    With more than FEW regions a list of them all would bury the findings: then one sentence tells of the
    tests that single no region out.
    """
    alike: dict[tuple[int, ...], list[tuple[EvidenceItem, Rows]]] = {}
    for item in items:
        same = [row for row in rows[item.name] if row["outcome"] == "same"]
        if same and (len(regions) <= FEW or item.status != "points_to_region"):
            alike.setdefault(ids_of(same), []).append((item, same))
    if len(regions) > FEW and len(alike) > 1:
        alike = {_union(alike): [result for results in alike.values() for result in results]}
    for ids, results in alike.items():
        yield words.same(results, ids, regions)


def _unmeasured(
    items: Sequence[EvidenceItem], rows: Mapping[str, Rows], regions: Sequence[Region], words: Words
) -> Iterator[str]:
    """What could not be looked at; tests and regions with the same reason share a sentence.

    Where it is every test that looks at these regions, they are not listed. With more than FEW regions and
    several reasons one sentence says where, and no reason.
    """
    found: dict[tuple[str, tuple[int, ...]], list[tuple[EvidenceItem, Rows]]] = {}
    for item in items:
        for reason in dict.fromkeys(str(row["reason"]) for row in rows[item.name] if row["reason"]):
            missed = [row for row in rows[item.name] if row["reason"] == reason]
            found.setdefault((reason, ids_of(missed)), []).append((item, missed))
    if len(regions) > FEW and len(found) > 1:
        yield words.incomplete(_union(ids for _, ids in found), regions)
        return
    for (_, ids), results in found.items():
        tests = sum(not set(ids).isdisjoint(ids_of(rows[item.name])) for item in items)
        named = [item for item, _ in results] if len(results) < max(tests, FEW) else []
        yield words.unmeasured(named, results[0][1][0], ids, regions)


def _union(several: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted({number for ids in several for number in ids}))


def _limits(claims: Sequence[Claim], evidence: Evidence, words: Words) -> Iterator[str]:
    for kind in dict.fromkeys(claim.kind for claim in claims if claim.region_id):
        if item := evidence.item(kind):
            yield words.limit(item)
    if any(claim.region_id is None for claim in claims):
        yield words.file_limit
