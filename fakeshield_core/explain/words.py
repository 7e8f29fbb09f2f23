"""What a language has to say: every sentence of an explanation, from results that are the same in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from fakeshield_core.domain import Claim, Evidence, EvidenceItem, JsonValue, Region, Verdict
from fakeshield_core.evidence.level_test import level_words
from fakeshield_core.evidence.region_rows import UNMEASURED
from fakeshield_core.explain.claims import region_rows

Row: TypeAlias = Mapping[str, JsonValue]  # an item's result in one region
Rows: TypeAlias = Sequence[Row]
Naming: TypeAlias = Literal["one", "all", "run", "some"]

FEW = 2  # regions that are told one by one


class Words(Protocol):
    """One language. Every method gives a whole sentence; `ids` name regions, rising, at least one."""

    @property
    def code(self) -> str:
        """BCP 47."""
        ...

    @property
    def gap(self) -> str:
        """What stands between two sentences."""
        ...

    @property
    def leads(self) -> Mapping[Verdict, str]:
        """The first sentence where a mask comes with a verdict that does not stand behind it."""
        ...

    @property
    def nothing_marked(self) -> str:
        """That there was nothing to compare."""
        ...

    @property
    def unexplained(self) -> str:
        """That no measurement supports the marks."""
        ...

    @property
    def file_limit(self) -> str:
        """What facts about the file cannot show."""
        ...

    @property
    def nothing_found(self) -> str:
        """The end of a note on a picture without marks."""
        ...

    def place(self, where: str) -> str:
        """Words of `masks.where_in_picture`, inside a list."""
        ...

    def where(self, regions: Sequence[Region]) -> str:
        """Where the regions, at least one, largest first, lie and how large they are."""
        ...

    def claim(self, claim: Claim, evidence: Evidence, regions: Sequence[Region]) -> str:
        """The text of a claim of `claims_from(evidence, regions)`."""
        ...

    def whole(self, item: EvidenceItem) -> str:
        """What an item that informs says about the whole picture or file."""
        ...

    def limit(self, item: EvidenceItem) -> str:
        """What an item cannot show."""
        ...

    def title(self, item: EvidenceItem) -> str:
        """The name of what was measured."""
        ...

    def headline(self, item: EvidenceItem) -> str:
        """The number or fact that stands for an item: a few characters."""
        ...

    def shown(self, item: EvidenceItem, regions: Sequence[Region]) -> str:
        """What an item says by itself: of its clearest region where it was compared with regions."""
        ...

    def same(
        self, results: Sequence[tuple[EvidenceItem, Rows]], ids: Sequence[int], regions: Sequence[Region]
    ) -> str:
        """That tests do not set these regions apart; the rows are each test's own."""
        ...

    def unmeasured(
        self, items: Sequence[EvidenceItem], row: Row, ids: Sequence[int], regions: Sequence[Region]
    ) -> str:
        """That these tests, all where no items are given, could not be measured, for the row's reason."""
        ...

    def incomplete(self, ids: Sequence[int], regions: Sequence[Region]) -> str:
        """That some test could not be measured in these regions."""
        ...


def ids_of(rows: Rows) -> tuple[int, ...]:
    """The regions of the rows."""
    return tuple(row["region_id"] for row in rows if isinstance(row["region_id"], int))


def shown_row(item: EvidenceItem) -> Row | None:
    """The result in the region that an item is about, else in the clearest one; None before `compare`."""
    rows = region_rows(item)
    measured = [row for row in rows if row["outcome"] != UNMEASURED] or rows
    own = [row for row in rows if item.region_id is not None and row["region_id"] == item.region_id]
    return next(iter(own), max(measured, key=_effect, default=None))


def naming(ids: Sequence[int], regions: Sequence[Region]) -> Naming:
    """How regions are best named: one, all there are, a run of numbers, or some of them one by one."""
    if len(ids) == 1:
        return "one"
    if len(ids) == len(regions) > FEW:
        return "all"
    return "run" if len(ids) > FEW and ids[-1] - ids[0] == len(ids) - 1 else "some"


def _effect(row: Row) -> float:
    effect = row["effect"]
    return effect if isinstance(effect, float) else 0.0


def levels_told(rows: Rows, regions: Sequence[Region]) -> tuple[str, str] | None:
    """Level inside and level expected, where there is but one region and they are levels."""
    if len(regions) > 1 or "expected" not in rows[0]:
        return None
    inside, expected = (float(str(rows[0][name])) for name in ("inside", "expected"))
    larger = max(inside, expected)
    return level_words(inside, larger), level_words(expected, larger)
