"""JPEG tables: qualities found again, Photoshop's and other tables told apart."""

from __future__ import annotations

import numpy as np
import pytest
from PIL.JpegPresets import presets

from fakeshield_core.domain import EvidenceItem
from fakeshield_core.evidence.jpeg_tables import (
    PHOTOSHOP_PRESETS,
    jpeg_tables_item,
    nearest_quality,
)
from fakeshield_core.jpeg import STANDARD_LUMA, standard_table
from tests.fakes import pictured, textured


def _saved(**options: object) -> EvidenceItem:
    return jpeg_tables_item(pictured(textured(32, 48), "JPEG", **options))


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 51, 75, 85, 90, 95, 99, 100])
def test_the_quality_of_the_common_library_is_found_again(quality: int) -> None:
    item = _saved(quality=quality)
    assert item.headline == f"Quality {quality}"
    assert f"at JPEG quality {quality}," in item.shows
    assert item.status == "informs"
    assert (item.numbers["tables"], item.numbers["notable"]) == ("standard", False)


def test_the_standard_table_by_hand() -> None:
    assert standard_table(STANDARD_LUMA, 50).tolist() == STANDARD_LUMA.tolist()
    assert standard_table(STANDARD_LUMA, 75)[0, :3].tolist() == [8, 6, 5]  # (16 * 50 + 50) // 100, ...
    assert standard_table(STANDARD_LUMA, 100).max() == 1


@pytest.mark.parametrize("preset", PHOTOSHOP_PRESETS)
def test_tables_of_photoshop_are_named_and_notable(preset: str) -> None:
    item = _saved(qtables=[list(table) for table in presets[preset]["quantization"]])  # type: ignore[index]
    assert item.headline == "Photoshop tables"
    assert item.numbers["notable"] is True
    assert "Photoshop" in item.shows


def test_other_tables_are_their_own_and_not_notable() -> None:
    flat = [[7] * 64, [9] * 64]
    item = _saved(qtables=flat)
    assert item.headline == "Own tables"
    assert item.numbers["notable"] is False
    assert f"near quality {item.numbers['quality']}" in item.shows


def test_standard_luma_with_another_chroma_table_is_not_called_standard() -> None:
    luma = standard_table(STANDARD_LUMA, 80).ravel().tolist()
    assert _saved(qtables=[luma, [9] * 64]).numbers["tables"] == "custom"


def test_the_nearest_quality_moves_with_the_table() -> None:
    table = standard_table(STANDARD_LUMA, 70)
    assert nearest_quality(table) == 70
    assert nearest_quality(np.maximum(table // 2, 1)) > 80
    assert nearest_quality(table * 2) < 50


@pytest.mark.parametrize(("option", "words"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_subsampling_and_scan_order_are_among_the_numbers(option: int, words: str) -> None:
    item = _saved(quality=80, subsampling=option, progressive=True)
    assert (item.numbers["subsampling"], item.numbers["progressive"]) == (words, True)


def test_a_file_that_is_no_jpeg_says_which_kind_it_is() -> None:
    item = jpeg_tables_item(pictured(textured(32, 32), "PNG"))
    assert (item.status, item.headline) == ("not_measured", "Not a JPEG")
    assert "this one is PNG" in item.shows
    assert item.numbers == {}
