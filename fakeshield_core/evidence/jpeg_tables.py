"""JPEG quantisation tables: how the file was compressed last, and whose tables were used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from PIL.JpegPresets import presets

from fakeshield_core.domain import EvidenceItem, JsonValue
from fakeshield_core.jpeg import STANDARD_CHROMA, STANDARD_LUMA, Table, standard_table
from fakeshield_core.picture import JpegFacts, Picture

Origin = Literal["standard", "photoshop", "custom"]

NAME = "jpeg_tables"
TITLE = "JPEG tables"
CANNOT_SHOW = "Tables tell how the file was written last; saving an unchanged picture writes new ones too."

# Pillow knows Photoshop's presets. In 2,078 pictures (training and development pool, 2026-11-25) 418 files
# with these luma tables named Photoshop, one a camera; the preset left out was also used by two cameras.
PHOTOSHOP_PRESETS = ("web_low", "web_medium", "web_high", "web_very_high", "low", "medium", "high", "maximum")

SENTENCES: Mapping[Origin, str] = {
    "standard": "The file was last saved at JPEG quality {quality}, with the standard tables.",
    "photoshop": "The file was last saved with JPEG tables that Photoshop writes, near quality {quality}.",
    "custom": "The file was last saved with JPEG tables of its own, as cameras, phones and some programs do, "
    "near quality {quality}.",
}
HEADLINES: Mapping[Origin, str] = {
    "standard": "Quality {quality}",
    "photoshop": "Photoshop tables",
    "custom": "Own tables",
}


def nearest_quality(luma_table: Table) -> int:
    """The libjpeg quality 1..100 whose luma table is nearest, by mean absolute logarithm of the ratio."""
    target = np.log(np.maximum(luma_table, 1))
    distances = [
        float(np.abs(np.log(standard_table(STANDARD_LUMA, quality)) - target).mean())
        for quality in range(1, 101)
    ]
    return int(np.argmin(distances)) + 1


def tables_origin(jpeg: JpegFacts, quality: int) -> Origin:
    """Whose tables these are; `quality` is that of `nearest_quality`."""
    standard = np.array_equal(jpeg.luma_table, standard_table(STANDARD_LUMA, quality))
    if jpeg.chroma_table is not None:
        standard &= np.array_equal(jpeg.chroma_table, standard_table(STANDARD_CHROMA, quality))
    if standard:
        return "standard"
    own = jpeg.luma_table.ravel()
    known = any(np.array_equal(own, np.array(presets[name]["quantization"])[0]) for name in PHOTOSHOP_PRESETS)
    return "photoshop" if known else "custom"


def jpeg_tables_item(picture: Picture) -> EvidenceItem:
    """How the file was compressed; `numbers["notable"]` is true where the tables are Photoshop's."""
    if picture.jpeg is None:
        shows = (
            f"Could not be measured: only JPEG files carry such tables, this one is {picture.facts.format}."
        )
        return EvidenceItem(NAME, TITLE, "not_measured", "Not a JPEG", shows, CANNOT_SHOW, {})
    quality = nearest_quality(picture.jpeg.luma_table)
    origin = tables_origin(picture.jpeg, quality)
    return EvidenceItem(
        name=NAME,
        title=TITLE,
        status="informs",
        headline=HEADLINES[origin].format(quality=quality),
        shows=SENTENCES[origin].format(quality=quality),
        cannot_show=CANNOT_SHOW,
        numbers=_numbers(origin, quality, picture.jpeg),
    )


def _numbers(origin: Origin, quality: int, jpeg: JpegFacts) -> dict[str, JsonValue]:
    return {
        "quality": quality,
        "tables": origin,
        "notable": origin == "photoshop",
        "luma_mean": round(float(jpeg.luma_table.mean()), 2),
        "subsampling": jpeg.subsampling,
        "progressive": jpeg.progressive,
    }
