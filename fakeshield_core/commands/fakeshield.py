"""`fakeshield`: the published flow on the published data: questions, answers, scores, training, merging."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakeshield_core.commands.outcome import Outcome, add_json_argument
from fakeshield_core.domain import JsonValue
from fakeshield_core.files import write_file
from fakeshield_core.settings import Settings

HELP = "FakeShield-22B on its published data folders: questions, answers, scores, training, merging"
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `fakeshield` and its steps."""
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for name, (describe, fill) in STEPS.items():
        step = steps.add_parser(name, help=describe, description=describe)
        add_json_argument(step)
        fill(step)


def run(args: argparse.Namespace, settings: Settings) -> Outcome:
    """One step.

    Raises:
        InputError: data cannot be used.
        EngineError: weights cannot be used.
    """
    return RUNNERS[args.step](args, settings)


def _data(step: argparse.ArgumentParser) -> None:
    step.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of data sets")
    step.add_argument(
        "--sets", required=True, metavar="CHOICE", help="such as 'photoshop|CASIAv2_Tp,CASIAv2_Au'"
    )


def _questions_arguments(step: argparse.ArgumentParser) -> None:
    _data(step)
    step.add_argument("--out", type=Path, required=True, metavar="FILE", help=".jsonl, or .csv for evaluate")


def _answer_arguments(step: argparse.ArgumentParser) -> None:
    step.add_argument("--questions", type=Path, required=True, metavar="JSONL")
    step.add_argument("--pictures", type=Path, default=Path("/"), metavar="DIR", help="its paths begin here")
    step.add_argument("--out", type=Path, required=True, metavar="JSONL")
    step.add_argument("--masks", type=Path, metavar="DIR", help="folder for <stem>.png")
    step.add_argument("--adapter", type=Path, metavar="DIR")
    step.add_argument("--change", metavar="NAME", help="robustness: jpeg70, noise5, resize0.5, ...")
    step.add_argument("--no-tag", action="store_true", help="ablation: leave the tag sentence out")
    step.add_argument(
        "--no-explanation", action="store_true", help="ablation: ask for masks without the answer"
    )
    step.add_argument("--system-text", choices=("llava_v1", "vicuna_v1"), default="llava_v1")
    step.add_argument("--rule", choices=("published", "robust"), default="published")
    step.add_argument("--geometry", choices=("published", "upright"), default="published")
    step.add_argument("--temperature", type=float, default=0.0, help="0: greedy; published programs: 0.2")
    step.add_argument("--seed", type=int, default=0)


def _score_arguments(step: argparse.ArgumentParser) -> None:
    _data(step)
    step.add_argument("--answers", type=Path, required=True, metavar="JSONL")
    step.add_argument("--masks", type=Path, metavar="DIR")
    step.add_argument("--rule", choices=("published", "robust"), default="published")
    step.add_argument(
        "--css-encoder", metavar="DIR", help="folder of a text encoder (default: hashed n-grams)"
    )


def _train_arguments(step: argparse.ArgumentParser) -> None:
    step.add_argument("part", choices=("dte_fdm", "mflm"))
    step.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="dataset folder, or of pictures"
    )
    step.add_argument("--records", type=Path, metavar="JSON", help="MMTD-Set file, for dte_fdm")
    step.add_argument("--sets", metavar="CHOICE", help="such as 'ps|CASIA2', for mflm")
    step.add_argument("--gt-train", action="store_true", help="reference texts instead of answers, for mflm")
    step.add_argument(
        "--val-sets", metavar="CHOICE", help="keep the adapter with the best gIoU on these, for mflm"
    )
    step.add_argument("--out", type=Path, required=True, metavar="DIR")
    step.add_argument("--resume", action="store_true")
    step.add_argument("--quantise", choices=("none", "nf4", "int8"), default="none")
    step.add_argument("--mixed-precision", choices=("no", "bf16", "fp16"), default="no")
    step.add_argument("--encodings", type=Path, metavar="DIR", help="keep views of the frozen encoders here")
    step.add_argument("--no-checkpointing", action="store_true", help="faster, more memory")
    step.add_argument("--seed", type=int, default=0)
    for name, kind in (("batch", int), ("accumulation", int), ("epochs", int), ("steps", int)):
        step.add_argument(f"--{name}", type=kind, help="default: the published recipe")


def _merge_arguments(step: argparse.ArgumentParser) -> None:
    step.add_argument("base", type=Path, metavar="BASE", help="DTE-FDM or MFLM folder")
    step.add_argument("adapter", type=Path, metavar="ADAPTER")
    step.add_argument("out", type=Path, metavar="OUT", help="new folder")
    step.add_argument("--float32", action="store_true", help="keep merged weights unrounded")


def _questions(args: argparse.Namespace, settings: Settings) -> Outcome:
    from fakeshield_core.fakeshield.answering import manifest_csv, question_lines
    from fakeshield_core.fakeshield.datasets import read_choice

    examples = read_choice(args.data, args.sets)
    as_csv = args.out.suffix == ".csv"
    text = manifest_csv(examples, args.out.parent, args.sets) if as_csv else question_lines(examples)
    write_file(args.out, text.encode())
    return Outcome(f"{len(examples)} pictures in {args.out}", {"pictures": len(examples)})


def _answer(args: argparse.Namespace, settings: Settings) -> Outcome:
    from fakeshield_core.changes import change_named
    from fakeshield_core.checkpoints.fakeshield import find
    from fakeshield_core.engines.fakeshield import FakeShieldOptions, build_from
    from fakeshield_core.fakeshield.answering import answer_file
    from fakeshield_core.fakeshield.explaining import DetectionPrompt
    from fakeshield_core.fakeshield.localising import MaskPrompt

    change = change_named(args.change) if args.change else None
    options = FakeShieldOptions(
        detection=DetectionPrompt(with_tag=not args.no_tag, system=args.system_text),
        mask=MaskPrompt(system=args.system_text),
        with_explanation=not args.no_explanation,
        rule=args.rule,
        geometry=args.geometry,
        temperature=args.temperature,
        seed=args.seed,
    )
    engine = build_from(find(settings), args.adapter, options)
    failures = answer_file(engine, args.questions, args.pictures, args.out, args.masks, change)
    return Outcome(f"answers are in {args.out}", {"failures": list[JsonValue](failures)}, tuple(failures))


def _score(args: argparse.Namespace, settings: Settings) -> Outcome:
    from fakeshield_core.fakeshield.datasets import read_choice
    from fakeshield_core.fakeshield.scoring import ScoringOptions, read_answers, score
    from fakeshield_core.fakeshield.similarity import build_encoder

    examples = read_choice(args.data, args.sets, "val", "gt")
    references = {e.picture.name: e.explanation for e in examples if e.explanation}
    options = ScoringOptions(args.rule, build_encoder(args.css_encoder) if references else None)
    found = score(examples, read_answers(args.answers), args.masks, references, options)
    return Outcome(json.dumps(found, indent=2), found)


def _train(args: argparse.Namespace, settings: Settings) -> Outcome:
    import torch

    from fakeshield_core.fakeshield.quantise import quantise
    from fakeshield_core.fakeshield.recipes import RECIPES
    from fakeshield_core.fakeshield.training.setup import build_judge, build_task
    from fakeshield_core.fakeshield.training.trainer import RunOptions, train

    changed = {n: getattr(args, n) for n in ("batch", "accumulation", "epochs") if getattr(args, n)}
    recipe = replace(RECIPES[args.part], **changed)
    task = build_task(args, settings, recipe)
    compute = torch.bfloat16 if args.mixed_precision == "bf16" else torch.float32
    quantise(task.network, args.quantise, compute, "cuda" if torch.cuda.is_available() else "cpu")
    options = RunOptions(
        args.out,
        args.seed,
        args.steps,
        resume=args.resume,
        gradient_checkpointing=not args.no_checkpointing,
        mixed_precision=args.mixed_precision,
        judge=build_judge(args, task),
    )
    last: Any = None
    for last in train(task, recipe, options):
        log.info("step %d: %s", last.step, {name: round(value, 4) for name, value in last.losses.items()})
    losses: dict[str, JsonValue] = dict(last.losses) if last else {}
    return Outcome(f"the adapter is in {args.out / 'adapter'}", {"losses": losses})


def _merge(args: argparse.Namespace, settings: Settings) -> Outcome:
    from fakeshield_core.fakeshield.adapters import read_adapters
    from fakeshield_core.fakeshield.training.export import export

    (adapter,) = read_adapters(args.adapter).values()
    export(args.base, adapter, args.out, "float32" if args.float32 else "base")
    return Outcome(f"merged weights are in {args.out}", {"out": str(args.out)})


STEPS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "questions": ("write the question file, or a manifest, of data sets", _questions_arguments),
    "answer": ("answer a question file: words and masks", _answer_arguments),
    "score": ("detection, localisation and explanation figures of answers", _score_arguments),
    "train": ("train a LoRA adapter by the published recipe", _train_arguments),
    "merge": ("merge an adapter into a folder of the official layout", _merge_arguments),
}
RUNNERS: dict[str, Callable[[argparse.Namespace, Settings], Outcome]] = {
    "questions": _questions,
    "answer": _answer,
    "score": _score,
    "train": _train,
    "merge": _merge,
}
