"""COCO compressed run lengths: a mask as `{"size": [height, width], "counts": text}`.

Runs go down the columns and alternate, beginning with unmarked pixels (length 0 if the first is marked). From
the fourth on, each length is written as the difference to the one two before. A number is cut into groups of
five bits, lowest first: 32 is added where more follow, and 48 always, to reach printable characters. Bit 16
of the last group is the sign.

Source: cocoapi 8c9bcc3, `common/maskApi.c`, `rleEncode`, `rleToString`, `rleFrString`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import BoolMask, JsonValue
from fakeshield_core.errors import InputError

MAX_PIXELS = 40_000_000  # the limit of pictures; a mask is never larger than its picture
GROUP_BITS, SIGN, MORE, FIRST_CHARACTER = 5, 0x10, 0x20, 48
MAX_GROUPS = 7  # 35 bits; a run of MAX_PIXELS needs 6
UNREADABLE = "This mask cannot be read as COCO run lengths; send the mask as it was given."


def encode_rle(mask: BoolMask) -> dict[str, JsonValue]:
    """Run lengths of a (H, W) mask, True = tampered; equal to what pycocotools gives, `counts` as text."""
    height, width = mask.shape
    down_columns = np.ascontiguousarray(mask.T).ravel()
    edges = np.flatnonzero(down_columns[1:] != down_columns[:-1]) + 1
    starts_marked = down_columns.size > 0 and bool(down_columns[0])
    bounds = np.concatenate([[0] * (1 + starts_marked), edges, [down_columns.size]])
    runs = np.diff(bounds).astype(np.int64)
    return {"size": [height, width], "counts": _to_text(runs)}


def decode_rle(data: Mapping[str, JsonValue]) -> BoolMask:
    """The (H, W) mask of COCO compressed run lengths, which may come from anywhere.

    Raises:
        InputError: a field is missing or of another type, the size is over 40 megapixels, or the runs do not
            fill it exactly.
    """
    height, width = _size(data.get("size"))
    counts = data.get("counts")
    if not isinstance(counts, str) or len(counts) > MAX_GROUPS * (height * width + 1):
        raise InputError(UNREADABLE)
    runs = _from_text(counts)
    if runs.min(initial=0) < 0 or runs.max(initial=0) > height * width or int(runs.sum()) != height * width:
        raise InputError(UNREADABLE)
    values = np.arange(runs.size) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)


def _size(size: JsonValue) -> tuple[int, int]:
    if not isinstance(size, list) or len(size) != 2:
        raise InputError(UNREADABLE)
    height, width = size
    if type(height) is not int or type(width) is not int:  # True is an int to isinstance
        raise InputError(UNREADABLE)
    if height < 0 or width < 0 or height * width > MAX_PIXELS:
        raise InputError(UNREADABLE)
    return height, width


def _to_text(runs: npt.NDArray[np.int64]) -> str:
    rest = runs.copy()
    rest[3:] -= runs[1:-2]
    characters = np.zeros((runs.size, MAX_GROUPS), dtype=np.uint8)
    goes_on = np.ones(runs.size, dtype=np.bool_)
    written = np.zeros((runs.size, MAX_GROUPS), dtype=np.bool_)
    for place in range(MAX_GROUPS):
        group = rest & (MORE - 1)
        rest >>= GROUP_BITS
        written[:, place] = goes_on
        goes_on = goes_on & np.where(group & SIGN, rest != -1, rest != 0)
        characters[:, place] = group + MORE * goes_on + FIRST_CHARACTER
        if not goes_on.any():
            break
    return characters[written].tobytes().decode("ascii")


def _from_text(text: str) -> npt.NDArray[np.int64]:
    codes = np.frombuffer(text.encode("utf-8", "replace"), dtype=np.uint8).astype(np.int64) - FIRST_CHARACTER
    if codes.size == 0:
        return np.zeros(0, dtype=np.int64)
    last = np.flatnonzero((codes & MORE) == 0)
    if codes.min() < 0 or codes.max() >= 2 * MORE or last.size == 0 or last[-1] != codes.size - 1:
        raise InputError(UNREADABLE)
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > MAX_GROUPS:
        raise InputError(UNREADABLE)
    place = np.arange(codes.size) - np.repeat(first, lengths)
    runs = np.add.reduceat((codes & (MORE - 1)) << (GROUP_BITS * place), first)
    runs -= ((codes[last] & SIGN) != 0).astype(np.int64) << (GROUP_BITS * lengths)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs
