"""What each measurement says, in Chinese: templates by kind and outcome, filled from the structured numbers.

Numbers are rounded by the functions that round them in English, so that both texts quote the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from fakeshield_core.domain import EvidenceItem, JsonValue
from fakeshield_core.evidence import copy_move, metadata
from fakeshield_core.evidence.level_test import level_words, levels_words, ratio_words
from fakeshield_core.explain.words import Row

Filled: TypeAlias = Mapping[str, object]  # what stands in the braces of a template

TITLES: Mapping[str, str] = {
    "metadata": "元数据",
    "jpeg_tables": "JPEG量化表",
    "error_level": "误差水平",
    "noise": "噪声",
    "ghosts": "压缩鬼影",
    "grid": "分块网格",
    "double_quantisation": "双重压缩",
    "copy_move": "重复区域",
}
_LEVELS = "（{inside}对{expected}灰度级，通常波动{spread}）"
_MATCHES = (
    "{pairs}处局部特征与{distance}像素外的对应位置相似，且符合同一位移{change}，"
    "两处像素的相关系数为{correlation:.2f}。"
)
# A region that is singled out, by kind and outcome. "beside_zero": other than a level of about zero, to which
# there is no ratio; "alone": the rest has no grid; "again": the second region of a copy.
CLAIMS: Mapping[tuple[str, str], str] = {
    ("error_level", "higher"): "以JPEG重新保存后，{place}的变化量是画面其他相似部分的{ratio}倍"
    + _LEVELS
    + "。",
    ("error_level", "lower"): "以JPEG重新保存后，{place}的变化量小于画面其他相似部分，仅为后者的{ratio}倍"
    + _LEVELS
    + "。",
    ("error_level", "beside_zero"): "以JPEG重新保存后，{place}变化{inside}灰度级，"
    "画面其他相似部分变化{expected}灰度级（通常波动{spread}）。",
    ("noise", "higher"): "{place}的噪声强度是画面其他相似部分的{ratio}倍" + _LEVELS + "。",
    ("noise", "lower"): "{place}的噪声弱于画面其他相似部分，强度仅为后者的{ratio}倍" + _LEVELS + "。",
    ("noise", "beside_zero"): "{place}的噪声强度为{inside}灰度级，"
    "画面其他相似部分为{expected}灰度级（通常波动{spread}）。",
    ("ghosts", "ghost"): "以质量{at_quality}重新压缩时，{place}明显不同：与相邻质量相比，"
    "其变化量比画面其他相似部分{changes}{percent}%（通常波动{spread_percent}%）。",
    ("grid", "shifted"): "{place}有自己的分块网格，横向偏移{x}像素、纵向偏移{y}像素{frame}："
    "在能显示网格的图像块中，区域内有{inside_percent}%落在该网格上，其余部分为{outside_percent}%。",
    ("grid", "alone"): "{place}有分块网格，而其余部分没有："
    "在能显示网格的图像块中，区域内有{inside_percent}%落在同一网格上，其余部分为{outside_percent}%。",
    ("double_quantisation", "once"): "{place}比其余部分更像只压缩过一次："
    "其系数在一次压缩下的似然平均为两次压缩下的{inside:.2f}倍，其余部分为{outside:.2f}倍。",
    ("copy_move", "copied"): "{place}含有在画面中出现两次的内容：" + _MATCHES,
    ("copy_move", "again"): "{place}含有同一内容，相距{distance}像素。",
}
# An item that informs about the whole picture. "shifted": the grid does not start at the corner.
WHOLES: Mapping[tuple[str, str], str] = {
    ("metadata", ""): "{facts}。",
    ("jpeg_tables", "standard"): "文件最后一次以JPEG质量{quality}保存，使用标准量化表。",
    ("jpeg_tables", "photoshop"): "文件最后一次保存时使用了Photoshop的JPEG量化表，质量约为{quality}。",
    ("jpeg_tables", "custom"): "文件最后一次保存时使用了自有的JPEG量化表（相机、手机和部分软件如此），"
    "质量约为{quality}。",
    ("error_level", ""): "以JPEG质量{quality}重新保存后，典型图像块的变化量为{level}灰度级。",
    ("noise", ""): "典型图像块的噪声强度为{level}灰度级。",
    ("ghosts", ""): "以质量{quality}重新压缩时，有{share_percent}%的图像块变化量比在相邻质量下更{changes}，"
    "与其余部分不同。",
    ("grid", ""): "在能显示网格的图像块中，有{percent}%落在以画面左上角为起点的网格上。",
    ("grid", "shifted"): "分块网格的起点在左上角右侧{x}像素、下方{y}像素处{frame}，"
    "能显示网格的图像块中有{percent}%如此：图片在压缩之后又经过裁剪或移动。",
    ("double_quantisation", ""): "所检验的{tested}个频率中，有{clear}个明显呈现两次压缩留下的空缺；"
    "{once_percent}%的图像块更像只压缩过一次。",
    ("copy_move", ""): "画面中有" + _MATCHES,
}
LIMITS: Mapping[str, str] = {
    "error_level": "锐化、模糊和材质也会改变误差水平，低质量保存则会抹去差别。",
    "noise": "对焦和细密纹理也会改变噪声强度，而在同一画面内复制的内容不会带来不同的噪声。",
    "ghosts": "未与原有网格对齐、经过缩放，或原先保存质量高于整幅图片的部分不会留下鬼影；"
    "平滑或规则的区域也可能看似鬼影。",
    "grid": "恰好落在同一网格上（64种位置之一）或压缩后又经缩放的部分显示不出来；"
    "整幅图片的强压缩也会掩盖较早的网格。",
    "double_quantisation": "两次压缩在系数直方图中留下的空缺只能区分出压缩次数少于其余部分的区域，"
    "最后一次保存的质量若低得多，则会将其抹去。",
    "copy_move": "特征匹配无法判断两处相同内容中哪一处是原件：若热图只标出其中一处，那是引擎的选择；"
    "窗户、瓷砖等本来就重复的图案也会匹配。",
}
REASONS: Mapping[str, str] = {
    "too_little_outside": "标记区域以外的画面太少，无从比较",
    "too_small": "区域太小，不足{least_blocks_inside}个完整的{block_px}×{block_px}像素图像块",
    "too_dark_or_bright": "几乎全黑或全白",
    "nothing_similar": "画面其他部分没有纹理和亮度与之相似的内容",
    "flat_inside": "区域内纹理足够的图像块太少",
    "flat_outside": "标记区域以外纹理足够的图像块太少",
}
PROGRAMS: Mapping[str, str] = {
    metadata.EDITOR: "图像编辑软件",
    metadata.DEVELOPER: "照片冲洗软件",
    metadata.GENERATOR: "图像生成软件",
}
UNITS: Mapping[str, str] = {"year": "年", "month": "个月", "day": "天", "hour": "小时", "minute": "分钟"}
SIDES: Mapping[str, str] = {"after": "之后", "before": "之前"}
AMOUNTS: Mapping[str, str] = {"less": "少", "more": "多"}  # of a change beside another
SIZES: Mapping[str, str] = {"less": "小", "more": "大"}  # of a change
UPRIGHT = 1  # EXIF orientation
AS_STORED = "（按文件存储的方向计）"
NO_METADATA = "文件不含相机、软件或时间信息，这在社交媒体上的图片中很常见"


def claim_text(item: EvidenceItem, row: Row, place: str) -> str:
    """What singles a region out.

    Args:
        item: with the row among its regions.
        row: one with a claimed outcome.
        place: the region's name.
    """
    variant, filled = _REGION[item.name](item, row)
    return CLAIMS[item.name, variant].format(place=place, **filled)


def whole_text(item: EvidenceItem) -> str:
    """What an item that informs says about the whole picture or file."""
    variant, filled = _WHOLE[item.name](item.numbers)
    return WHOLES[item.name, variant].format(**filled)


def reason_text(row: Row) -> str:
    """Why a region could not be compared, fit to follow a colon."""
    return REASONS[str(row["reason_code"])].format(**row)


def _level_row(item: EvidenceItem, row: Row) -> tuple[str, Filled]:
    filled = levels_words(*(_float(row[name]) for name in ("inside", "expected", "spread")))
    if row["ratio"] is None:
        return "beside_zero", filled
    return str(row["outcome"]), {**filled, "ratio": ratio_words(_float(row["ratio"]))}


def _ghost_row(item: EvidenceItem, row: Row) -> tuple[str, Filled]:
    return str(row["outcome"]), {**row, "changes": AMOUNTS[str(row["changes"])]}


def _grid_row(item: EvidenceItem, row: Row) -> tuple[str, Filled]:
    across, down = _pair(row["moved_xy"])
    variant = str(row["outcome"]) if row["rest_has_grid"] is True else "alone"
    return variant, {**row, "x": across, "y": down, "frame": _frame(item.numbers)}


def _double_row(item: EvidenceItem, row: Row) -> tuple[str, Filled]:
    inside, outside = (_float(row[f"{side}_likelihood"]) for side in ("inside", "outside"))
    return str(row["outcome"]), {"inside": inside, "outside": outside}


def _copy_row(item: EvidenceItem, row: Row) -> tuple[str, Filled]:
    is_first = row["region_id"] == item.region_id  # the first region tells of the copy
    return str(row["outcome"]) if is_first else "again", _copies(item.numbers)


_REGION: Mapping[str, Callable[[EvidenceItem, Row], tuple[str, Filled]]] = {
    "error_level": _level_row,
    "noise": _level_row,
    "ghosts": _ghost_row,
    "grid": _grid_row,
    "double_quantisation": _double_row,
    "copy_move": _copy_row,
}


def _level_whole(numbers: Row) -> tuple[str, Filled]:
    return "", {**numbers, "level": level_words(_float(numbers["median"]))}


def _ghost_whole(numbers: Row) -> tuple[str, Filled]:
    return "", {**numbers, "changes": SIZES[str(numbers["share_changes"])]}


def _grid_whole(numbers: Row) -> tuple[str, Filled]:
    across, down = _pair(numbers["offset_xy"])
    return "shifted" if across or down else "", {**numbers, "x": across, "y": down, "frame": _frame(numbers)}


_WHOLE: Mapping[str, Callable[[Row], tuple[str, Filled]]] = {
    "metadata": lambda numbers: ("", {"facts": _file_facts(numbers)}),
    "jpeg_tables": lambda numbers: (str(numbers["tables"]), numbers),
    "error_level": _level_whole,
    "noise": _level_whole,
    "ghosts": _ghost_whole,
    "grid": _grid_whole,
    "double_quantisation": lambda numbers: ("", numbers),
    "copy_move": lambda numbers: ("", _copies(numbers)),
}


def _file_facts(numbers: Row) -> str:
    """The findings of a file's metadata, one clause each."""
    facts = []
    if names := _names(numbers):
        facts.append(f"文件记录了{'和'.join(names)}")
    if isinstance(stated := numbers["stated_size"], list):
        (wide, high), (width, height) = stated, _pair(numbers["size"])
        facts.append(f"{'' if facts else '文件'}记载的尺寸为{wide}×{high}像素，而实际为{width}×{height}像素")
    if isinstance(lapse := numbers["lapse"], dict):
        when = f"{lapse['number']}{UNITS[str(lapse['unit'])]}{SIDES[str(lapse['side'])]}"
        facts.append(f"{'' if facts else '文件'}最后一次写入是在拍摄的{when}")
    return "；".join(facts) or NO_METADATA


def _names(numbers: Row) -> list[str]:
    names = [f"相机“{numbers['camera']}”"] if numbers["camera"] else []
    if (kind := numbers["program_kind"]) is not None:
        program = numbers["program"]
        names.append(f"{PROGRAMS[str(kind)]}“{program}”" if program else f"{PROGRAMS[str(kind)]}的设置")
    elif numbers["software"] and not numbers["camera"]:
        names.append(f"软件“{numbers['software']}”")
    return names


def _copies(numbers: Row) -> Filled:
    told = copy_move.Told.of(numbers)
    changes = [f"缩放至{told.scaled_to}倍"] if told.scaled_to else []
    changes += [f"旋转{told.turned_by}°"] if told.turned_by else []
    return {
        "pairs": told.pairs,
        "distance": told.distance,
        "correlation": told.correlation,
        "change": f"（{'，'.join(changes)}）" if changes else "",
    }


def _frame(numbers: Row) -> str:
    return "" if numbers["orientation"] == UPRIGHT else AS_STORED


def _pair(value: JsonValue) -> tuple[JsonValue, JsonValue]:
    first, second = value if isinstance(value, list) else (None, None)
    return first, second


def _float(value: JsonValue) -> float:
    return float(str(value))
