"""What the files of one part hold, against what they should: names and shapes, no values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from fakeshield_core.checkpoints.shapes import Shapes, is_ignored
from fakeshield_core.checkpoints.tensors import INDEXES, LazyTensors, open_file
from fakeshield_core.errors import EngineUnavailable

NAMED = 3  # names a sentence lists before it only counts
AGAIN = "download it again (weights get)"


@dataclass(frozen=True, slots=True)
class Contents:
    """The tensors of a part that could be opened."""

    tensors: LazyTensors
    metas: Mapping[str, Tensor]  # on the meta device
    unreadable: frozenset[str]  # promised, in a file that is missing or damaged
    problems: tuple[str, ...]  # one sentence for each such file

    @property
    def size_bytes(self) -> int:
        """Of the tensors that could be opened."""
        return sum(meta.nbytes for meta in self.metas.values())


def look(shards: Mapping[str, Path]) -> Contents:
    """Opens every file named, and goes on where one cannot be opened.

    Args:
        shards: tensor name -> its file, as `tensors.shard_files` gives it.
    """
    metas: dict[str, Tensor] = {}
    problems: list[str] = []
    for path in sorted(set(shards.values())):
        promised = [name for name, file in shards.items() if file == path]
        try:
            opened = open_file(path)
        except EngineUnavailable as error:
            problems.append(f"{path.parent.name}: {error}")
            continue
        inside = opened.names()
        metas |= {name: opened.meta(name) for name in promised if name in inside}
        absent = [name for name in promised if name not in inside]
        if absent:
            problems.append(f"{path.parent.name}/{path.name} lacks {listed(absent)}; {AGAIN}.")
    there = {name: shards[name] for name in metas}
    return Contents(LazyTensors(there), metas, frozenset(shards) - frozenset(metas), tuple(problems))


def compare(part: str, contents: Contents, expected: Shapes) -> list[str]:
    """One sentence each for what lacks, what does not belong, and what has another shape."""
    metas = contents.metas
    lacking = [name for name in expected if name not in metas and name not in contents.unreadable]
    strange = [name for name in metas if name not in expected and not is_ignored(name)]
    wrong = [
        f"{name} has shape {list(metas[name].shape)} instead of {list(shape)}"
        for name, shape in expected.items()
        if name in metas and tuple(metas[name].shape) != shape
    ]
    problems: list[str] = []
    if lacking:
        problems.append(f"{part} lacks {listed(lacking)}; {AGAIN}.")
    if strange:
        problems.append(f"{part} holds {listed(strange)}, which do not belong there; {AGAIN}.")
    if wrong:
        more = f" and {len(wrong) - 1} more differ" if len(wrong) > 1 else ""
        problems.append(f"{part} does not fit its config: {wrong[0]}{more}; {AGAIN}.")
    return problems


def total_size(folder: Path, contents: Contents) -> list[str]:
    """One sentence where the sum of the tensors is not what the folder's index states."""
    index = next((folder / name for name in INDEXES if (folder / name).is_file()), None)
    stated = json.loads(index.read_text()).get("metadata", {}).get("total_size") if index else None
    if stated is None or contents.unreadable or stated == contents.size_bytes:
        return []
    return [
        f"{folder.name} holds {contents.size_bytes} bytes of tensors and its index states {stated}; {AGAIN}."
    ]


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    given = sorted(names)
    more = f" and {len(given) - NAMED} more tensors" if len(given) > NAMED else ""
    return ", ".join(given[:NAMED]) + more
