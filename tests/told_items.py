"""Evidence items of every kind and outcome, measured on pictures with a planted history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial

import numpy as np

from fakeshield_core.domain import EvidenceItem, Region
from fakeshield_core.evidence import jpeg_tables, measure
from fakeshield_core.evidence.blocks import Sampling
from fakeshield_core.evidence.contrast import Contrast, Outcome
from fakeshield_core.evidence.copies import Copies
from fakeshield_core.evidence.copy_move import compared, copy_grids, copy_move_item
from fakeshield_core.evidence.error_level import ERROR_LEVEL
from fakeshield_core.evidence.level_test import LevelTest, told_item, whole_item
from fakeshield_core.evidence.metadata import metadata_item
from fakeshield_core.evidence.noise import NOISE
from fakeshield_core.imaging import decode
from fakeshield_core.picture import Picture
from tests.fakes import pictured, textured
from tests.jpeg_histories import (
    file_of,
    looked_at,
    pasted,
    saved,
    scene,
    square,
    with_fresh_part,
    with_ghost,
    with_moved_grid,
)

# items that single regions out, by kind and sentence


def regions_of(count: int) -> tuple[Region, ...]:
    return tuple(Region(n, (0, 0, 8, 8), 0.02, 0.9, "centre") for n in range(1, count + 1))


def contrasted(test: LevelTest, outcome: Outcome, ratio: float | None) -> EvidenceItem:
    found = Contrast(1, outcome, 20, 200, 2.041, 1.478 if ratio else 0.04, ratio, 0.163, 3.2)
    levels = np.full((9, 9), 1.234, np.float32)
    return told_item(test, whole_item(test, levels, Sampling.of((72, 72))), [found], regions_of(1))


@cache
def measured_in(make: Callable[[], bytes]) -> Picture:
    return decode(make(), "test")


def planted_in(make: Callable[[], bytes], name: str) -> EvidenceItem:
    return looked_at(measure(measured_in(make)), square(), name)


def ghost() -> bytes:
    return file_of(with_ghost(), "JPEG", 95)


def moved_grid() -> bytes:
    return file_of(with_moved_grid(), "PNG")


def alone() -> bytes:
    return file_of(pasted(scene(), saved(scene(), 75)), "PNG")


def fresh() -> bytes:
    return file_of(with_fresh_part(), "JPEG", 90)


def cropped() -> bytes:
    return file_of(saved(scene(), 75)[3:, 5:], "PNG")


def copies(magnification: float = 1.2, turn: float = -20.4) -> Copies:
    first, second = np.zeros((80, 120), np.bool_), np.zeros((80, 120), np.bool_)
    first[10:40, 10:40], second[30:60, 80:110] = True, True
    pairs = np.array([[x, 20, x + 70, 40] for x in range(12, 38)], np.float32)
    return Copies(pairs, first, second, 0.937, magnification, turn, 1.0)


def copied(magnification: float = 1.2, turn: float = -20.4) -> EvidenceItem:
    found = copies(magnification, turn)
    labels = (found.first + 2 * found.second).astype(np.int32)
    return compared(copy_move_item(found), copy_grids(found), labels, regions_of(2))


SINGLED_OUT: Mapping[tuple[str, str], Callable[[], EvidenceItem]] = {
    ("error_level", "higher"): partial(contrasted, ERROR_LEVEL, "higher", 1.381),
    ("error_level", "lower"): partial(contrasted, ERROR_LEVEL, "lower", 0.58),
    ("error_level", "beside_zero"): partial(contrasted, ERROR_LEVEL, "higher", None),
    ("noise", "higher"): partial(contrasted, NOISE, "higher", 12.4),
    ("noise", "lower"): partial(contrasted, NOISE, "lower", 0.9),
    ("noise", "beside_zero"): partial(contrasted, NOISE, "lower", None),
    ("ghosts", "ghost"): partial(planted_in, ghost, "ghosts"),
    ("grid", "shifted"): partial(planted_in, moved_grid, "grid"),
    ("grid", "alone"): partial(planted_in, alone, "grid"),
    ("double_quantisation", "once"): partial(planted_in, fresh, "double_quantisation"),
    ("copy_move", "copied"): copied,
    ("copy_move", "again"): copied,
}


@cache
def photo() -> Picture:
    return pictured(textured(32, 48), "JPEG")


def file_item(fields: Mapping[str, str]) -> EvidenceItem:
    return metadata_item(replace(photo(), metadata=fields))


def tables(quality: int, custom: bool = False, photoshop: bool = False) -> EvidenceItem:
    picture = pictured(textured(32, 48), "JPEG", quality="maximum" if photoshop else quality)
    if custom and picture.jpeg is not None:
        own = replace(picture.jpeg, luma_table=picture.jpeg.luma_table + np.eye(8, dtype=np.int64))
        picture = replace(picture, jpeg=own)
    return jpeg_tables.jpeg_tables_item(picture)


def whole_of(make: Callable[[], bytes], name: str) -> EvidenceItem:
    item = measure(measured_in(make)).item(name)
    assert item is not None
    return item


CAMERA = {"Make": "NIKON CORPORATION", "Model": "NIKON D70"}
TAKEN = {"DateTimeOriginal": "2006:05:04 10:11:12"}
INFORMS: list[tuple[Callable[[], EvidenceItem], str]] = [
    (partial(whole_of, fresh, "error_level"), "以JPEG质量90重新保存后，典型图像块的变化量为"),
    (partial(whole_of, fresh, "noise"), "典型图像块的噪声强度为"),
    (partial(whole_of, ghost, "ghosts"), "以质量60重新压缩时，有"),
    (partial(whole_of, fresh, "grid"), "落在以画面左上角为起点的网格上"),
    (partial(whole_of, cropped, "grid"), "左上角右侧3像素、下方5像素处"),
    (partial(whole_of, fresh, "double_quantisation"), "个明显呈现两次压缩留下的空缺"),
    (lambda: copy_move_item(copies()), "画面中有26处局部特征与73像素外的对应位置相似"),
    (partial(tables, 75), "以JPEG质量75保存，使用标准量化表。"),
    (partial(tables, 75, photoshop=True), "Photoshop的JPEG量化表"),
    (partial(tables, 75, custom=True), "自有的JPEG量化表"),
    (partial(file_item, {}), "文件不含相机、软件或时间信息"),
    (partial(file_item, CAMERA), "文件记录了相机“NIKON D70”。"),
    (partial(file_item, {"Software": "Ver.1.01"}), "文件记录了软件“Ver.1.01”。"),
    (
        partial(file_item, {**CAMERA, "Software": "GIMP 2.8"}),
        "文件记录了相机“NIKON D70”和图像编辑软件“GIMP 2.8”。",
    ),
    (
        partial(file_item, {"Software": "Ver.1.01", "xmp:CreatorTool": "Lightroom 5"}),
        "照片冲洗软件“Lightroom 5”",
    ),
    (partial(file_item, {"parameters": "a cat, Steps: 20"}), "文件记录了图像生成软件的设置。"),
    (
        partial(file_item, {**TAKEN, "DateTime": "2006:05:07 10:11:12"}),
        "文件最后一次写入是在拍摄的3天之后。",
    ),
    (
        partial(file_item, {**TAKEN, "DateTime": "2006:05:04 08:11:12", "Software": "Snapseed"}),
        "文件记录了图像编辑软件“Snapseed”；最后一次写入是在拍摄的2小时之前。",
    ),
    (
        partial(file_item, {"ExifImageWidth": "3008", "ExifImageHeight": "2000"}),
        "文件记载的尺寸为3008×2000像素，而实际为48×32像素。",
    ),
]
