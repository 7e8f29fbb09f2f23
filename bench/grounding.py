"""Are kind, place and reasons those of the forgery? `python -m bench.grounding --data FOLDER --json FILE`.

On forgeries whose making is known, of photographs that no training saw and of our own scenes. Kinds are
read with the true area and with the largest one of the engine's mask; claims are made for the engine's
mask, and for the true area beside a decoy: the same shape at another place of the same picture.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from bench.grounding_figures import Forgery, Grounded, Kind, confusion, rows_of
from bench.grounding_places import lies_where
from fakeshield_core import masks
from fakeshield_core.checkpoints.compact import SHIPPED, read_compact
from fakeshield_core.domain import BoolMask, Engine, FindingKind, JsonValue, MapReady, VerdictReady
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.errors import FakeShieldError, ManifestInvalid
from fakeshield_core.evaluate_figures import Bootstrap
from fakeshield_core.evaluate_report import estimate_json, estimate_text, table
from fakeshield_core.evidence import compare, measure
from fakeshield_core.evidence.copies import Copies, find_copies
from fakeshield_core.evidence.kinds import read_kind
from fakeshield_core.explain import claims_from
from fakeshield_core.files import write_file
from fakeshield_core.imaging import decode
from fakeshield_core.picture import Picture
from fakeshield_core.provenance import provenance
from fakeshield_core.settings import Settings
from fakeshield_core.synthesis.history import jpeg_bytes
from fakeshield_core.synthesis.scenes import scene
from fakeshield_core.training.kinds_samples import Known, largest, made
from fakeshield_core.training.photographs import Photograph, read_photographs, split

ON_TRUTH = 0.5  # least share of a region's pixels that were forged, for a claim about it to be grounded
SCENE_HW = (288, 384)
STREAM = 91  # keeps the draws apart from those of training

log = logging.getLogger(__name__)


def forgeries(photographs: Sequence[Photograph], count: int, source: str, seed: int) -> Iterator[Forgery]:
    """So many forgeries of untouched photographs, saved as PNG (one in four) or JPEG of quality 60 to 98."""
    untouched = [photograph for photograph in photographs if not photograph.is_tampered]
    if count and not untouched:
        raise ManifestInvalid("There are no untouched photographs of held-out groups; give more with --data.")
    for number in range(count):
        rng = np.random.default_rng([seed, STREAM, len(source), number])
        forged = made(untouched, number, rng)
        picture = decode(_file(forged, rng), f"{source}-{number}")
        yield Forgery(picture, largest(forged.mask), forged.kind, forged.group, source)


def _file(forged: Known, rng: np.random.Generator) -> bytes:
    if rng.random() < 0.25:
        buffer = io.BytesIO()
        Image.fromarray(forged.rgb).save(buffer, "PNG")
        return buffer.getvalue()
    return jpeg_bytes(forged.rgb, int(rng.integers(60, 99)), int(rng.choice([0, 2])))


def scene_photographs(count: int) -> tuple[Photograph, ...]:
    """Our own scenes as if they were photographs, each of another place."""
    found = []
    for seed in range(count):
        made_scene = scene(seed, *SCENE_HW)
        objects = made_scene.objects
        found.append(
            Photograph(
                name=f"scene-{seed}",
                dataset="scenes",
                group=f"scene-{made_scene.group}",
                rgb=made_scene.rgb,
                table=np.ones((8, 8), np.float32),
                mask=None,
                objects=objects[0] if objects else None,
                is_tampered=False,
                tampering="",
            )
        )
    return tuple(found)


def ground(forgery: Forgery, engine: Engine | None) -> Grounded:
    """Kind, place and claims of one forgery."""
    rgb, truth = forgery.picture.rgb, forgery.truth
    copies = find_copies(rgb)
    (region,) = masks.regions(truth, truth.astype(np.float32))[:1]
    evidence = measure(forgery.picture)

    def claims(mask: BoolMask) -> tuple[tuple[str, bool], ...]:
        regions = masks.regions(mask, mask.astype(np.float32))
        labels = masks.label_regions(mask, masks.min_region_px(*mask.shape)).labels
        made_claims = claims_from(compare(evidence, labels, regions), regions)
        return tuple(
            (claim.kind, bool(truth[labels == claim.region_id].mean() >= ON_TRUTH))
            for claim in made_claims
            if claim.region_id is not None
        )

    finding, mask = (None, None) if engine is None else _answer(engine, forgery.picture)
    area = None if mask is None else largest(mask)
    shadow = decoy(truth)
    return Grounded(
        forgery=forgery,
        with_truth=_kind(rgb, truth, copies),
        with_mask=None if area is None else _kind(rgb, area, copies),
        finding=finding,
        mask_iou=0.0 if area is None else float((area & truth).sum() / max(1, (area | truth).sum())),
        where=region.where,
        place_is_right=lies_where(truth, region.where),
        claims=() if mask is None else claims(mask),
        beside_decoy=() if shadow is None else claims(truth | shadow),
    )


def decoy(truth: BoolMask) -> BoolMask | None:
    """The same shape as far away as it fits, apart from the truth; None where there is no room."""
    rows, columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
    box = truth[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    room = truth.shape[0] - box.shape[0], truth.shape[1] - box.shape[1]
    corners = [(y, x) for y in (0, room[0] // 2, room[0]) for x in (0, room[1] // 2, room[1])]
    for top, left in sorted(corners, key=lambda yx: -np.hypot(yx[0] - rows[0], yx[1] - columns[0])):
        shadow = np.zeros_like(truth)
        shadow[top : top + box.shape[0], left : left + box.shape[1]] = box
        if masks.label_regions(truth | shadow, 1).number == 2:
            return shadow
    return None


def _answer(engine: Engine, picture: Picture) -> tuple[FindingKind | None, BoolMask | None]:
    """The kind of the engine's first finding, and its mask."""
    finding, mask = None, None
    for update in engine.analyze(picture):
        if isinstance(update, VerdictReady) and update.findings:
            finding = update.findings[0].kind
        if isinstance(update, MapReady):
            mask = masks.threshold(update.soft_map, update.threshold)
    return finding, mask


def _kind(rgb: np.ndarray, area: BoolMask, copies: Copies | None) -> Kind:
    read = read_kind(rgb, area, copies)
    if read is None:
        return Kind(None, "unknown", 0.0)
    return Kind(read.likeliest, read.stated, read.probabilities[read.likeliest])


def main(argv: Sequence[str] | None = None) -> int:
    """Makes forgeries, asks and reports; 0 done, 1 refused."""
    parser = argparse.ArgumentParser(prog="python -m bench.grounding", description="Kind, place and claims.")
    parser.add_argument("--data", type=Path, nargs="*", default=(), help="folders with a manifest.csv")
    parser.add_argument("--engine", default="compact", metavar="NAME", help='"none": true areas only')
    parser.add_argument(
        "--count", type=int, default=180, help="forgeries of photographs, where --data is given"
    )
    parser.add_argument("--scenes", type=int, default=30, help="forgeries of our own scenes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    source = provenance()
    try:
        engine = None if args.engine == "none" else _engine(args.engine)
        grounded = [ground(forgery, engine) for forgery in _all(args)]
        rows = list(rows_of(grounded, Bootstrap()))
        document: dict[str, JsonValue] = {
            "provenance": asdict(source),
            "engine": None if engine is None else asdict(engine.info)["weights"],
            "seed": args.seed,
            "forgeries": dict(Counter(g.forgery.source for g in grounded)),
            "figures": [
                {"source": r.source, "what": r.what, "goal": r.goal, "measured": estimate_json(r.estimate)}
                for r in rows
            ],
            "confusion": confusion(grounded),
        }
        if args.json is not None:
            write_file(args.json, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    except FakeShieldError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{source.date}, code {source.code or 'unknown'}, weights {document['engine']}")
    cells = [
        (
            r.source,
            r.what,
            estimate_text(r.estimate),
            str(r.estimate.n if r.estimate else 0),
            str(r.goal or "-"),
        )
        for r in rows
    ]
    print("\n".join(table(("of", "what", "measured [95 %]", "n", "goal"), cells)))
    return 0


def _engine(name: str) -> Engine:
    """The engine by its name; ours without the copies that only check the verdict's stability."""
    if name == "compact":
        return CompactEngine(read_compact(SHIPPED), checks_stability=False)
    return build_engine(name, Settings(threads=1))


def _all(args: argparse.Namespace) -> Iterator[Forgery]:
    if args.data:
        _, apart = split(read_photographs(args.data))
        yield from _logged(forgeries(apart, args.count, "photographs", args.seed))
    yield from _logged(forgeries(scene_photographs(args.scenes), args.scenes, "scenes", args.seed))


def _logged(made_ones: Iterable[Forgery]) -> Iterator[Forgery]:
    for number, forgery in enumerate(made_ones):
        if number % 20 == 0:
            log.info("%s: %d", forgery.source, number)
        yield forgery


if __name__ == "__main__":
    sys.exit(main())
