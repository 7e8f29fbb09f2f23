"""`weights`: get, verify, convert and plan the weights of FakeShield-22B."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fakeshield_core.commands.outcome import Outcome, add_json_argument
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.settings import Settings

if TYPE_CHECKING:
    from fakeshield_core.checkpoints.placement import Placement
    from fakeshield_core.checkpoints.verify import PartReport

HELP = "get, check and convert the weights of the big engines, and plan what fits on a card"
ENGINES = ("fakeshield",)  # those whose published layout is known here
Action = Callable[[argparse.Namespace, Settings], Outcome]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `weights` and its four actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    getting = actions.add_parser("get", help="download the published files; terms are shown first")
    getting.add_argument("--accept-terms", action="store_true", help="you have read and accept them")
    getting.add_argument("--revision", metavar="COMMIT", help="of the weights (default: the pinned commit)")
    getting.add_argument("--clip-revision", metavar="COMMIT", help="of CLIP (default: the pinned commit)")
    checking = actions.add_parser("verify", help="are all files, names, shapes and sizes right")
    checking.add_argument("--digests", action="store_true", help="also compare SHA-256; reads every file")
    converting = actions.add_parser("convert", help="rewrite everything once into safetensors")
    converting.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder of its own")
    converting.add_argument("--without-dtg", action="store_true", help="go on where DTG.pth is missing")
    planning = actions.add_parser("plan", help="what fits on a card, and how fast it can be at best")
    planning.add_argument(
        "--card", metavar="NAME", help="A10G, L40S, ... (default: the card of this machine)"
    )
    planning.add_argument("--memory-gb", type=float, metavar="N", help="of the card, if that is all you know")
    for action in (getting, checking, converting):
        action.add_argument("--dir", type=Path, help="weights folder (default: FAKESHIELD_WEIGHTS_DIR)")
    for action in (checking, converting):
        action.add_argument("--clip", type=Path, metavar="DIR", help="folder of CLIP, if it is elsewhere")
    for action in (getting, checking, converting, planning):
        action.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="default: fakeshield")
        add_json_argument(action)


def run(args: argparse.Namespace, settings: Settings) -> Outcome:
    """Runs one action.

    Raises:
        EngineUnavailable: what is asked for cannot be had; the sentence says what to do.
    """
    actions: dict[str, Action] = {"get": _get, "verify": _verify, "convert": _convert, "plan": _plan}
    return actions[args.action](args, settings)


def _folder(given: Path | None, settings: Settings) -> Path:
    from fakeshield_core.checkpoints.fakeshield import weights_folder

    return given or weights_folder(settings)


def _get(args: argparse.Namespace, settings: Settings) -> Outcome:
    from fakeshield_core.checkpoints import download

    folder = _folder(args.dir, settings)
    plan = download.plan(folder, download.sources(args.revision, args.clip_revision))
    size = f"{plan.total_bytes / 1e9:.2f} GB in {folder}, {plan.lacking_bytes / 1e9:.2f} GB to download"
    commits: JsonValue = {listing.repository: listing.commit for _, listing in plan.listings}
    document: dict[str, JsonValue] = {"folder": str(folder), "bytes": plan.total_bytes, "commits": commits}
    text = "\n".join((plan.terms, *plan.warnings, size))
    if not args.accept_terms:
        refusal = "Nothing was downloaded: read the terms, then run the command again with --accept-terms."
        return Outcome(text, {**document, "terms": plan.terms, "error": refusal}, (refusal,))
    record = download.download(plan)
    done: dict[str, JsonValue] = {**document, "files": len(record.files), "warnings": list(plan.warnings)}
    return Outcome(f"{text}\n{len(record.files)} files are there; check them with `weights verify`.", done)


def _verify(args: argparse.Namespace, settings: Settings) -> Outcome:
    from fakeshield_core.checkpoints.fakeshield import locate
    from fakeshield_core.checkpoints.verify import verify

    files = locate(_folder(args.dir, settings), args.clip)
    reports = verify(files, args.digests)
    problems = tuple(problem for report in reports for problem in report.problems)
    document: JsonValue = {
        "root": str(files.root),
        "clip_source": files.clip_source,
        "whole": not problems,
        "parts": [_part_to_json(report) for report in reports],
    }
    return Outcome("\n".join(_part_to_text(report) for report in reports), document, problems)


def _convert(args: argparse.Namespace, settings: Settings) -> Outcome:
    from fakeshield_core.checkpoints.convert import convert
    from fakeshield_core.checkpoints.fakeshield import locate

    files = locate(_folder(args.dir, settings), args.clip)
    record = convert(files, args.out, ("DTG",) if args.without_dtg and files.dtg is None else ())
    total = sum(file.size_bytes for file in record.files.values())
    text = (
        f"{len(record.files)} files, {total / 1e9:.2f} GB in {args.out}, equal to the source bit for bit; "
        f"set FAKESHIELD_WEIGHTS_DIR={args.out} to use them."
    )
    return Outcome(text, {"folder": str(args.out), "files": len(record.files), "bytes": total})


def _plan(args: argparse.Namespace, settings: Settings) -> Outcome:
    from fakeshield_core.checkpoints import cards
    from fakeshield_core.checkpoints.placement import place

    if args.card is not None:
        card = cards.named(args.card)
    elif args.memory_gb is not None:
        card = cards.Card(f"{args.memory_gb:g} GB", args.memory_gb, None, None, "memory only")
    else:
        found = cards.here()
        if found is None:
            raise EngineUnavailable("This machine has no GPU; name one with --card or --memory-gb.")
        card = found
    placement = place(card)
    complaints = () if placement.fits else (placement.advice,)
    document: JsonValue = {
        **asdict(placement),
        "journeys_ms": {name: round(value, 2) for name, value in placement.journeys_ms.items()},
    }
    return Outcome(_placement_to_text(placement), document, complaints)


def _part_to_json(report: PartReport) -> JsonValue:
    return {
        "name": report.name,
        "tensors": report.tensors,
        "bytes": report.size_bytes,
        "dtypes": dict(report.dtypes or {}),
        "ignored": report.ignored,
        "notes": list(report.notes),
        "problems": list(report.problems),
    }


def _part_to_text(report: PartReport) -> str:
    facts = [f"{report.name}: {'NOT WHOLE' if report.problems else 'whole'}"]
    if report.tensors:
        types = ", ".join(f"{count} {name}" for name, count in (report.dtypes or {}).items())
        facts.append(f"{report.tensors} tensors ({types}), {report.size_bytes / 1e9:.3f} GB")
    if report.ignored:
        facts.append(f"{report.ignored} of them not used")
    return "; ".join((*facts, *report.notes))


def _placement_to_text(placement: Placement) -> str:
    card = placement.card
    rates = (
        "rates unknown" if card.tflops is None else f"{card.tflops:g} TFLOP/s, {card.bandwidth_gbs:g} GB/s"
    )
    lines = [f"{card.name}: {card.memory_gb:.1f} GB, {rates} ({card.source})"]
    for part in placement.parts:
        floor = "" if part.floor_ms is None else f"{part.floor_ms:8.1f} ms"
        lines.append(f"  {part.part:8} {part.dtype:5} {part.size_gb:6.2f} GB {floor}")
    lines.append(f"  in all {placement.needed_gb:.1f} GB, caches included")
    if placement.decode_ms is not None:
        lines.append(f"  one token of the explanation: {placement.decode_ms:.1f} ms at best")
    lines += [f"  {name}: {value / 1e3:.3f} s at best" for name, value in placement.journeys_ms.items()]
    return "\n".join((*lines, placement.advice))
