"""Metadata: what the file says about camera, software, size and time. It informs, and points at no area."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from fakeshield_core.domain import EvidenceItem, JsonValue
from fakeshield_core.picture import Picture

NAME = "metadata"
TITLE = "Metadata"
CANNOT_SHOW = (
    "Metadata can be removed or rewritten, editing software also saves unchanged pictures, and missing data "
    "is no evidence of anything."
)
HEADLINE_MAX = 18  # characters of a tile
# headlines that name no program and no camera
UNNAMED, OTHER_SIZE, OTHER_TIMES = "Image generator", "Other size stated", "Times differ"
STRIPPED, NO_CAMERA = "Stripped", "No camera data"
NAME_MAX = 48  # characters of a program or camera in a sentence
SAME_TIME_S = 60  # cameras may finish writing some seconds after the shot
LAPSES = ((31_557_600, "year"), (2_629_800, "month"), (86_400, "day"), (3600, "hour"), (60, "minute"))

# names as EXIF, XMP or a PNG text field spell them (`imaging_metadata.collect`)
SOFTWARE_FIELDS = (
    "Software",
    "ProcessingSoftware",
    "xmp:CreatorTool",
    "stEvt:softwareAgent",
    "tiff:Software",
)
MAKE_FIELDS, MODEL_FIELDS = ("Make", "tiff:Make"), ("Model", "tiff:Model")
TIME_PAIRS = (("DateTimeOriginal", "DateTime"), ("xmp:CreateDate", "xmp:ModifyDate"))  # taken, last written
SIZE_FIELDS = (("ExifImageWidth", "ExifImageHeight"), ("exif:PixelXDimension", "exif:PixelYDimension"))
GENERATOR_FIELDS = (
    "parameters",
    "prompt",
    "sd-metadata",
    "invokeai_metadata",
)  # PNG fields of image generators

EDITOR, DEVELOPER, GENERATOR = "an editing program", "a photo development program", "an image generator"
GENERATOR_SETTINGS = "an image generator's settings"  # named where the file carries them, but no program
# part of the name in lower case -> short name, what it is; the first match counts
PROGRAMS: Final[Mapping[str, tuple[str, str]]] = {
    "lightroom": ("Lightroom", DEVELOPER),
    "camera raw": ("Camera Raw", DEVELOPER),
    "capture one": ("Capture One", DEVELOPER),
    "darktable": ("darktable", DEVELOPER),
    "rawtherapee": ("RawTherapee", DEVELOPER),
    "aperture": ("Aperture", DEVELOPER),
    "acd systems": ("ACDSee", DEVELOPER),
    "acdsee": ("ACDSee", DEVELOPER),
    "picasa": ("Picasa", DEVELOPER),
    "firefly": ("Firefly", GENERATOR),
    "stable diffusion": ("Stable Diffusion", GENERATOR),
    "midjourney": ("Midjourney", GENERATOR),
    "dall-e": ("DALL-E", GENERATOR),
    "comfyui": ("ComfyUI", GENERATOR),
    "photoshop": ("Photoshop", EDITOR),
    "gimp": ("GIMP", EDITOR),
    "affinity": ("Affinity", EDITOR),
    "pixelmator": ("Pixelmator", EDITOR),
    "photopea": ("Photopea", EDITOR),
    "paint.net": ("Paint.NET", EDITOR),
    "paint shop": ("Paint Shop Pro", EDITOR),
    "paintshop": ("PaintShop Pro", EDITOR),
    "snapseed": ("Snapseed", EDITOR),
    "picsart": ("PicsArt", EDITOR),
    "meitu": ("Meitu", EDITOR),
    "faceapp": ("FaceApp", EDITOR),
    "facetune": ("Facetune", EDITOR),
    "luminar": ("Luminar", EDITOR),
    "canva": ("Canva", EDITOR),
}

_TIME = re.compile(r"(\d{4})\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)(?:\D(\d\d))?")


@dataclass(frozen=True, slots=True)
class Program:
    """A program that the file names and that we know."""

    full: str  # as the file spells it
    short: str
    kind: str  # "an editing program"

    @property
    def is_named(self) -> bool:
        """False where only its settings are in the file."""
        return self.full != GENERATOR_SETTINGS


@dataclass(frozen=True, slots=True)
class Reading:
    """The findings; None where the file does not say."""

    camera: str | None  # make and model
    model: str | None  # without the make
    program: Program | None
    software: str | None  # as the file spells it, known or not
    written_after_s: float | None  # seconds from taking to last writing; None also where they agree
    stated_size: tuple[int, int] | None  # width, height; None also where it is the picture's own

    @property
    def is_notable(self) -> bool:
        """Whether something here is worth a line among the reasons."""
        return bool(self.program or self.written_after_s is not None or self.stated_size)


def metadata_item(picture: Picture) -> EvidenceItem:
    """What the file says, in one sentence; `numbers["notable"]` is true where it is worth a reason."""
    reading = read(picture.metadata, picture.facts.width, picture.facts.height)
    lapsed = reading.written_after_s
    numbers: dict[str, JsonValue] = {
        "fields": len(picture.metadata),
        "camera": reading.camera,
        "software": reading.software,
        "program": reading.program.full if reading.program and reading.program.is_named else None,
        "program_kind": reading.program.kind if reading.program else None,
        "last_written": None if lapsed is None else lapse_words(lapsed),
        "lapse": None if lapsed is None else lapse(lapsed)._asdict(),
        "stated_size": list(reading.stated_size) if reading.stated_size else None,
        "size": [picture.facts.width, picture.facts.height],
        "notable": reading.is_notable,
    }
    return EvidenceItem(
        name=NAME,
        title=TITLE,
        status="informs",
        headline=_cut(_headline(reading, picture)),
        shows=_sentence(reading, picture),
        cannot_show=CANNOT_SHOW,
        numbers=numbers,
    )


def read(fields: Mapping[str, str], width: int, height: int) -> Reading:
    """The findings of a file's fields.

    Args:
        fields: `Picture.metadata`.
        width: of the picture as it is, pixels.
        height: the same.
    """
    software = _first(fields, SOFTWARE_FIELDS)
    make, model = _first(fields, MAKE_FIELDS), _first(fields, MODEL_FIELDS)
    brand = f"{make.split()[0].lower()} " if make else ""
    return Reading(
        camera=_camera(make, model),
        model=model[len(brand) :].strip() if model and model.lower().startswith(brand) else model,
        program=_program(fields),
        software=software[:NAME_MAX].strip() if software else None,
        written_after_s=_written_after_s(fields),
        stated_size=_stated_size(fields, width, height),
    )


def _first(fields: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((fields[name].strip() for name in names if fields.get(name, "").strip()), None)


def _camera(make: str | None, model: str | None) -> str | None:
    if not model:
        return make[:NAME_MAX] if make else None
    repeated = not make or model.lower().startswith(make.split()[0].lower())
    return (model if repeated else f"{make} {model}")[:NAME_MAX].strip()


def _program(fields: Mapping[str, str]) -> Program | None:
    """The program that can change most, where several are named."""
    if any(name in fields for name in GENERATOR_FIELDS):
        return Program(GENERATOR_SETTINGS, UNNAMED, GENERATOR)
    texts = [part.strip() for name in SOFTWARE_FIELDS for part in fields.get(name, "").split(";")]
    known = [program for text in texts if (program := _known_program(text))]
    return min(known, key=lambda program: (GENERATOR, EDITOR, DEVELOPER).index(program.kind), default=None)


def _known_program(text: str) -> Program | None:
    match = next((part for part in PROGRAMS if part in text.lower()), None)
    return Program(text[:NAME_MAX].strip(), *PROGRAMS[match]) if match else None


def _written_after_s(fields: Mapping[str, str]) -> float | None:
    for taken_name, written_name in TIME_PAIRS:
        taken, written = _time(fields.get(taken_name, "")), _time(fields.get(written_name, ""))
        if taken and written:
            seconds = (written - taken).total_seconds()
            return seconds if abs(seconds) > SAME_TIME_S else None
    return None


def _time(text: str) -> datetime | None:
    match = _TIME.match(text)
    if match is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        return datetime(year, month, day, hour, minute, second)
    except ValueError:  # cameras without a set clock write zeros
        return None


def _stated_size(fields: Mapping[str, str], width: int, height: int) -> tuple[int, int] | None:
    for names in SIZE_FIELDS:
        numbers = [fields.get(name, "").strip() for name in names]
        if all(number.isdecimal() and len(number) <= 6 for number in numbers):
            stated = int(numbers[0]), int(numbers[1])
            agrees = sorted(stated) == sorted((width, height)) or 0 in stated
            return None if agrees else stated
    return None


def _headline(reading: Reading, picture: Picture) -> str:
    if reading.program:
        return reading.program.short
    if reading.stated_size:
        return OTHER_SIZE
    if reading.written_after_s is not None:
        return OTHER_TIMES
    if reading.camera:
        return reading.camera if len(reading.camera) <= HEADLINE_MAX else reading.model or reading.camera
    if reading.software:
        return reading.software
    return STRIPPED if picture.facts.format == "JPEG" else NO_CAMERA


def _cut(headline: str) -> str:
    short = len(headline) <= HEADLINE_MAX
    return headline if short else f"{headline[: HEADLINE_MAX - 1].rstrip()}…"


def _sentence(reading: Reading, picture: Picture) -> str:
    names = [f"the camera {reading.camera}"] if reading.camera else []
    if reading.program:
        names.append(f"{reading.program.full}, {reading.program.kind}")
    elif reading.software and not reading.camera:
        names.append(reading.software)
    facts = [f"names {' and '.join(names)}"] if names else []
    if reading.stated_size:
        stated, own = reading.stated_size, picture.facts
        facts.append(f"states {stated[0]} × {stated[1]} pixels where it has {own.width} × {own.height}")
    if reading.written_after_s is not None:
        facts.append(f"was last written {lapse_words(reading.written_after_s)} the picture was taken")
    if not facts:
        return "The file carries no camera, software or time data, which is usual on social media."
    return f"The file {'; it '.join(facts)}."


class Lapse(NamedTuple):
    """From one time to another, rounded."""

    number: int
    unit: str  # of LAPSES
    side: str  # "after" or "before"


def lapse(seconds: float) -> Lapse:
    """Seconds in the largest unit that fits twice."""
    side, size = ("after" if seconds > 0 else "before"), abs(seconds)
    length, unit = next((step for step in LAPSES if size >= 2 * step[0]), LAPSES[-1])
    return Lapse(round(size / length), unit, side)


def lapse_words(seconds: float) -> str:
    """Seconds from one time to another: "3 days after", "1 hour before"."""
    number, unit, side = lapse(seconds)
    return f"{number} {unit}{'' if number == 1 else 's'} {side}"
