"""How often a picture has so many agreeing pairs: `python -m bench.copies --manifest CSV --json FILE`.

What the confidence of a copied area and the threshold of a clear one rest on: pictures with a copy-move
against untouched ones, all saved again at one quality.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.evaluate_report import table
from fakeshield_core.evidence.copies import FEWEST_PAIRS, find_copies
from fakeshield_core.files import read_picture, write_file
from fakeshield_core.imaging import recompress
from fakeshield_core.manifest import ManifestRow, read_manifest
from fakeshield_core.provenance import provenance

COPY_MOVE = "copy-move"
QUALITY = 85
EDGES = (FEWEST_PAIRS, 6, 8, 12, 16, 24, 40)  # pairs; each count is of this many or more

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counted:
    """Agreeing pairs of pictures of one kind."""

    kind: str  # COPY_MOVE or "untouched"
    pairs: tuple[int, ...]  # one number a picture

    def at_least(self, least: int) -> int:
        """How many pictures have so many pairs."""
        return int((np.array(self.pairs, int) >= least).sum())


def kind_of(row: ManifestRow) -> str | None:
    """Which of the two kinds a row is; None: neither."""
    if row.column("tampering") == COPY_MOVE:
        return COPY_MOVE
    return "untouched" if row.is_authentic else None


def count(rows: Sequence[ManifestRow]) -> Iterator[Counted]:
    """The pairs of every picture of either kind, recompressed.

    Raises:
        InputError: a picture cannot be read.
    """
    for kind in (COPY_MOVE, "untouched"):
        chosen = [row for row in rows if kind_of(row) == kind]
        log.info("%d pictures: %s", len(chosen), kind)
        found = (find_copies(recompress(read_picture(row.path).rgb, QUALITY)) for row in chosen)
        yield Counted(kind, tuple(len(copies.pairs) if copies else 0 for copies in found))


def main(argv: Sequence[str] | None = None) -> int:
    """Counts and reports; 0 done, 1 refused."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.copies", description="Pairs in copies and elsewhere."
    )
    parser.add_argument("--manifest", type=Path, required=True, metavar="CSV")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        manifest = read_manifest(args.manifest)
        counted = list(count(manifest.rows))
        document: dict[str, JsonValue] = {
            "provenance": asdict(provenance()),
            "manifest": args.manifest.name,
            "quality": QUALITY,
            "pictures": {each.kind: len(each.pairs) for each in counted},
            "with_at_least": {str(n): {each.kind: each.at_least(n) for each in counted} for n in EDGES},
        }
        if args.json is not None:
            write_file(args.json, (json.dumps(document, indent=1) + "\n").encode())
    except FakeShieldError as error:
        print(error, file=sys.stderr)
        return 1
    rows = [(str(n), *(f"{each.at_least(n)} of {len(each.pairs)}" for each in counted)) for n in EDGES]
    print("\n".join(table(("pairs or more", *(each.kind for each in counted)), rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
