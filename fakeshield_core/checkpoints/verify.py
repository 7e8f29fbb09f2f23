"""Are the weights whole: files, names, shapes, sizes, and the values that would spoil every answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from math import isqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fakeshield_core.checkpoints import contents, manifest, shapes
from fakeshield_core.checkpoints.contents import AGAIN, Contents
from fakeshield_core.checkpoints.fakeshield import COPY_PREFIX, ClipSource, FakeShieldFiles, read_config
from fakeshield_core.checkpoints.shapes import ClipSizes, SamSizes, Shapes
from fakeshield_core.checkpoints.tensors import read_file, shard_files
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineUnavailable

FINITE = ("mm_projector", "text_hidden_fcs", "mask_decoder", "fc.")  # small, and every answer passes them
TOKENS = ("[SEG]", "<im_start>", "<im_end>")  # MFLM cannot work without them
CLIP_DEFAULTS = ClipSizes(hidden=768, intermediate=3072, layers=12, image=224, patch=32)  # of transformers
PUBLISHED_WIDTH = ClipSizes().hidden
SOURCES: dict[ClipSource, str] = {
    "folder": "CLIP is taken from {}",
    "dte_fdm": "CLIP is taken from the copy inside DTE-FDM",
    "hub": "CLIP is taken from the hub's cache, {}",
}


@dataclass(frozen=True, slots=True)
class PartReport:
    """What was found in one part."""

    name: str
    tensors: int = 0
    size_bytes: int = 0
    dtypes: Mapping[str, int] | None = None  # type -> number of tensors
    ignored: int = 0  # tensors that no network of ours takes
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()  # one sentence each; empty: the part is whole


def verify(files: FakeShieldFiles, digests: bool = False) -> tuple[PartReport, ...]:
    """Checks every part; what is wrong with them is in the reports and raises nothing.

    Args:
        digests: also compare every file with the SHA-256 in its manifest; reads all of them.
    """
    checks = {"DTG": _dtg, "DTE-FDM": _dte_fdm, "MFLM": _mflm, "CLIP": _clip}
    reports: list[PartReport] = []
    for name, check in checks.items():
        try:
            reports.append(check(files))
        except EngineUnavailable as error:
            reports.append(PartReport(name, problems=(str(error),)))
    return (*reports, _record(files.root, digests))


def require_whole(reports: Iterable[PartReport]) -> None:
    """Passes where no part has a problem.

    Raises:
        EngineUnavailable: with the first problem as its sentence.
    """
    for report in reports:
        for problem in report.problems:
            raise EngineUnavailable(problem)


def sam_sizes(files: FakeShieldFiles) -> SamSizes:
    """Sizes of the SAM inside MFLM: ViT-H, or what the file beside test weights says.

    Raises:
        EngineUnavailable: that file cannot be read.
    """
    if files.sam_config is None:
        return SamSizes()
    known = {f.name for f in fields(SamSizes)}
    try:
        given = json.loads(files.sam_config.read_text())
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else int(v) for k, v in given.items() if k in known
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise EngineUnavailable(f"{files.sam_config.name} cannot be read; restore or delete it.") from error
    return SamSizes(**values)


def clip_sizes(files: FakeShieldFiles) -> ClipSizes:
    """Sizes of the vision tower, from its config; of the copy in DTE-FDM, which has none, from its tensors.

    Raises:
        EngineUnavailable: its config or files cannot be read.
    """
    if files.clip_source == "dte_fdm":
        config = read_config(files.dte_fdm)
        if config.get("mm_hidden_size", PUBLISHED_WIDTH) == PUBLISHED_WIDTH:
            return ClipSizes()
        return _sizes_of_copy(contents.look(shard_files(files.dte_fdm)).metas)
    whole = read_config(files.clip)
    inner = whole.get("vision_config")
    config = inner if isinstance(inner, dict) else whole
    fields_of = {"hidden": "hidden_size", "intermediate": "intermediate_size", "layers": "num_hidden_layers"}
    names = fields_of | {"image": "image_size", "patch": "patch_size"}
    return ClipSizes(**{n: shapes.size(config, f, getattr(CLIP_DEFAULTS, n)) for n, f in names.items()})


def _dtg(files: FakeShieldFiles) -> PartReport:
    if files.dtg is None:
        return PartReport("DTG", problems=(f"DTG.pth is missing from {files.root}; {AGAIN}.",))
    tensors = read_file(files.dtg)
    metas = {name.removeprefix("module."): tensors.meta(name) for name in tensors}
    found = Contents(tensors, metas, frozenset(), ())
    return _report("DTG", found, shapes.resnet50(), _infinite("DTG", found))


def _dte_fdm(files: FakeShieldFiles) -> PartReport:
    config, shards = read_config(files.dte_fdm), shard_files(files.dte_fdm)
    copied = any(name.startswith(COPY_PREFIX) for name in shards)
    expected = shapes.dte_fdm(config, clip_sizes(files) if copied else None)
    found = contents.look(shards)
    problems = [*contents.total_size(files.dte_fdm, found), *_infinite("DTE-FDM", found)]
    note = "with its copy of CLIP" if copied else "without a copy of CLIP"
    return _report("DTE-FDM", found, expected, problems, (note,))


def _mflm(files: FakeShieldFiles) -> PartReport:
    config, sam = read_config(files.mflm), sam_sizes(files)
    found = contents.look(shard_files(files.mflm))
    last = found.metas.get("model.text_hidden_fcs.0.2.weight")
    stated = config.get("out_dim") or (last.shape[0] if last is not None else sam.prompt_embed_dim)
    out_dim = shapes.size({"out_dim": stated}, "out_dim")
    problems = [*contents.total_size(files.mflm, found), *_infinite("MFLM", found)]
    problems += _token_problems(files.mflm, shapes.size(config, "vocab_size"))
    if out_dim != sam.prompt_embed_dim:
        problems.append(f"MFLM gives prompts of {out_dim} and SAM takes {sam.prompt_embed_dim}; {AGAIN}.")
    return _report("MFLM", found, shapes.mflm(config, sam, out_dim), problems)


def _clip(files: FakeShieldFiles) -> PartReport:
    sizes = clip_sizes(files)
    prefix = COPY_PREFIX if files.clip_source == "dte_fdm" else "vision_model."
    shards = {n: path for n, path in shard_files(files.clip).items() if n.startswith(prefix)}
    found = contents.look(shards)
    expected = {prefix + name: shape for name, shape in shapes.clip_vision(sizes).items()}
    problems = [
        f"{part.name} takes image features of {width} and CLIP gives {sizes.hidden}; name another CLIP."
        for part in (files.dte_fdm, files.mflm)
        if (width := read_config(part).get("mm_hidden_size")) != sizes.hidden
    ]
    if sizes.patches != ClipSizes().patches:
        problems.append(
            f"CLIP gives {sizes.patches} image rows instead of {ClipSizes().patches}; name another."
        )
    note = SOURCES[files.clip_source].format(files.clip)
    return _report("CLIP", found, expected, problems, (note,))


def _report(
    name: str, found: Contents, expected: Shapes, problems: Iterable[str], notes: tuple[str, ...] = ()
) -> PartReport:
    counts = Counter(str(meta.dtype).removeprefix("torch.") for meta in found.metas.values())
    return PartReport(
        name=name,
        tensors=len(found.metas),
        size_bytes=found.size_bytes,
        dtypes=dict(counts),
        ignored=sum(shapes.is_ignored(n) for n in found.metas),
        notes=notes,
        problems=(*found.problems, *contents.compare(name, found, expected), *problems),
    )


def _record(root: Path, digests: bool) -> PartReport:
    for folder in (root, root.parent, root.parent.parent):
        recorded = manifest.read(folder)
        if recorded is None:
            continue
        origin = tuple(f"{recorded.kind} from {name} at {at}" for name, at in recorded.origin.items())
        problems = manifest.differences(folder, recorded, digests)
        if not recorded.complete:
            problems.insert(
                0, f"{folder / manifest.NAME} is not complete; run the command that began it again."
            )
        return PartReport("files", notes=origin, problems=tuple(problems))
    notes = (f"no {manifest.NAME} beside them: sizes and digests of the files are not compared",)
    return PartReport("files", notes=notes)


def _infinite(part: str, found: Contents) -> list[str]:
    names = [n for n in found.tensors if any(f in n for f in FINITE)]
    bad = [n for n in names if not bool(torch.isfinite(found.tensors[n]).all())]
    return [f"{part} has values that are not finite in {contents.listed(bad)}; {AGAIN}."] if bad else []


def _token_problems(folder: Path, rows: int) -> list[str]:
    """Each token MFLM needs has one id, and the embedding has a row for it."""
    ids = _added_tokens(folder)
    problems: list[str] = []
    for token in TOKENS:
        if len(ids.get(token, ())) != 1:
            problems.append(f"MFLM's tokenizer gives {token} {len(ids.get(token, ()))} ids; {AGAIN}.")
        elif max(ids[token]) >= rows:
            problems.append(f"MFLM's tokenizer gives {token} an id beyond its {rows} rows; {AGAIN}.")
    return problems


def _added_tokens(folder: Path) -> dict[str, set[int]]:
    """Text -> ids, from `added_tokens.json` and the decoder table of `tokenizer_config.json`."""
    ids: dict[str, set[int]] = {}
    plain = _json(folder / "added_tokens.json")
    decoder = _json(folder / "tokenizer_config.json").get("added_tokens_decoder")
    for token, number in plain.items():
        ids.setdefault(token, set()).add(int(str(number)))
    for number, entry in decoder.items() if isinstance(decoder, dict) else ():
        if isinstance(entry, dict):
            ids.setdefault(str(entry.get("content")), set()).add(int(number))
    return ids


def _json(path: Path) -> dict[str, JsonValue]:
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text())
    except ValueError as error:
        raise EngineUnavailable(f"{path.parent.name}/{path.name} cannot be read; {AGAIN}.") from error
    return document if isinstance(document, dict) else {}


def _sizes_of_copy(metas: Mapping[str, Tensor]) -> ClipSizes:
    tower = {
        n.removeprefix(COPY_PREFIX): tuple(m.shape) for n, m in metas.items() if n.startswith(COPY_PREFIX)
    }
    patch = tower.get("embeddings.patch_embedding.weight", (0, 0, 0, 0))
    rows = tower.get("embeddings.position_embedding.weight", (1, 0))
    layers = {int(n.split(".")[2]) for n in tower if n.startswith("encoder.layers.")}
    wide = tower.get("encoder.layers.0.mlp.fc1.weight", (0, 0))
    return ClipSizes(patch[0], wide[0], len(layers), isqrt(rows[0] - 1) * patch[-1], patch[-1])
