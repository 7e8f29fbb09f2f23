"""Where the parts of FakeShield-22B lie: both folder layouts that users have, CLIP, and our converted copy.

Layouts: `DTE-FDM/`, `MFLM/` and `DTG.pth` in the folder itself, or in `fakeshield-v1-22b/` below it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

REPOSITORY = "zhipeixu/fakeshield-v1-22b"
CLIP_REPOSITORY = "openai/clip-vit-large-patch14-336"
# The commits that public records of complete downloads name; not checked against the hub itself, so
# --revision and --clip-revision can name others. (FakeShield: an audit that lists 24 files with
# 44,157,589,488 bytes, whose sums of tensor bytes equal what `shapes` gives. CLIP: many public scripts.)
REVISION = "db861d30d9dc842fde855d95170e24a7a86d5a8a"
CLIP_REVISION = "ce19dc912ca5cd21c8a653c79e251e808ccabcd1"
NESTED = ("", "fakeshield-v1-22b", "weight", "weight/fakeshield-v1-22b")
DTG_NAMES = ("DTG.safetensors", "DTG.pth")
SAM_NAMES = ("sam_vit_h_4b8939.safetensors", "sam_vit_h_4b8939.pth")
SAM_CONFIG = "tiny_sam_config.json"  # only beside test weights; without it SAM is ViT-H
COPY_PREFIX = "model.vision_tower.vision_tower.vision_model."  # the CLIP copy inside DTE-FDM
COPY_KEYS_WITHOUT_LAYERS = 7  # class, patch and position embedding, two layer norms

ClipSource = Literal["folder", "dte_fdm", "hub"]


@dataclass(frozen=True, slots=True)
class FakeShieldFiles:
    """The parts on disk; none has been opened yet, except to look for the CLIP copy."""

    root: Path  # the folder that holds DTE-FDM and MFLM
    dtg: Path | None  # file; None where it is missing
    dte_fdm: Path  # folder
    mflm: Path  # folder
    clip: Path  # folder: CLIP in the hub's layout, or DTE-FDM itself where `clip_source` is "dte_fdm"
    clip_source: ClipSource
    sam: Path | None  # SAM ViT-H alone, needed only to begin training from another base
    sam_config: Path | None  # constructor sizes of a SAM that is not ViT-H (test weights)


def locate(folder: Path, clip: Path | None = None) -> FakeShieldFiles:
    """The parts below a folder; nothing is downloaded.

    CLIP comes from the first of: the folder given; the copy in DTE-FDM where its config says that the tower
    was trained; a folder of its name beside or above the weights; the copy in DTE-FDM; the hub's cache.

    Args:
        folder: holds the parts in either published layout, or `weight/` which does.
        clip: folder of CLIP ViT-L/14-336 to use instead of any other.

    Raises:
        EngineUnavailable: DTE-FDM, MFLM or CLIP is not there; the sentence names what is missing.
    """
    root = _root(folder)
    absent = [name for name in ("DTE-FDM", "MFLM") if not (root / name / "config.json").is_file()]
    if absent:
        raise EngineUnavailable(
            f"{folder} lacks {' and '.join(absent)} of FakeShield-22B; run "
            "`python -m fakeshield_core weights get`, or set FAKESHIELD_WEIGHTS_DIR to their folder."
        )
    where, source = _clip(root, folder, clip)
    return FakeShieldFiles(
        root=root,
        dtg=_first(root, DTG_NAMES),
        dte_fdm=root / "DTE-FDM",
        mflm=root / "MFLM",
        clip=where,
        clip_source=source,
        sam=_first(root, SAM_NAMES) or _first(root.parent, SAM_NAMES),
        sam_config=next((p for p in _around(root, folder, SAM_CONFIG) if p.is_file()), None),
    )


def weights_folder(settings: Settings) -> Path:
    """Where `weights get` puts the files: FAKESHIELD_WEIGHTS_DIR, else `weights` in the data folder."""
    return settings.weights_dir or settings.data_dir / "weights"


def find(settings: Settings, clip: Path | None = None) -> FakeShieldFiles:
    """The parts in the weights folder; else, unless that was set, at the pinned commit in the hub's cache.

    Raises:
        EngineUnavailable: they are in neither; nothing is downloaded here.
    """
    folder = weights_folder(settings)
    if settings.weights_dir is None and not (_root(folder) / "DTE-FDM").is_dir():
        folder = _cached(REPOSITORY, REVISION) or folder
    return locate(folder, clip)


def read_config(folder: Path) -> Mapping[str, JsonValue]:
    """The `config.json` of one part.

    Raises:
        EngineUnavailable: it is missing or no JSON object.
    """
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise EngineUnavailable(
            f"{folder.name}/config.json cannot be read; download it again (weights get)."
        ) from error
    if not isinstance(config, dict):
        raise EngineUnavailable(f"{folder.name}/config.json is no object; download it again (weights get).")
    return config


def read_dtg(path: Path) -> dict[str, Tensor]:
    """The state of the domain-tag ResNet-50, without a `module.` prefix.

    Raises:
        EngineUnavailable: the file is missing, damaged or no file of plain tensors.
    """
    from fakeshield_core.checkpoints.tensors import read_file

    tensors = read_file(path)
    return {name.removeprefix("module."): tensors[name] for name in tensors}


def read_clip(files: FakeShieldFiles) -> dict[str, Tensor]:
    """The vision tower of CLIP as stored; names as `CLIPVisionModel` of transformers 5 has them.

    Raises:
        EngineUnavailable: its files are missing, damaged or no files of plain tensors.
    """
    from fakeshield_core.checkpoints.tensors import read_folder

    prefix = COPY_PREFIX if files.clip_source == "dte_fdm" else "vision_model."
    tensors = read_folder(files.clip)
    names = [n for n in tensors if n.startswith(prefix) and not n.endswith(".position_ids")]
    return {name.removeprefix(prefix): tensors[name] for name in names}


def has_clip_copy(dte_fdm: Path) -> bool:
    """Whether DTE-FDM names a complete vision tower: every layer up to the highest, and what is round them.

    Raises:
        EngineUnavailable: the index or single file cannot be read.
    """
    from fakeshield_core.checkpoints.tensors import shard_files

    names = [n.removeprefix(COPY_PREFIX) for n in shard_files(dte_fdm) if n.startswith(COPY_PREFIX)]
    layers = [n.split(".")[2] for n in names if n.startswith("encoder.layers.")]
    rest = [n for n in names if not n.startswith("encoder.") and not n.endswith(".position_ids")]
    per_layer = {layers.count(layer) for layer in layers}
    numbers = {int(layer) for layer in layers}
    return (
        len(rest) == COPY_KEYS_WITHOUT_LAYERS
        and per_layer == {16}
        and numbers == set(range(max(numbers) + 1))
    )


def _root(folder: Path) -> Path:
    for below in NESTED:
        if (folder / below / "DTE-FDM").is_dir() or (folder / below / "MFLM").is_dir():
            return folder / below
    return folder


def _clip(root: Path, folder: Path, given: Path | None) -> tuple[Path, ClipSource]:
    if given is not None:
        if not (given / "config.json").is_file():
            raise EngineUnavailable(
                f"{given} holds no CLIP (config.json); name a folder of {CLIP_REPOSITORY}."
            )
        return given, "folder"
    config = read_config(root / "DTE-FDM")
    trained = bool(config.get("unfreeze_mm_vision_tower"))
    if trained and has_clip_copy(root / "DTE-FDM"):
        return root / "DTE-FDM", "dte_fdm"
    name = str(config.get("mm_vision_tower") or CLIP_REPOSITORY)
    for place in (*_around(root, folder, name), *_around(root, folder, Path(name).name)):
        if (place / "config.json").is_file():
            return place, "folder"
    if has_clip_copy(root / "DTE-FDM"):
        return root / "DTE-FDM", "dte_fdm"
    return _cached_clip(name), "hub"


def _cached_clip(name: str) -> Path:
    cached = _cached(name)
    if cached is None:
        raise EngineUnavailable(
            f"CLIP ({name}) is neither beside the weights nor in DTE-FDM nor in the hub's cache; "
            "run `python -m fakeshield_core weights get`."
        )
    return cached


def _cached(repository: str, revision: str | None = None) -> Path | None:
    """What an earlier download of the hub's own tools left in its cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _around(root: Path, folder: Path, name: str) -> list[Path]:
    """Places where a companion of the weights may lie: beside them, then up to two folders above."""
    places = (root, root.parent, root.parent.parent, folder)
    return [place / name for place in dict.fromkeys(places)]


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
