from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakeshield_core.errors import InputError, ManifestInvalid
from fakeshield_core.manifest import ManifestRow, read_manifest, read_mask


def write_folder(folder: Path, text: str) -> Path:
    """A manifest beside `a.png`, `b.png` and `m.png`."""
    for name in ("a.png", "b.png", "m.png"):
        Image.new("L", (4, 4)).save(folder / name)
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_keep_their_order_and_every_other_column(tmp_path: Path) -> None:
    manifest = read_manifest(
        write_folder(
            tmp_path, "path,kind,mask,dataset,shade\na.png,tampered,m.png,X,red\nb.png,authentic,,Y,\n"
        )
    )
    first, second = manifest.rows
    assert [first.name, second.name] == ["a.png", "b.png"]
    assert (first.line, first.dataset, first.column("shade")) == (2, "X", "red")
    assert first.path == (tmp_path / "a.png").resolve()
    assert first.mask == (tmp_path / "m.png").resolve()
    assert second.mask is None
    assert second.column("not there") == ""


def test_digest_changes_with_the_file(tmp_path: Path) -> None:
    before = read_manifest(write_folder(tmp_path, "path,kind,mask\na.png,authentic,\n")).sha256
    after = read_manifest(write_folder(tmp_path, "path,kind,mask\na.png,tampered,\n")).sha256
    assert before != after


def test_byte_order_mark_and_quoted_commas_are_understood(tmp_path: Path) -> None:
    text = '\ufeffpath,kind,mask,note\na.png,authentic,,"one, two"\n'
    assert read_manifest(write_folder(tmp_path, text)).rows[0].column("note") == "one, two"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,kind\na.png,authentic\n", ["column mask"]),
        ("path,kind,mask\n", ["no rows"]),
        ("", ["column path"]),
        ("path,kind,mask\na.png,authentic,\nb.png,,\n", ["Line 3", "column kind"]),
        ("path,kind,mask\n,authentic,\n", ["Line 2", "column path"]),
        ("path,kind,mask\nc.png,authentic,\n", ["Line 2", "column path", "c.png"]),
        ("path,kind,mask\na.png,tampered,n.png\n", ["Line 2", "column mask", "n.png"]),
        ("path,kind,mask\na.png,tampered\n", ["Line 2", "fields"]),
        ("path,kind,mask\na.png,tampered,m.png,more\n", ["Line 2", "fields"]),
        ("path,kind,mask\na.png,authentic,\na.png,authentic,\n", ["Line 3", "line 2"]),
        ('path,kind,mask\n"a.png,authentic,\n', ["Line 2", "not CSV"]),
    ],
)
def test_refusal_names_line_and_column(tmp_path: Path, text: str, said: list[str]) -> None:
    with pytest.raises(ManifestInvalid) as refusal:
        read_manifest(write_folder(tmp_path, text))
    assert all(part in str(refusal.value) for part in said), refusal.value


@pytest.mark.parametrize("column", ["path", "mask"])
@pytest.mark.parametrize("way", ["../secret.png", "{root}/secret.png", "link.png"])
def test_no_path_leaves_the_folder(tmp_path: Path, column: str, way: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "secret.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    value = way.format(root=tmp_path)
    row = f"{value},authentic," if column == "path" else f"a.png,tampered,{value}"
    with pytest.raises(ManifestInvalid, match=f"column {column}.*outside"):
        read_manifest(write_folder(folder, f"path,kind,mask\n{row}\n"))


def test_missing_or_binary_manifest_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ManifestInvalid, match="cannot be read"):
        read_manifest(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00p")
    with pytest.raises(ManifestInvalid, match="UTF-8"):
        read_manifest(tmp_path / "binary.csv")


@pytest.mark.parametrize(
    ("kind", "use", "mask_type", "tampered", "authentic", "has_mask"),
    [
        ("tampered", "", "binary", True, False, True),
        ("tampered", "", "", True, False, True),
        ("tampered", "yes", "labels", True, False, False),
        ("authentic", "", "", False, True, False),
        ("segmentation", "yes", "labels", False, True, False),
        ("segmentation", "probably", "binary", False, False, False),
    ],
)
def test_kind_and_use_decide_what_a_row_counts_as(
    kind: str, use: str, mask_type: str, tampered: bool, authentic: bool, has_mask: bool
) -> None:
    columns = {"authentic_use": use, "mask_type": mask_type}
    row = ManifestRow(2, "a.png", Path("/a.png"), kind, Path("/m.png"), columns)
    assert (row.is_tampered, row.is_authentic, row.tampering_mask is not None) == (
        tampered,
        authentic,
        has_mask,
    )
    assert row.is_used == (tampered or authentic)
    assert row.group == "a.png"


def test_mask_counts_pixels_whose_channel_mean_is_above_half(tmp_path: Path) -> None:
    colours = np.array([[[127, 127, 128], [128, 128, 127], [255, 255, 255], [255, 128, 0]]], np.uint8)
    Image.fromarray(np.tile(colours, (16, 4, 1))).save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png")[0, :4].tolist() == [False, True, True, True]


def test_one_bit_mask_is_read_as_drawn(tmp_path: Path) -> None:
    drawn = np.eye(17, dtype=bool)
    Image.fromarray(drawn).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png"), drawn)


def test_broken_mask_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(b"no picture")
    with pytest.raises(InputError):
        read_mask(tmp_path / "m.png")
