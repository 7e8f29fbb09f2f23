"""Reading tensors: four file forms, and files that are missing, damaged, or hold code."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fakeshield_core.checkpoints.fakeshield import read_dtg
from fakeshield_core.checkpoints.pickles import refuse_code
from fakeshield_core.checkpoints.tensors import read_file, read_folder
from fakeshield_core.errors import EngineUnavailable
from tests.fake_hub import small_dtg

A = torch.tensor([[1.5, -2.0]], dtype=torch.bfloat16)
B = torch.arange(3)


class Marker:
    """Unpickling one makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def write(folder: Path, form: str) -> None:
    if form == "single safetensors":
        save_file({"a": A, "b": B}, folder / "model.safetensors")
    elif form == "single bin":
        torch.save({"a": A, "b": B}, folder / "pytorch_model.bin")
    else:
        end = "safetensors" if "safetensors" in form else "bin"
        stem = "model" if end == "safetensors" else "pytorch_model"
        save = save_file if end == "safetensors" else torch.save
        save({"a": A}, folder / f"{stem}-1.{end}")
        save({"b": B}, folder / f"{stem}-2.{end}")
        names = {"weight_map": {"a": f"{stem}-1.{end}", "b": f"{stem}-2.{end}"}}
        (folder / f"{stem}.{end}.index.json").write_text(json.dumps(names))


@pytest.mark.parametrize("form", ["single safetensors", "single bin", "sharded safetensors", "sharded bin"])
def test_every_form_gives_the_tensors_as_stored(tmp_path: Path, form: str) -> None:
    write(tmp_path, form)
    tensors = read_folder(tmp_path)
    assert set(tensors) == {"a", "b"}
    assert len(tensors) == 2
    assert torch.equal(tensors["a"], A)
    assert tensors["a"].dtype == torch.bfloat16
    assert torch.equal(tensors["b"], B)


@pytest.mark.parametrize("form", ["single safetensors", "single bin"])
def test_shape_and_type_are_known_without_values(tmp_path: Path, form: str) -> None:
    write(tmp_path, form)
    meta = read_folder(tmp_path).meta("a")
    assert (meta.shape, meta.dtype, meta.device.type) == ((1, 2), torch.bfloat16, "meta")


def test_a_name_that_is_not_there_is_a_key_error(tmp_path: Path) -> None:
    write(tmp_path, "single bin")
    tensors = read_folder(tmp_path)
    assert "c" not in tensors
    with pytest.raises(KeyError):
        tensors["c"]


def test_shards_that_are_missing_are_all_named(tmp_path: Path) -> None:
    write(tmp_path, "sharded bin")
    (tmp_path / "pytorch_model-1.bin").unlink()
    (tmp_path / "pytorch_model-2.bin").unlink()
    with pytest.raises(
        EngineUnavailable, match=r"pytorch_model-1\.bin, pytorch_model-2\.bin; run .*weights get"
    ):
        read_folder(tmp_path)


def test_a_shard_without_what_the_index_promises_is_refused_when_read(tmp_path: Path) -> None:
    write(tmp_path, "sharded safetensors")
    save_file({"x": B}, tmp_path / "model-2.safetensors")
    tensors = read_folder(tmp_path)
    with pytest.raises(EngineUnavailable, match=r"model-2\.safetensors lacks b"):
        tensors["b"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"weight_map": 3}'])
def test_an_index_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(EngineUnavailable, match=r"index\.json cannot be read"):
        read_folder(tmp_path)


def test_an_index_cannot_name_files_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../other.safetensors"}}')
    with pytest.raises(EngineUnavailable, match="outside its folder"):
        read_folder(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="holds no weights"):
        read_folder(tmp_path)


@pytest.mark.parametrize("form", ["single safetensors", "single bin"])
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.6, 0.98])
def test_a_file_cut_short_anywhere_is_called_damaged(tmp_path: Path, form: str, kept: float) -> None:
    write(tmp_path, form)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(EngineUnavailable, match="incomplete or damaged"):
        read_file(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapped", [True, False])
def test_pickled_code_is_refused_and_never_run(tmp_path: Path, zipped: bool, wrapped: bool) -> None:
    marker, path = tmp_path / "ran", tmp_path / "pytorch_model.bin"
    bad = {"a": A, "b": Marker(marker)}
    torch.save({"state_dict": bad} if wrapped else bad, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(EngineUnavailable, match=r"holds code \(posix\.mkdir\).*was not opened"):
        read_file(path)
    assert not marker.exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_bare_pickle_is_refused_whatever_its_protocol(tmp_path: Path, protocol: int) -> None:
    marker, path = tmp_path / "ran", tmp_path / "DTG.pth"
    path.write_bytes(pickle.dumps(Marker(marker), protocol))
    with pytest.raises(EngineUnavailable):
        read_file(path)
    assert not marker.exists()


def test_a_global_taken_from_the_stack_is_strange_even_with_a_plain_name(tmp_path: Path) -> None:
    """Its name could be hidden from a reader that does not run the pickle."""
    path = tmp_path / "x.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps(OrderedDict(), 4))
    with pytest.raises(EngineUnavailable, match="STACK_GLOBAL"):
        refuse_code(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("bad_first", [True, False])
def test_code_cannot_hide_behind_a_second_entry_of_the_same_name(tmp_path: Path, bad_first: bool) -> None:
    path = tmp_path / "x.bin"
    contents = [pickle.dumps(Marker(tmp_path / "ran"), 2), pickle.dumps({}, 2)]
    with zipfile.ZipFile(path, "w") as archive:
        for content in contents if bad_first else contents[::-1]:
            archive.writestr("x/data.pkl", content)
    with pytest.raises(EngineUnavailable, match="holds code"):
        refuse_code(path)


def test_the_form_of_torch_before_1_6_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save({"a": A}, path, _use_new_zipfile_serialization=False)
    assert torch.equal(read_file(path)["a"], A)


@pytest.mark.parametrize("content", [[A], {"a": 3}, {1: A}, A])
def test_what_is_no_dictionary_of_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(EngineUnavailable, match="no dictionary of tensors"):
        read_file(tmp_path / "x.pth")


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_dtg_is_read_out_of_its_wrapper_and_prefix(
    tmp_path: Path, wrapper: str | None, prefix: str
) -> None:
    state = small_dtg(prefix)
    torch.save({wrapper: state} if wrapper else state, tmp_path / "DTG.pth")
    assert read_dtg(tmp_path / "DTG.pth").keys() == small_dtg().keys()
