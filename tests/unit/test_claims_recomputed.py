"""Every number of a claim, once more from the picture: what `evidence` says against a slow twin.

Error level and noise are held against theirs in `test_evidence_contrast.py`, and the quality of JPEG tables
against files saved at it in `test_evidence_jpeg_tables.py`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest
from PIL import Image
from PIL.JpegPresets import presets

from fakeshield_core import masks
from fakeshield_core.domain import BoolMask, Claim, RgbImage
from fakeshield_core.evidence import compare, measure
from fakeshield_core.explain import claims_from
from fakeshield_core.imaging import decode
from fakeshield_core.picture import Picture
from tests.claims_twin import double_of, ghost_of, grid_of, moved_of
from tests.fakes import textured
from tests.jpeg_histories import file_of, square, with_fresh_part, with_ghost, with_moved_grid
from tests.unit.test_copies import SOURCE, TARGET, with_copy
from tests.unit.test_copies import square as square_at

EFFECT = 0.05  # relative: the twin sums in double precision, and a vote or two may fall otherwise


def claim_of(picture: Picture, mask: BoolMask, kind: str) -> Claim:
    regions = masks.regions(mask, mask.astype(np.float32))
    labels = masks.label_regions(mask, masks.min_region_px(*mask.shape)).labels
    return next(
        claim
        for claim in claims_from(compare(measure(picture), labels, regions), regions)
        if claim.kind == kind
    )


def decoded(rgb: RgbImage, file_format: str, quality: int = 95) -> Picture:
    return decode(file_of(rgb, file_format, quality), "test")


@pytest.mark.parametrize("make", [with_ghost, with_fresh_part])
def test_numbers_of_a_ghost(make: Callable[[], RgbImage]) -> None:
    picture = decoded(make(), "PNG")
    numbers, twin = claim_of(picture, square(), "ghosts").evidence, ghost_of(picture.rgb, square())
    assert numbers["effect"] == pytest.approx(twin["effect"], rel=EFFECT)
    for name in ("at_quality", "changes", "blocks_inside"):
        assert numbers[name] == twin[name]
    for name in ("percent", "spread_percent"):
        assert numbers[name] == pytest.approx(twin[name], abs=1)


@pytest.mark.parametrize(
    ("rgb", "file_format"),
    [(with_moved_grid(), "PNG"), (with_moved_grid(1, 7, 1), "JPEG"), (with_ghost(), "PNG")],
    ids=["moved", "in-a-jpeg", "alone"],
)
def test_numbers_of_a_grid(rgb: RgbImage, file_format: str) -> None:
    picture = decoded(rgb, file_format, 97)
    numbers = claim_of(picture, square(), "grid").evidence
    twin = grid_of(picture.rgb, square(), file_format == "JPEG")
    assert (numbers["moved_xy"], numbers["rest_has_grid"]) == (twin["moved_xy"], twin["rest_has_grid"])
    assert numbers["effect"] == pytest.approx(twin["effect"], rel=EFFECT)
    for name, reach in (("inside_percent", 1.5), ("outside_percent", 1.5), ("votes_inside", 2)):
        assert numbers[name] == pytest.approx(twin[name], abs=reach)


def test_numbers_of_double_quantisation() -> None:
    picture = decoded(with_fresh_part(), "JPEG", 90)
    assert picture.jpeg is not None
    numbers = claim_of(picture, square(), "double_quantisation").evidence
    twin = double_of(picture.rgb, picture.jpeg.luma_table, square())
    assert numbers["blocks_inside"] == twin["blocks_inside"]
    assert numbers["effect"] == pytest.approx(twin["effect"], rel=EFFECT)
    for name in ("inside_likelihood", "outside_likelihood"):
        assert numbers[name] == pytest.approx(twin[name], rel=0.02)


def test_numbers_of_copied_areas() -> None:
    picture = decoded(with_copy()[:, :384], "PNG")
    source, target = (at(corner)[:, :384] for at, corner in ((square_at, SOURCE), (square_at, TARGET)))
    numbers = claim_of(picture, target, "copy_move").evidence
    truth = TARGET[1] - SOURCE[1], TARGET[0] - SOURCE[0]
    twin = moved_of(picture.rgb, truth, source)
    assert np.abs(np.abs(numbers["offset_xy"]) - truth).max() <= 1  # type: ignore[arg-type]
    assert numbers["pairs"] == numbers["effect"] == pytest.approx(twin["pairs"], rel=0.03)
    assert numbers["correlation"] == pytest.approx(twin["correlation"], abs=0.05)
    assert numbers["magnification"] == pytest.approx(1, abs=0.01)
    assert numbers["turn_degrees"] == pytest.approx(0, abs=0.5)
    grey = picture.rgb[..., 0].astype(float)
    for x0, y0, x1, y1 in numbers["matched"]:  # type: ignore[misc,union-attr]
        here, there = (grey[y - 4 : y + 5, x - 4 : x + 5].ravel() for x, y in ((x0, y0), (x1, y1)))
        if len(here) == len(there) == 81:
            assert np.corrcoef(here, there)[0, 1] > 0.7


def test_facts_of_a_file() -> None:
    exif = Image.Exif()
    exif[0x0131], exif[0x0132] = "GIMP 2.10.8", "2024:03:09 18:00:00"
    details = exif.get_ifd(0x8769)
    details[0x9003], details[0xA002], details[0xA003] = "2024:03:04 18:00:00", 800, 600
    buffer = io.BytesIO()
    Image.fromarray(textured(64, 96)).save(buffer, "JPEG", exif=exif.tobytes())
    numbers = claim_of(decode(buffer.getvalue(), "test"), np.zeros((64, 96), np.bool_), "metadata").evidence
    with Image.open(io.BytesIO(buffer.getvalue())) as image:
        held = image.getexif()
        inner = held.get_ifd(0x8769)
        written, taken = (
            datetime.strptime(text, "%Y:%m:%d %H:%M:%S") for text in (held[0x0132], inner[0x9003])
        )
        assert numbers["program"] == held[0x0131]
        assert numbers["last_written"] == f"{(written - taken).days} days after"
        assert numbers["stated_size"] == [inner[0xA002], inner[0xA003]]
        assert numbers["size"] == list(image.size)


@pytest.mark.parametrize("preset", ["web_low", "medium", "maximum"])
def test_facts_of_jpeg_tables(preset: str) -> None:
    tables = [list(table) for table in presets[preset]["quantization"]]  # type: ignore[index]
    buffer = io.BytesIO()
    Image.fromarray(textured(64, 96)).save(buffer, "JPEG", qtables=tables, subsampling=2)
    numbers = claim_of(
        decode(buffer.getvalue(), "test"), np.zeros((64, 96), np.bool_), "jpeg_tables"
    ).evidence
    with Image.open(io.BytesIO(buffer.getvalue())) as image:
        table = np.array(image.quantization[0])  # type: ignore[attr-defined]
    assert [list(image.quantization[0]), list(image.quantization[1])] == tables  # type: ignore[attr-defined]
    assert (numbers["notable"], numbers["subsampling"]) == (True, "4:2:0")
    standard = [_standard(quality) for quality in range(1, 101)]
    distances = [np.abs(np.log(table / each)).mean() for each in standard]
    assert numbers["quality"] == 1 + int(np.argmin(distances))
    assert numbers["luma_mean"] == round(float(table.mean()), 2)


def _standard(quality: int) -> np.ndarray:
    """libjpeg's own table of that quality, as it writes it into a file."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as image:
        return np.array(image.quantization[0])  # type: ignore[attr-defined]
