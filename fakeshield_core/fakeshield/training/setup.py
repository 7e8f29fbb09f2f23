"""From arguments of the command to a task: weights loaded, examples read."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import torch

from fakeshield_core.checkpoints.fakeshield import find
from fakeshield_core.errors import InputError
from fakeshield_core.fakeshield import explaining, localising
from fakeshield_core.fakeshield.datasets import Explanations, read_choice, read_conversations
from fakeshield_core.fakeshield.loading import Placing
from fakeshield_core.fakeshield.recipes import Recipe
from fakeshield_core.fakeshield.training.encodings import Encodings
from fakeshield_core.fakeshield.training.tasks import DetectionTask, MaskTask, Task
from fakeshield_core.fakeshield.training.validate import validate
from fakeshield_core.settings import Settings


def build_task(args: argparse.Namespace, settings: Settings, recipe: Recipe) -> Task:
    """The task of `fakeshield train`.

    Raises:
        InputError: no data are named, or they cannot be used.
        EngineUnavailable: weights are missing or damaged.
    """
    files = find(settings)
    half = args.mixed_precision == "bf16" or (args.quantise != "none" and torch.cuda.is_available())
    dtype = torch.bfloat16 if half else torch.float32
    if recipe.part == "dte_fdm":
        if args.records is None:
            raise InputError(
                "Name the MMTD-Set file with --records, and the folder of its pictures with --data."
            )
        examples = read_conversations(args.records, args.data)
        kept = Encodings(args.encodings, f"dte_fdm:{files.dte_fdm}")
        stage = explaining.load_stage(files, Placing(dtype))
        return DetectionTask(stage, examples, recipe.max_length, encodings=kept)
    if args.sets is None:
        raise InputError("Name the data sets with --sets, such as 'ps|CASIA2', and their folder with --data.")
    pictures = read_choice(args.data, args.sets, "train", "gt" if args.gt_train else "output")
    kept = Encodings(args.encodings, f"mflm:{files.mflm}")
    return MaskTask(localising.load_stage(files, Placing(dtype)), pictures, recipe.max_length, encodings=kept)


def build_judge(args: argparse.Namespace, task: Task) -> Callable[[], float] | None:
    """What `--val-sets` asks for: the gIoU of the MFLM in training on these sets.

    Raises:
        InputError: the sets cannot be used.
    """
    if args.val_sets is None or not isinstance(task, MaskTask):
        return None
    kind: Explanations = "gt" if args.gt_train else "output"
    held_out = replace(task, examples=read_choice(args.data, args.val_sets, "val", kind))
    return lambda: validate(held_out, args.seed).g_iou
