"""Where the parts are found: both layouts, and CLIP from the right place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from fakeshield_core.checkpoints.fakeshield import (
    CLIP_REPOSITORY,
    COPY_PREFIX,
    find,
    has_clip_copy,
    locate,
    read_clip,
    read_config,
)
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.settings import Settings
from tests.fake_hub import lay_out


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's cache of whoever runs the tests is none of theirs."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


def change_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("nested", [True, False])
def test_both_layouts_are_found(tmp_path: Path, nested: bool) -> None:
    files = locate(lay_out(tmp_path / "w", nested))
    root = tmp_path / "w" / ("fakeshield-v1-22b" if nested else "")
    assert (files.root, files.dte_fdm, files.mflm) == (root, root / "DTE-FDM", root / "MFLM")
    assert files.dtg == root / "DTG.pth"
    assert files.sam_config == tmp_path / "w/tiny_sam_config.json"


def test_the_inner_folder_and_the_one_above_name_the_same_parts(tmp_path: Path) -> None:
    lay_out(tmp_path / "weight")
    assert locate(tmp_path / "weight/fakeshield-v1-22b") == locate(tmp_path) == locate(tmp_path / "weight")


@pytest.mark.parametrize("part", ["DTE-FDM", "MFLM"])
def test_a_missing_part_is_named(tmp_path: Path, part: str) -> None:
    shutil.rmtree(lay_out(tmp_path / "w") / "fakeshield-v1-22b" / part)
    with pytest.raises(EngineUnavailable, match=f"lacks {part} of FakeShield-22B; run .*weights get"):
        locate(tmp_path / "w")


def test_a_missing_dtg_is_left_to_those_who_need_it(tmp_path: Path) -> None:
    (lay_out(tmp_path / "w") / "fakeshield-v1-22b/DTG.pth").unlink()
    assert locate(tmp_path / "w").dtg is None


def test_a_clip_that_is_named_wins(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "w")
    shutil.copytree(folder / CLIP_REPOSITORY, tmp_path / "mine")
    files = locate(folder, tmp_path / "mine")
    assert (files.clip, files.clip_source) == (tmp_path / "mine", "folder")


def test_a_named_folder_without_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="holds no CLIP"):
        locate(lay_out(tmp_path / "w"), tmp_path)


def test_clip_beside_the_weights_comes_before_the_copy_inside(tmp_path: Path) -> None:
    files = locate(lay_out(tmp_path / "w"))
    assert (files.clip, files.clip_source) == (tmp_path / "w" / CLIP_REPOSITORY, "folder")


def test_a_path_of_another_machine_in_the_config_still_finds_clip_by_its_last_name(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "w")
    (folder / CLIP_REPOSITORY).rename(folder / "clip-vit-large-patch14-336")
    change_config(folder / "fakeshield-v1-22b/DTE-FDM", mm_vision_tower="/gone/clip-vit-large-patch14-336")
    assert locate(folder).clip == folder / "clip-vit-large-patch14-336"


def test_a_tower_that_was_trained_comes_from_the_copy(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "w")
    change_config(folder / "fakeshield-v1-22b/DTE-FDM", unfreeze_mm_vision_tower=True)
    assert locate(folder).clip_source == "dte_fdm"


def test_without_another_clip_the_copy_gives_the_same_tensors(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "w")
    outside = read_clip(locate(folder))
    shutil.rmtree(folder / "openai")
    files = locate(folder)
    inside = read_clip(files)
    assert files.clip_source == "dte_fdm"
    assert inside.keys() == outside.keys()
    assert all(torch.equal(inside[name], outside[name]) for name in outside)


@pytest.mark.parametrize(
    "lost", ["pre_layrnorm.bias", "encoder.layers.1.mlp.fc1.weight", "encoder.layers.0."]
)
def test_a_copy_with_a_gap_is_no_copy(tmp_path: Path, lost: str) -> None:
    part = lay_out(tmp_path / "w") / "fakeshield-v1-22b/DTE-FDM"
    index = part / "model.safetensors.index.json"
    table = json.loads(index.read_text())["weight_map"]
    kept = {name: file for name, file in table.items() if not name.startswith(COPY_PREFIX + lost)}
    assert has_clip_copy(part)
    index.write_text(json.dumps({"weight_map": kept}))
    assert not has_clip_copy(part)
    shutil.rmtree(tmp_path / "w/openai")
    with pytest.raises(EngineUnavailable, match=r"CLIP .* nor in the hub's cache"):
        locate(tmp_path / "w")


def test_the_set_folder_is_looked_in_and_no_other(tmp_path: Path) -> None:
    lay_out(tmp_path / "data/weights")
    assert find(Settings(data_dir=tmp_path / "data")).root.is_relative_to(tmp_path / "data/weights")
    with pytest.raises(EngineUnavailable, match="empty lacks DTE-FDM and MFLM"):
        find(Settings(data_dir=tmp_path / "data", weights_dir=tmp_path / "empty"))


def test_weights_nowhere_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="weights get"):
        find(Settings(data_dir=tmp_path / "data"))


@pytest.mark.parametrize("text", ["", "[1]"])
def test_a_config_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(EngineUnavailable, match=r"config\.json"):
        read_config(tmp_path)
