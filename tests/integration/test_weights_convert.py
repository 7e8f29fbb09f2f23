"""`convert`: the same values in safetensors, resumed after a stop, refused where the source has a fault."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fakeshield_core.checkpoints import manifest
from fakeshield_core.checkpoints.convert import convert
from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles, locate, read_clip, read_dtg
from fakeshield_core.checkpoints.safe_writer import write_safetensors
from fakeshield_core.checkpoints.shapes import is_ignored
from fakeshield_core.checkpoints.tensors import read_file, read_folder
from fakeshield_core.checkpoints.verify import verify
from fakeshield_core.errors import EngineUnavailable
from tests.fake_hub import lay_out

SHARD_BYTES = 150_000  # several files for each tiny part
PARTS = "fakeshield-v1-22b"


@pytest.fixture
def source(tmp_path: Path) -> FakeShieldFiles:
    return locate(lay_out(tmp_path / "w"))


def times(folder: Path) -> dict[str, int]:
    return {p.relative_to(folder).as_posix(): p.stat().st_mtime_ns for p in folder.rglob("*.safetensors")}


def test_every_value_and_type_is_kept_and_the_unused_left_out(
    source: FakeShieldFiles, tmp_path: Path
) -> None:
    convert(source, tmp_path / "out", shard_bytes=SHARD_BYTES)
    target = locate(tmp_path / "out")
    for before, after in ((source.dte_fdm, target.dte_fdm), (source.mflm, target.mflm)):
        old, new = read_folder(before), read_folder(after)
        assert set(new) == {name for name in old if not is_ignored(name)}
        assert all(new[n].dtype == old[n].dtype and torch.equal(new[n], old[n]) for n in new)
    assert read_clip(target).keys() == read_clip(source).keys()
    assert source.dtg is not None
    assert target.dtg is not None
    assert target.dtg.suffix == ".safetensors"
    old, new = read_dtg(source.dtg), read_dtg(target.dtg)
    assert old.keys() == new.keys()
    assert all(torch.equal(old[name], new[name]) for name in old)


def test_the_result_is_whole_complete_and_holds_no_pickle(source: FakeShieldFiles, tmp_path: Path) -> None:
    out = tmp_path / "out"
    record = convert(source, out, shard_bytes=SHARD_BYTES)
    assert [p for report in verify(locate(out), digests=True) for p in report.problems] == []
    assert record.complete
    assert manifest.read(out) == record
    endings = {p.suffix for p in out.rglob("*") if p.is_file()}
    assert endings == {".safetensors", ".json", ".model"}
    assert len(list((out / PARTS / "MFLM").glob("*.safetensors"))) > 2


def test_a_stopped_conversion_goes_on_with_the_files_that_lack(
    source: FakeShieldFiles, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    finished = convert(source, out, shard_bytes=SHARD_BYTES)
    before = times(out)
    lost = next(name for name in before if "MFLM/model-00002-of-" in name)
    spoilt = next(name for name in before if "DTE-FDM/model-00001-of-" in name)
    (out / lost).unlink()
    data = bytearray((out / spoilt).read_bytes())
    data[-1] ^= 255
    (out / spoilt).write_bytes(data)
    manifest.write(out, manifest.Manifest(finished.kind, finished.origin, False, finished.files))
    assert convert(source, out, shard_bytes=SHARD_BYTES) == finished
    after = times(out)
    assert {name for name in before if after[name] != before[name]} == {lost, spoilt}


def test_another_source_in_the_same_folder_begins_anew(source: FakeShieldFiles, tmp_path: Path) -> None:
    out = tmp_path / "out"
    convert(source, out)
    before = times(out)
    convert(locate(lay_out(tmp_path / "other")), out)
    after = times(out)
    assert all(after[name] != before[name] for name in before)


def test_a_source_with_a_fault_is_not_converted(source: FakeShieldFiles, tmp_path: Path) -> None:
    (source.mflm / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(EngineUnavailable, match=r"pytorch_model-00002-of-00002\.bin is missing"):
        convert(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_dtg_may_be_allowed(source: FakeShieldFiles, tmp_path: Path) -> None:
    assert source.dtg is not None
    source.dtg.unlink()
    files = locate(source.root)
    with pytest.raises(EngineUnavailable, match=r"DTG\.pth is missing"):
        convert(files, tmp_path / "out")
    convert(files, tmp_path / "out", ("DTG",))
    assert locate(tmp_path / "out").dtg is None


@pytest.mark.parametrize("below", ["", PARTS])
def test_weights_are_never_converted_onto_themselves(source: FakeShieldFiles, below: str) -> None:
    with pytest.raises(EngineUnavailable, match="is the folder to be converted"):
        convert(source, source.root.parent / below)


def test_a_disk_without_room_is_told_before_anything_is_written(
    source: FakeShieldFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "RESERVE_BYTES", 10**18)
    with pytest.raises(EngineUnavailable, match=r"0\.1 GB are needed in .* GB are free"):
        convert(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_our_writer_writes_what_the_library_reads(tmp_path: Path) -> None:
    state = {
        "odd": torch.arange(3, dtype=torch.uint8),
        "wide": torch.randn(2, 5, generator=torch.Generator().manual_seed(0)),
        "half": torch.ones(3, dtype=torch.bfloat16).expand(2, 3),
        "turned": torch.arange(6.0).reshape(2, 3).T,
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 4),
    }
    torch.save(state, tmp_path / "x.bin")
    record = write_safetensors(tmp_path / "x.safetensors", read_file(tmp_path / "x.bin"), list(state))
    read = load_file(tmp_path / "x.safetensors")
    assert read.keys() == state.keys()
    assert all(read[n].dtype == state[n].dtype and torch.equal(read[n], state[n]) for n in state)
    assert record.size_bytes == (tmp_path / "x.safetensors").stat().st_size
    assert record.sha256 == manifest.sha256_of(tmp_path / "x.safetensors")


def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for text in ("", "[]", json.dumps({"files": {"a": {}}})):
        (tmp_path / manifest.NAME).write_text(text)
        with pytest.raises(EngineUnavailable, match=f"{manifest.NAME} cannot be read"):
            manifest.read(tmp_path)
