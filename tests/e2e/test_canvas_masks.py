"""Masks in the browser: the same run lengths as on the server, and pixels where they were drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fakeshield_core.domain import BoolMask
from fakeshield_core.masks import decode_rle, encode_rle
from tests.e2e.driver import Visitor, rectangle

AGAIN = """async ([rle]) => {
    const { Bitmap } = await import("./ui/bitmap.js");
    const mask = Bitmap.fromRle(rle);
    mask.pack();
    const copy = new Bitmap(mask.width, mask.height, mask.bits.slice());
    return { rle: copy.toRle(), area: copy.area, corner: copy.has(0, 0) };
}"""
DRAWN = """async ([kind, points, radius, width, height]) => {
    const { loopOf, strokeOf } = await import("./ui/strokes.js");
    const size = [width, height];
    return (kind === "loop" ? loopOf(points, ...size) : strokeOf(points, radius, ...size)).toRle();
}"""


def random_mask(height: int, width: int, share: float) -> BoolMask:
    mask: BoolMask = np.random.default_rng(height).random((height, width)) < share
    return mask


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((3, 5), bool),
        np.ones((3, 5), bool),
        random_mask(1, 1, 1.0),
        random_mask(37, 53, 0.5),
        random_mask(64, 200, 0.02),
        rectangle((900, 1400), (1, 0, 1399, 900)),
    ],
    ids=["empty", "full", "pixel", "noise", "specks", "long runs"],
)
def test_run_lengths_are_those_of_the_server(visitor: Visitor, mask: BoolMask) -> None:
    sent = encode_rle(mask)
    back = visitor.page.evaluate(AGAIN, [sent])
    assert back["rle"] == sent
    assert (decode_rle(back["rle"]) == mask).all()
    assert back["area"] == mask.sum() and back["corner"] == mask[0, 0]


def drawn(visitor: Visitor, *told: Any) -> BoolMask:
    return decode_rle(visitor.page.evaluate(DRAWN, list(told)))


def test_stroke_covers_what_lies_within_its_radius(visitor: Visitor) -> None:
    mask = drawn(visitor, "stroke", [[20, 30], [60, 30]], 5, 100, 80)
    rows, columns = np.mgrid[:80, :100] + 0.5
    along = np.clip(columns, 20, 60)
    assert (mask == (np.hypot(columns - along, rows - 30) <= 5)).all()


def test_stroke_is_cut_at_the_edge_of_the_picture(visitor: Visitor) -> None:
    mask = drawn(visitor, "stroke", [[-10, -10], [0, 0]], 3, 20, 10)
    assert mask[0, 0] and not mask[5:].any() and not mask[:, 5:].any()


def test_loop_fills_its_inside_and_leaves_its_hole(visitor: Visitor) -> None:
    outer, inner = [[10, 10], [50, 10], [50, 40], [10, 40]], [[20, 20], [20, 30], [40, 30], [40, 20]]
    mask = drawn(visitor, "loop", [*outer, outer[0], inner[0], *inner[1:], inner[0], outer[0]], 0, 60, 50)
    expected = rectangle((50, 60), (10, 10, 50, 40)) & ~rectangle((50, 60), (20, 20, 40, 30))
    assert (mask == expected).all()
