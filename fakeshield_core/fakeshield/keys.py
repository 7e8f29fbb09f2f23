"""Published tensor names <-> names in our modules, and what may be left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from fakeshield_core.errors import EngineUnavailable

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]

PREFIXES = (  # published, ours; the first that fits counts
    ("model.vision_tower.vision_tower.vision_model.", "tower."),
    ("model.mm_projector.", "projector."),
    ("model.text_hidden_fcs.0.", "seg_head."),
    ("model.grounding_encoder.", "sam."),
    ("model.", "language.model."),
    ("lm_head.", "language.lm_head."),
)
UNUSED = re.compile(r"\.rotary_emb\.inv_freq$|\.position_ids$|^model\.region_encoder\.|\.pixel_(mean|std)$")
SHOWN = 4  # names in an error


def ours(published: str) -> str | None:
    """Our name of a published tensor; None for one that FakeShield does not use.

    Raises:
        KeyError: the name belongs to no part we know.
    """
    if UNUSED.search(published):
        return None
    for theirs, prefix in PREFIXES:
        if published.startswith(theirs):
            return prefix + published.removeprefix(theirs)
    raise KeyError(published)


def published(name: str) -> str:
    """The published name of one of our tensors.

    Raises:
        KeyError: no published folder holds it.
    """
    for theirs, prefix in PREFIXES:
        if name.startswith(prefix):
            return theirs + name.removeprefix(prefix)
    raise KeyError(name)


def renamed(names: Iterable[str]) -> dict[str, str]:
    """Our name -> published name, for all that are used.

    Raises:
        EngineUnavailable: a name belongs to no part we know.
    """
    table: dict[str, str] = {}
    for name in names:
        try:
            own = ours(name)
        except KeyError as error:
            raise EngineUnavailable(
                f"The weights hold {name}, which is no part of FakeShield-22B; use a merged folder."
            ) from error
        if own is not None:
            table[own] = name
    return table


def require_equal(part: str, wanted: Shapes, found: Shapes) -> None:
    """Passes where names and shapes agree.

    Raises:
        EngineUnavailable: naming the first of what is missing, left over, or of another shape.
    """
    wrong = [
        f"{n} is {list(found[n])} instead of {list(wanted[n])}"
        for n in wanted
        if n in found and tuple(found[n]) != tuple(wanted[n])
    ]
    groups = (
        ("lacks", sorted(set(wanted) - set(found))),
        ("has the unknown", sorted(set(found) - set(wanted))),
        ("does not fit its config.json:", wrong),
    )
    for what, names in groups:
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            raise EngineUnavailable(
                f"{part} {what} {', '.join(names[:SHOWN])}{more}; download its folder again (weights get)."
            )
