"""What is told of a file's metadata, and what is kept back."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fakeshield_core import imaging
from fakeshield_core.imaging_metadata import collect, read_orientation, readable
from tests.files import chunk, grey_tiff, png, saved, segment, tiff_structure, webp, with_segments

GREY = np.full((32, 32, 3), 128, dtype=np.uint8)
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description rdf:about="" xmlns:xmp="http://ns"
 xmp:CreatorTool="Adobe Photoshop 22.0 (Windows)" exif:GPSLatitude="48,51.5N">
 <xmp:ModifyDate>2024-05-06T07:08:09</xmp:ModifyDate><dc:title> A &amp; B </dc:title>
 <xmpMM:History><rdf:Seq><rdf:li stEvt:action="created" stEvt:softwareAgent="Adobe Photoshop 22.0"/>
 <rdf:li stEvt:action="saved" stEvt:softwareAgent="Adobe Photoshop 22.0"/></rdf:Seq></xmpMM:History>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Canon", "EOS\x00ignored", "GIMP 2.10"
    exif[0x0132] = "2024:05:06 07:08:09"
    details = exif.get_ifd(0x8769)
    details[0x9003], details[0x829D], details[0xA002] = "2024:05:06 07:00:00", 2.8, 1_234_567
    details[0x9286], details[0x927C] = b"ASCII\0\0\0made by hand", b"\x01" * 500
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    return exif


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_exif_is_read_from_every_container(file_format: str) -> None:
    metadata = imaging.decode(saved(GREY, file_format, exif=_exif())).metadata
    expected = {
        "Make": "Canon",
        "Model": "EOS",
        "Software": "GIMP 2.10",
        "DateTime": "2024:05:06 07:08:09",
        "DateTimeOriginal": "2024:05:06 07:00:00",
        "FNumber": "2.8",
        "ExifImageWidth": "1234567",
        "UserComment": "made by hand",
        "MakerNote": "500 bytes",
        "GPS": "present",
    }
    assert {name: metadata.get(name) for name in expected} == expected


def test_exif_of_a_tiff_is_the_file_itself() -> None:
    start, pixels = 8 + 2 + 12 * 12 + 4, b"\0" * 512
    details = tiff_structure([(0x8827, 3, 1, 400)])[8:]
    extra = (
        (0x0131, 2, 4, int.from_bytes(b"Me\0\0", "little")),
        (0x8769, 4, 1, start + 512),
        (0x8825, 4, 1, start),
    )
    metadata = imaging.decode(grey_tiff(pixels + details, 8, extra=extra)).metadata
    assert (metadata["Software"], metadata["ISOSpeedRatings"], metadata["GPS"]) == ("Me", "400", "present")
    assert not {"StripOffsets", "ExifOffset", "GPSInfo"} & set(metadata)


def test_position_on_the_globe_is_never_told() -> None:
    pnginfo = PngInfo()
    pnginfo.add_text("exif:GPSLatitude", "48, 51, 30")
    pnginfo.add_text("Raw profile type exif", "\nexif\n 4\n48513000")
    data = saved(GREY, "PNG", exif=_exif(), pnginfo=pnginfo)
    by_xmp = collect(None, XMP, ())
    told = " ".join([*imaging.decode(data).metadata.values(), *by_xmp.values()])
    assert imaging.decode(data).metadata["GPS"] == by_xmp["GPS"] == "present"
    assert "48" not in told
    assert "51" not in told


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            with_segments(saved(GREY, "JPEG"), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
            id="jpeg",
        ),
        pytest.param(png(32, 32, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)), id="png"),
        pytest.param(saved(GREY, "WEBP", xmp=XMP), id="webp"),
        pytest.param(saved(GREY, "TIFF", tiffinfo={700: XMP}), id="tiff"),
    ],
)
def test_xmp_is_read_from_every_container(data: bytes) -> None:
    metadata = imaging.decode(data).metadata
    assert metadata["xmp:CreatorTool"] == "Adobe Photoshop 22.0 (Windows)"
    assert metadata["xmp:ModifyDate"] == "2024-05-06T07:08:09"
    assert metadata["stEvt:action"] == "created; saved"
    assert metadata["stEvt:softwareAgent"] == "Adobe Photoshop 22.0"
    assert metadata["dc:title"] == "A & B"
    assert not [name for name in metadata if name.startswith(("xmlns", "rdf"))]


def test_old_prefix_of_xmp_is_told_as_the_new_one() -> None:
    packet = b'<rdf:Description xap:CreatorTool="Photoshop 7" xapMM:DocumentID="d" xapx:y="z"/>'
    expected = {"xmp:CreatorTool": "Photoshop 7", "xmpMM:DocumentID": "d", "xapx:y": "z"}
    assert collect(None, packet, ()) == expected


def test_png_text_is_told_under_its_own_name() -> None:
    pnginfo = PngInfo()
    pnginfo.add_text("parameters", "a cat, steps: 20", zip=True)
    pnginfo.add_itxt("Title", "Grüße", lang="de", zip=True)
    pnginfo.add_text("Comment", "plain")
    metadata = imaging.decode(saved(GREY, "PNG", pnginfo=pnginfo)).metadata
    assert metadata == {"parameters": "a cat, steps: 20", "Title": "Grüße", "Comment": "plain"}


@pytest.mark.parametrize("file_format", ["JPEG", "GIF"])
def test_comments_are_told(file_format: str) -> None:
    assert (
        imaging.decode(saved(GREY, file_format, comment=b"made by hand")).metadata["Comment"]
        == "made by hand"
    )


def test_parts_that_only_matter_by_being_there_are_mentioned() -> None:
    jpeg = with_segments(
        saved(GREY, "JPEG", icc_profile=b"x" * 99), segment(0xEB, b"JP\0\1jumb"), segment(0xE2, b"MPF\0")
    )
    assert imaging.decode(jpeg).metadata == {
        "Content credentials": "present",
        "Further pictures": "present",
        "ICC profile": "present",
    }
    assert imaging.decode(png(32, 32, chunk(b"caBX", b"x"))).metadata == {"Content credentials": "present"}


def test_different_values_of_one_name_are_joined() -> None:
    texts = [("Software", "GIMP 2.10"), ("Software", "Krita"), ("Title", "x")]
    exif = tiff_structure([(0x0131, 2, 10, 26)], b"GIMP 2.10\0")
    assert collect(exif, None, texts) == {"Software": "GIMP 2.10; Krita", "Title": "x"}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("数码".encode(), "数码"),
        ("Müller".encode("latin-1"), "Müller"),
        (b"ACD Systems " + "数码成像".encode("gbk"), "ACD Systems "),
    ],
    ids=["UTF-8", "Latin-1", "neither"],
)
def test_text_of_an_unknown_encoding_is_left_out(raw: bytes, text: str) -> None:
    assert readable(raw) == text


def test_values_are_cut_cleaned_and_few() -> None:
    texts = [
        ("long", "x" * 5_000),
        ("odd", "a\x00\x1b[31mb\u202ec\n\td"),
        ("\x07", "no name"),
        ("empty", " "),
    ]
    fields = collect(None, None, [*texts, *((f"field {at}", "y") for at in range(500))])
    assert len(fields) == 200
    assert fields["long"] == "x" * 200
    assert fields["odd"] == "a[31mbc d"
    assert "empty" not in fields
    assert all(fields)


@pytest.mark.parametrize(
    "exif",
    [
        pytest.param(b"II*\0\xff\xff\xff\x7f", id="directory outside"),
        pytest.param(b"nonsense" * 9, id="no TIFF structure"),
        pytest.param(b"II*\0", id="cut off"),
    ],
)
def test_exif_that_cannot_be_read_is_said_so(exif: bytes) -> None:
    assert collect(exif, None, ()) == {"EXIF": "cannot be read"}
    assert read_orientation(exif) == 1


def test_exif_entries_that_point_outside_are_left_out() -> None:
    exif = tiff_structure([(0x0110, 2, 100, 9_999), (0x0131, 2, 4, int.from_bytes(b"Me\0\0", "little"))])
    assert collect(exif, None, ()) == {"Software": "Me"}


def test_numbers_of_every_type_are_told() -> None:
    tail = struct.pack("<LLllff", 1, 200, -1, 4, 0.5, 0.0) + struct.pack("<LL", 1, 0)
    start = 8 + 2 + 12 * 5 + 4
    exif = tiff_structure(
        [
            (0x829A, 5, 1, start),  # ExposureTime 1/200
            (0x9204, 10, 1, start + 8),  # ExposureBiasValue -1/4
            (0x8827, 3, 1, 400),  # ISOSpeedRatings
            (0xC614, 11, 2, start + 16),
            (0x920A, 5, 1, start + 24),  # FocalLength 1/0
        ],
        tail,
    )
    told = collect(exif, None, ())
    assert told["ExposureTime"] == "0.005"
    assert told["ExposureBiasValue"] == "-0.25"
    assert told["ISOSpeedRatings"] == "400"
    assert told["FocalLength"] == "0"
    assert "0.5 0" in told.values()


def test_webp_exif_may_begin_as_in_jpeg() -> None:
    exif = b"Exif\0\0" + tiff_structure([(0x0112, 3, 1, 3)])
    still = saved(GREY, "WEBP")
    picture = webp(
        (b"VP8X", b"\x08\0\0\0" + (31).to_bytes(3, "little") * 2), (b"VP8 ", still[20:]), (b"EXIF", exif)
    )
    assert imaging.decode(picture).facts.orientation == 3
