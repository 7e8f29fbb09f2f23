"""`analyze`: verdict, map and explanation of each picture."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from fakeshield_core.commands.outcome import Outcome, add_shared_arguments
from fakeshield_core.domain import Analysis, JsonValue, Verdict
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.explain.registry import build_explainer
from fakeshield_core.files import read_picture, write_file
from fakeshield_core.imaging import encode_map_png, encode_mask_png
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.schema import analysis_to_json
from fakeshield_core.settings import LANGUAGES, Settings

HELP = "say whether pictures were tampered with, where, and why"
SUFFIXES = (".map.png", ".mask.png", ".json")
VERDICTS: dict[Verdict, str] = {
    "tampered": "tampering found",
    "synthetic": "looks wholly generated",
    "no_tampering_found": "no tampering found by this engine",
    "inconclusive": "inconclusive",
    "not_given": "no verdict from this engine",
}

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `analyze`."""
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", type=Path)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for <stem>.map.png, <stem>.mask.png and <stem>.json"
    )
    parser.add_argument(
        "--language",
        choices=LANGUAGES,
        help="of the explanation, unless the engine writes its own (default: FAKESHIELD_LANGUAGE, or en)",
    )
    add_shared_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> Outcome:
    """Analyses every picture; one that cannot be read is a complaint, the others go on.

    The document is the result (schema v1) of a single picture, a list of them for several, in their order;
    each carries `file`, the path as given, and a picture that failed carries `error` and nothing else.

    Raises:
        EngineError: the engine cannot be built.
    """
    engine = build_engine(args.engine or settings.engine, settings, args.adapter)
    explainer = build_explainer(settings, args.language)
    stems = output_stems(args.pictures, args.out) if args.out else [None] * len(args.pictures)
    texts: list[str] = []
    documents: list[JsonValue] = []
    complaints: list[str] = []
    for path, stem in zip(args.pictures, stems, strict=True):
        try:
            analysis = analyze_to_end(engine, read_picture(path), explainer)
            if stem is not None:
                save(analysis, stem)
        except FakeShieldError as error:
            complaints.append(f"{path}: {error}")
            documents.append({"file": str(path), "error": str(error)})
        else:
            texts.append(describe(path, analysis))
            documents.append({"file": str(path), **analysis_to_json(analysis)})
            log.info("%s: %s in %.2f s", path.name, analysis.verdict, analysis.timings_s.get("total", 0.0))
    document = documents[0] if len(documents) == 1 else documents
    return Outcome("\n\n".join(texts), document, tuple(complaints))


def output_stems(pictures: Sequence[Path], folder: Path) -> list[Path]:
    """Where each picture's results go: `folder/<stem>`, or `<stem>-2`, `<stem>-3` where that is taken.

    Taken: by an earlier picture (letter case aside), or one of the pictures themselves would be overwritten.
    """
    inputs = {picture.resolve() for picture in pictures}
    taken: set[str] = set()
    stems: list[Path] = []
    for picture in pictures:
        name, number = picture.stem, 1
        while name.casefold() in taken or any((folder / (name + s)).resolve() in inputs for s in SUFFIXES):
            number += 1
            name = f"{picture.stem}-{number}"
        taken.add(name.casefold())
        stems.append(folder / name)
    return stems


def save(analysis: Analysis, stem: Path) -> None:
    """Writes `<stem>.map.png`, `<stem>.mask.png` (where the engine gives a map) and `<stem>.json`.

    Raises:
        InputError: the folder cannot be written to.
    """
    map_suffix, mask_suffix, json_suffix = SUFFIXES
    if analysis.soft_map is not None:
        write_file(stem.with_name(stem.name + map_suffix), encode_map_png(analysis.soft_map))
    if analysis.mask is not None:
        write_file(stem.with_name(stem.name + mask_suffix), encode_mask_png(analysis.mask))
    text = json.dumps(analysis_to_json(analysis), ensure_ascii=False, indent=2)
    write_file(stem.with_name(stem.name + json_suffix), (text + "\n").encode())


def describe(path: Path, analysis: Analysis) -> str:
    """The result as a person reads it in a terminal."""
    lines = [f"{path}: {VERDICTS[analysis.verdict]}{_score(analysis)}"]
    for region in analysis.regions:
        lines.append(f"  region {region.id}: {region.where}, {region.area_fraction:.1%} of the picture")
    lines += [
        f"  {f'region {found.region_id}' if found.region_id else 'the picture'}: likely "
        f"{found.kind.replace('_', ' ')} (confidence {found.confidence:.2f})"
        for found in analysis.findings
        if found.kind != "unknown"
    ]
    lines += _stability(analysis)
    if analysis.explanation is not None:
        lines.append(analysis.explanation.text)
    lines += [f"note: {warning}" for warning in analysis.warnings]
    return "\n".join(lines)


def _stability(analysis: Analysis) -> list[str]:
    if analysis.stability is None or analysis.score is None:
        return []
    word = "changes" if analysis.stability.changes(analysis.score, analysis.threshold) else "stable"
    return [
        f"  {word}: score {analysis.stability.recompressed:.2f} compressed again, "
        f"{analysis.stability.half_size:.2f} at half size"
    ]


def _score(analysis: Analysis) -> str:
    if analysis.score is None:
        return ""
    band = "" if analysis.band is None else f", between {analysis.band[0]:.2f} and {analysis.band[1]:.2f}"
    return f" (score {analysis.score:.2f}{band}; threshold {analysis.threshold:.2f})"
