"""Metadata in words: what is named, what is missing, and that neither is called evidence of forgery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from PIL import Image

from fakeshield_core.domain import EvidenceItem
from fakeshield_core.evidence.metadata import lapse_words, metadata_item, read
from fakeshield_core.picture import Picture
from tests.fakes import pictured, textured

CAMERA = {"Make": "NIKON CORPORATION", "Model": "NIKON D70"}
TAKEN = {"DateTimeOriginal": "2006:05:04 10:11:12"}
JUDGING = ("forg", "fake", "tamper", "authentic", "manipulat", "suspicious")


@pytest.fixture(scope="module")
def photo() -> Picture:
    return pictured(textured(32, 48), "JPEG")


def _item(photo: Picture, fields: Mapping[str, str]) -> EvidenceItem:
    return metadata_item(replace(photo, metadata=fields))


@pytest.mark.parametrize(
    ("fields", "headline", "part"),
    [
        (
            {"Software": "Adobe Photoshop CS2 Windows"},
            "Photoshop",
            "names Adobe Photoshop CS2 Windows, an editing program.",
        ),
        ({"xmp:CreatorTool": "GIMP 2.10"}, "GIMP", "GIMP 2.10, an editing program"),
        ({"stEvt:softwareAgent": "Canon; Snapseed 2.0"}, "Snapseed", "an editing program"),
        ({"Software": "Adobe Photoshop Lightroom 6.1"}, "Lightroom", "a photo development program"),
        ({"parameters": "a cat, Steps: 20"}, "Image generator", "an image generator"),
        (CAMERA, "NIKON D70", "The file names the camera NIKON D70."),
        ({"Make": "SONY", "Model": "DSC-P1"}, "SONY DSC-P1", "names the camera SONY DSC-P1."),
        ({**CAMERA, "Software": "Ver.1.01"}, "NIKON D70", "The file names the camera NIKON D70."),
        ({"Software": "Ver.1.01"}, "Ver.1.01", "names Ver.1.01."),
        (
            {**CAMERA, "Software": "GIMP 2.8"},
            "GIMP",
            "names the camera NIKON D70 and GIMP 2.8, an editing program.",
        ),
        (
            {**TAKEN, "DateTime": "2006:05:07 10:11:12"},
            "Times differ",
            "last written 3 days after the picture was taken",
        ),
        (
            {"ExifImageWidth": "3008", "ExifImageHeight": "2000"},
            "Other size stated",
            "states 3008 × 2000 pixels where it has 48 × 32",
        ),
        ({}, "Stripped", "usual on social media"),
        ({"ColorSpace": "1"}, "Stripped", "usual on social media"),
    ],
)
def test_what_the_file_says(photo: Picture, fields: dict[str, str], headline: str, part: str) -> None:
    item = _item(photo, fields)
    assert item.headline == headline
    assert part in item.shows
    assert item.status == "informs"
    assert item.region_id is None


@pytest.mark.parametrize(
    ("fields", "notable"),
    [
        ({}, False),
        (CAMERA, False),
        ({"Software": "Ver.1.01"}, False),
        ({"Software": "Adobe Photoshop 7.0"}, True),
        ({**TAKEN, "DateTime": "2006:05:04 10:11:40"}, False),
        ({**TAKEN, "DateTime": "2006:05:04 10:13:00"}, True),
        ({**TAKEN, "DateTime": "0000:00:00 00:00:00"}, False),
        ({"DateTime": "2006:05:04 10:13:00"}, False),
        ({"ExifImageWidth": "32", "ExifImageHeight": "48"}, False),
        ({"ExifImageWidth": "0", "ExifImageHeight": "0"}, False),
        ({"ExifImageWidth": "many", "ExifImageHeight": "48"}, False),
    ],
)
def test_only_programs_times_and_sizes_are_worth_a_reason(
    photo: Picture, fields: dict[str, str], notable: bool
) -> None:
    assert _item(photo, fields).numbers["notable"] is notable


@pytest.mark.parametrize("fields", [{}, CAMERA, {"Software": "Adobe Photoshop 7.0"}, {"parameters": "x"}])
def test_metadata_never_judges(photo: Picture, fields: dict[str, str]) -> None:
    item = _item(photo, fields)
    assert not [word for word in JUDGING if word in f"{item.shows} {item.cannot_show}".lower()]


def test_a_png_without_metadata_is_not_called_stripped() -> None:
    assert metadata_item(pictured(textured(32, 32), "PNG")).headline == "No camera data"


def test_a_generator_outweighs_an_editor_and_an_editor_a_developer() -> None:
    names = "Lightroom 5; Photoshop 7; Firefly 2"
    assert [
        read({"Software": "; ".join(names.split("; ")[:count])}, 1, 1).program.short  # type: ignore[union-attr]
        for count in (1, 2, 3)
    ] == ["Lightroom", "Photoshop", "Firefly"]


@pytest.mark.parametrize(
    ("make", "model", "headline"),
    [
        ("Canon", "Canon PowerShot A70", "PowerShot A70"),
        ("OLYMPUS OPTICAL CO.,LTD", "C720UZ", "C720UZ"),
        ("Canon", "EOS 5D", "Canon EOS 5D"),
        ("M" * 90, "X" * 90, "X" * 17 + "…"),
        ("M" * 90, "", "M" * 17 + "…"),
    ],
)
def test_a_camera_that_is_too_long_for_the_tile_loses_its_make(
    photo: Picture, make: str, model: str, headline: str
) -> None:
    item = _item(photo, {"Make": make, "Model": model})
    assert item.headline == headline
    assert len(item.shows) < 90


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (90, "2 minutes after"),
        (-7200, "2 hours before"),
        (100_000, "28 hours after"),
        (300_000, "3 days after"),
        (8e6, "3 months after"),
        (1e8, "3 years after"),
    ],
)
def test_lapse_words(seconds: float, words: str) -> None:
    assert lapse_words(seconds) == words


def test_real_exif_reaches_the_finding() -> None:
    exif = Image.Exif()
    exif[0x0131] = "Adobe Photoshop CS3 Windows"
    picture = pictured(textured(32, 32), "JPEG", exif=exif)
    assert metadata_item(picture).headline == "Photoshop"
