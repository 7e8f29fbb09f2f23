"""A measurement on its own in Chinese: its headline, what it says and what it cannot show."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fakeshield_core.domain import EvidenceItem, JsonValue
from fakeshield_core.evidence import metadata
from fakeshield_core.evidence.level_test import level_words
from fakeshield_core.explain.chinese_findings import LIMITS
from fakeshield_core.explain.claims import CLAIMED
from fakeshield_core.explain.words import Row, shown_row

NOT_MEASURED = "未测得"
NONE_CLEAR = "均不明显"
FILE_LIMITS: Mapping[str, str] = {
    "metadata": "元数据可以删除或改写，编辑软件也会保存未经改动的图片，缺少数据则什么也证明不了。",
    "jpeg_tables": "量化表只说明文件最后一次如何写入；保存未经改动的图片也会写入新的量化表。",
}
# An item that was not compared and does not inform: by kind and status.
PLAIN: Mapping[tuple[str, str], str] = {
    ("error_level", "not_measured"): "无法测量：图片小于{block_px}×{block_px}像素。",
    ("noise", "not_measured"): "无法测量：图片小于{block_px}×{block_px}像素。",
    ("jpeg_tables", "not_measured"): "无法测量：只有JPEG文件带有这类量化表。",
    ("ghosts", "not_measured"): "无法测量：图片不足{least_blocks}个{block_px}×{block_px}像素图像块。",
    ("ghosts", "no_difference"): "以{compared}种质量重新保存，没有区域在其中某一种质量下显得不同。",
    ("grid", "not_measured"): "无法测量：只有{votes}个图像块能显示网格，小图或平坦的图片常如此。",
    ("grid", "no_difference"): "未发现分块网格：图片从未以JPEG保存，或经过缩放，或以很高的质量保存。",
    ("double_quantisation", "not_measured"): "无法测量：这项测试需要JPEG文件，且至少有{least_blocks}个"
    "{block_px}×{block_px}像素图像块。",
    ("double_quantisation", "no_difference"): "所检验的{tested}个频率中，有{clear}个明显呈现两次压缩留下的"
    "空缺：数量太少。",
    ("copy_move", "no_difference"): "有{pairs}处局部特征与画面别处相似且符合同一位移：不足以称为重复区域。",
}
NOT_COPIED = "画面中没有出现两次的区域。"
TABLES: Mapping[str, str] = {
    "standard": "质量{quality}",
    "photoshop": "Photoshop量化表",
    "custom": "自有量化表",
}


def plain_text(item: EvidenceItem) -> str:
    """What an item says that was compared with no region and informs about nothing."""
    if item.name == "copy_move" and not item.numbers["pairs"]:
        return NOT_COPIED
    return PLAIN[item.name, item.status].format(**item.numbers)


def limit_text(item: EvidenceItem) -> str:
    """What it cannot show."""
    return FILE_LIMITS[item.name] if item.name in FILE_LIMITS else LIMITS[item.name]


def headline_text(item: EvidenceItem) -> str:
    """A few characters: the number or fact of the tile."""
    row = shown_row(item)
    if item.status == "not_measured":
        return "不是JPEG" if item.name == "jpeg_tables" else NOT_MEASURED
    if row is not None:
        return _REGION[item.name](item, row)
    return _WHOLE[item.name](item)


def _clear(row: Row) -> bool:
    return row["outcome"] in CLAIMED


def _level_row(item: EvidenceItem, row: Row) -> str:
    if row["ratio"] is None:
        return "{:.2f}对{:.2f}".format(*(float(str(row[name])) for name in ("inside", "expected")))
    return item.headline  # a number and its sign


def _grid_row(item: EvidenceItem, row: Row) -> str:
    if not _clear(row):
        return "无其他网格"
    return f"偏移{_two(row['moved_xy'])}" if row["rest_has_grid"] is True else "自有网格"


def _ghost_row(item: EvidenceItem, row: Row) -> str:
    return f"质量{row['at_quality']}" if _clear(row) else NONE_CLEAR


def _double_row(item: EvidenceItem, row: Row) -> str:
    return "只压缩过一次" if _clear(row) else "与其余相近"


def _pairs(item: EvidenceItem) -> str:
    return f"{item.numbers['pairs']}处匹配"


_REGION: Mapping[str, Callable[[EvidenceItem, Row], str]] = {
    "error_level": _level_row,
    "noise": _level_row,
    "ghosts": _ghost_row,
    "grid": _grid_row,
    "double_quantisation": _double_row,
    "copy_move": lambda item, row: _pairs(item),
}


def _metadata(item: EvidenceItem) -> str:
    """As in English: a program's or a camera's name is its own, the rest is said."""
    said = {
        metadata.UNNAMED: "图像生成软件",
        metadata.OTHER_SIZE: "尺寸不符",
        metadata.OTHER_TIMES: "时间不符",
        metadata.STRIPPED: "已被清除",
        metadata.NO_CAMERA: "无相机数据",
    }
    return said.get(item.headline, item.headline)


def _level(item: EvidenceItem) -> str:
    return f"{level_words(float(str(item.numbers['median'])))}级"


def _ghosts(item: EvidenceItem) -> str:
    return NONE_CLEAR if item.status == "no_difference" else f"质量{item.numbers['quality']}"


def _grid(item: EvidenceItem) -> str:
    if item.status == "no_difference":
        return "无网格"
    offset = item.numbers["offset_xy"]
    return f"始于{_two(offset)}" if offset != [0, 0] else "未偏移"


def _double(item: EvidenceItem) -> str:
    clear, tested = item.numbers["clear"], item.numbers["tested"]
    return NONE_CLEAR if item.status == "no_difference" else f"{clear}/{tested}为两次"


def _copies(item: EvidenceItem) -> str:
    if item.status != "no_difference":
        return _pairs(item)
    return NONE_CLEAR if item.numbers["pairs"] else "未发现"


_WHOLE: Mapping[str, Callable[[EvidenceItem], str]] = {
    "metadata": _metadata,
    "jpeg_tables": lambda item: TABLES[str(item.numbers["tables"])].format(**item.numbers),
    "error_level": _level,
    "noise": _level,
    "ghosts": _ghosts,
    "grid": _grid,
    "double_quantisation": _double,
    "copy_move": _copies,
}


def _two(value: JsonValue) -> str:
    across, down = value if isinstance(value, list) else (None, None)
    return f"{across}, {down}"
