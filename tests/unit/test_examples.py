"""The shipped examples: remade from code, with true masks; the retouching behind them; stored answers."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakeshield_core.domain import RgbImage
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import FakeShieldError, InputError
from fakeshield_core.imaging import decode_map_png
from fakeshield_core.synthesis.examples import LISTING, ExampleCard, load_cards, main, store_results
from fakeshield_core.synthesis.examples_pictures import Example, make_examples
from fakeshield_core.synthesis.examples_retouch import copy_within, heal, paste, soft_ellipse, soft_polygon

SHIPPED = Path(__file__).resolve().parents[2] / "ui" / "examples"
IDS = ("unedited", "pasted", "copied", "removed", "unedited_grey")
MAX_BYTES = 200_000  # of one picture: five of them must not slow the first page


@pytest.fixture(scope="module")
def made() -> dict[str, Example]:
    return {example.id: example for example in make_examples()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("examples")
    assert main([str(out)]) == 0
    return out


def pixels(data: bytes) -> RgbImage:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def difference(first: RgbImage, second: RgbImage) -> np.ndarray:
    """(H, W) mean distance over the channels, grey levels."""
    return np.abs(first.astype(np.float32) - second.astype(np.float32)).mean(axis=2)


def test_the_page_has_the_three_forgeries_and_untouched_photos(made: dict[str, Example]) -> None:
    assert tuple(made) == IDS
    kinds = [example.kind for example in made.values()]
    assert kinds == ["authentic", "splice", "copy_move", "removal", "authentic"]


@pytest.mark.parametrize("name", IDS)
def test_an_example_is_a_small_jpeg_with_its_story(made: dict[str, Example], name: str) -> None:
    example = made[name]
    with Image.open(io.BytesIO(example.data)) as image:
        assert image.format == "JPEG"
        assert min(image.size) >= 300 and max(image.size) <= 768
    assert len(example.data) < MAX_BYTES
    assert example.title and example.alt and example.history[-1].startswith("JPEG quality")
    assert all(
        source.licence in {"CC0", "public domain", "Apache-2.0"} and source.name for source in example.sources
    )


@pytest.mark.parametrize("name", IDS)
def test_only_a_forgery_has_a_mask_and_it_is_neither_tiny_nor_huge(
    made: dict[str, Example], name: str
) -> None:
    example = made[name]
    assert (example.mask is None) == (example.kind == "authentic")
    if example.mask is not None:
        assert example.mask.shape == pixels(example.data).shape[:2]
        assert 0.02 < example.mask.mean() < 0.2


def test_the_spoon_is_gone_inside_the_mask_and_nothing_changed_outside(made: dict[str, Example]) -> None:
    removed, unedited = made["removed"], made["unedited"]
    assert removed.mask is not None
    apart = difference(pixels(removed.data), pixels(unedited.data))
    assert apart[removed.mask].mean() > 20
    assert apart[~removed.mask].mean() < 5  # one JPEG round more
    bowl = np.s_[250:315, 340:395]
    assert pixels(unedited.data)[bowl].max() > 240 and pixels(removed.data)[bowl].max() < 200


def test_the_copied_galaxy_equals_its_original(made: dict[str, Example]) -> None:
    copied = made["copied"]
    assert copied.mask is not None
    picture = pixels(copied.data)
    rows, columns = np.nonzero(copied.mask)
    original = picture[rows - 289, columns - 516].astype(np.float32)
    assert np.abs(picture[copied.mask] - original).mean() < 5
    assert np.abs(picture[copied.mask] - original[::-1]).mean() > 10


def test_the_balloon_is_the_only_thing_red_in_the_evening_sky(made: dict[str, Example]) -> None:
    pasted = made["pasted"]
    assert pasted.mask is not None
    sky = pixels(pasted.data)[:180, 445:560].astype(np.float32)
    red = sky[..., 0] > sky[..., 2] + 40
    inside = pasted.mask[:180, 445:560]
    assert red[inside].mean() > 0.6 and red[~inside].mean() < 0.02


@pytest.mark.parametrize("name", IDS)
def test_the_shipped_picture_and_mask_are_what_the_code_makes(made: dict[str, Example], name: str) -> None:
    shipped = pixels((SHIPPED / f"{name}.jpg").read_bytes())
    # Another build of numpy or Pillow may round differently here and there.
    assert difference(shipped, pixels(made[name].data)).mean() < 0.5
    mask = made[name].mask
    assert (SHIPPED / f"{name}.mask.png").is_file() == (mask is not None)
    if mask is not None:
        with Image.open(SHIPPED / f"{name}.mask.png") as image:
            assert image.mode == "1" and image.format == "PNG"
            assert (np.asarray(image) != mask).mean() < 1e-3


def test_the_shipped_listing_is_what_the_code_writes(folder: Path) -> None:
    assert load_cards(SHIPPED) == load_cards(folder)
    assert (SHIPPED / "README.md").read_text() == (folder / "README.md").read_text()


def test_the_readme_names_source_and_licence_of_every_file() -> None:
    readme = (SHIPPED / "README.md").read_text()
    for card in load_cards(SHIPPED):
        row = next(line for line in readme.splitlines() if f"`{card.file}`" in line)
        assert card.source in row and card.licence in row


def test_cards_point_at_files_that_exist(folder: Path) -> None:
    for card in load_cards(folder):
        assert isinstance(card, ExampleCard)
        assert (folder / card.file).is_file()
        assert card.mask is None or (folder / card.mask).is_file()


def test_results_are_stored_for_each_example(folder: Path) -> None:
    store_results(StubEngine(), folder)
    for card in load_cards(folder):
        result = json.loads((folder / f"{card.id}.json").read_bytes())
        assert result["verdict"] == "no_tampering_found" and result["engine"]["name"] == "stub"
        soft_map = decode_map_png((folder / f"{card.id}.map.png").read_bytes())
        assert soft_map.shape == (result["picture"]["height"], result["picture"]["width"])


def _missing(folder: Path) -> None:
    (folder / "elsewhere").mkdir()


def _not_json(folder: Path) -> None:
    (folder / LISTING).write_text("{")


def _wrong_shape(folder: Path) -> None:
    (folder / LISTING).write_text('{"examples": [{"id": "a"}]}')


@pytest.mark.parametrize("damage", [_missing, _not_json, _wrong_shape])
def test_a_damaged_listing_says_how_to_remake_it(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(tmp_path)
    with pytest.raises(InputError, match="remake it with python -m"):
        load_cards(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "file"
    taken.write_text("")
    assert main([str(taken / "inside")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_without_scikit_image_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(FakeShieldError, match="requirements-dev"):
        make_examples()


def test_a_polygon_covers_its_area_with_soft_edges() -> None:
    shape = soft_polygon((10, 12), [(2, 3), (8.5, 3), (8.5, 7), (2, 7)])
    assert shape.sum() == pytest.approx(6.5 * 4, rel=0.15)
    assert shape[5, 5] == 1 and shape[0, 0] == 0 and 0 < shape[5, 8] < 1


def test_an_ellipse_covers_pi_a_b() -> None:
    assert soft_ellipse((60, 80), (40, 30), (20, 10)).sum() == pytest.approx(np.pi * 200, rel=0.05)


def test_paste_changes_only_what_lies_under_the_piece() -> None:
    host, piece = np.zeros((4, 5, 3), np.uint8), np.full((2, 2, 3), 200, np.uint8)
    edited = paste(host, piece, np.array([[1.0, 0.5], [0.0, 0.75]], np.float32), (2, 1))
    assert edited.rgb[..., 0].tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 200, 100, 0],
        [0, 0, 0, 150, 0],
        [0, 0, 0, 0, 0],
    ]
    assert np.argwhere(edited.mask).tolist() == [[1, 2], [2, 3]]
    assert host.max() == 0


def test_copy_moves_the_covered_part_by_the_shift() -> None:
    host = np.zeros((6, 6, 3), np.uint8)
    host[1, 1], host[1, 2] = 50, 90
    alpha = np.zeros((6, 6), np.float32)
    alpha[1, 1:3] = 1
    edited = copy_within(host, alpha, (2, 3))
    assert edited.rgb[4, :, 0].tolist() == [0, 0, 0, 50, 90, 0] and edited.rgb[1, 1, 0] == 50
    assert np.argwhere(edited.mask).tolist() == [[4, 3], [4, 4]]


def ramp() -> RgbImage:
    """(40, 60, 3), brighter to the right."""
    return np.repeat(np.tile(np.arange(60, dtype=np.uint8) * 3, (40, 1))[..., None], 3, axis=2)


@pytest.mark.parametrize("grain", [0.0, 1.0])
def test_healing_restores_a_ramp_under_a_blot(grain: float) -> None:
    clean = ramp()
    hole = soft_ellipse((40, 60), (20, 20), (6, 8))
    blotted = np.where(hole[..., None] > 0, 255, clean).astype(np.uint8)
    edited = heal(blotted, hole, (18, 3), grain)
    assert difference(edited.rgb, clean)[edited.mask].max() < 6
    assert np.array_equal(edited.rgb[~edited.mask], blotted[~edited.mask])


def test_healing_takes_its_grain_from_the_source() -> None:
    rng = np.random.default_rng(0)
    host = np.full((40, 60, 3), 120, np.uint8)
    host[:, 35:] += rng.integers(0, 30, (40, 25, 1), np.uint8)
    hole = soft_ellipse((40, 60), (15, 20), (6, 6))
    rough, smooth = (heal(host, hole, (32, 0), grain) for grain in (1.0, 0.0))
    assert rough.rgb[rough.mask].std() > 5 and smooth.rgb[smooth.mask].std() < 1


def test_the_colour_of_another_surface_does_not_bleed_into_the_hole() -> None:
    host = np.full((40, 60, 3), 60, np.uint8)
    host[:, :20] = 220
    hole = np.zeros((40, 60), np.float32)
    hole[12:28, 20:32] = 1
    other = np.zeros((40, 60), np.float32)
    other[:, :20] = 1
    bled, kept = heal(host, hole, (20, 0)), heal(host, hole, (20, 0), apart=other)
    assert kept.rgb[20, 20:32, 0].max() <= 61
    assert bled.rgb[20, 20, 0] > 150
