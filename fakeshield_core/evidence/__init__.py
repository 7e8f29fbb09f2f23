"""Measured forensic facts: one test a file, all of them light enough to be shown within a second.

`measure` looks at the whole picture; `compare` adds inside against outside once regions are known.
Nothing here says whether a picture was forged: each item is a number, what it shows and what it cannot show.
"""

from __future__ import annotations

from dataclasses import replace

from fakeshield_core.domain import Evidence, Region
from fakeshield_core.evidence.blocks import Sampling, blocks, luma, surroundings
from fakeshield_core.evidence.contrast import Labels
from fakeshield_core.evidence.copies import find_copies
from fakeshield_core.evidence.copy_move import NAME as COPY_MOVE
from fakeshield_core.evidence.copy_move import compared, copy_grids, copy_move_item, copy_move_layer
from fakeshield_core.evidence.error_level import ERROR_LEVEL, error_levels
from fakeshield_core.evidence.jpeg_tables import jpeg_tables_item
from fakeshield_core.evidence.level_test import compared_item, layer_of, too_small, whole_item
from fakeshield_core.evidence.metadata import metadata_item
from fakeshield_core.evidence.noise import NOISE, noise_levels
from fakeshield_core.picture import Picture

__all__ = ["compare", "measure"]


def measure(picture: Picture) -> Evidence:
    """Metadata, JPEG tables, error level, noise and copied areas of the whole picture.

    Above 4 megapixels error level and noise are measured on one 32 x 32 tile in each cell, at native scale,
    so the work stays bounded; `numbers["measured_share"]` says how much of the picture that is. The layers
    are picture-sized all the same (4 bytes a pixel each).

    Returns:
        Items `metadata`, `jpeg_tables`, `error_level`, `noise`, `copy_move`; layers `error_level` and
        `noise`, absent where the picture is smaller than one block, and `copy_move` where areas match.
    """
    sampling = Sampling.of(picture.rgb.shape)
    taken = luma(sampling.take(picture.rgb))
    of_luma = blocks(taken)
    facts = (metadata_item(picture), jpeg_tables_item(picture))
    if not of_luma.size:
        return Evidence((*facts, too_small(ERROR_LEVEL), too_small(NOISE), copy_move_item(None)), {})
    copies = find_copies(picture.rgb)
    found = ((ERROR_LEVEL, error_levels(taken)), (NOISE, noise_levels(of_luma)))
    return Evidence(
        items=(
            *facts,
            *(whole_item(test, levels, sampling) for test, levels in found),
            copy_move_item(copies),
        ),
        layers={
            **{test.name: layer_of(test, levels, sampling) for test, levels in found},
            **({COPY_MOVE: copy_move_layer(copies, *picture.rgb.shape[:2])} if copies else {}),
        },
        grids={
            **surroundings(of_luma),
            **{test.name: levels for test, levels in found},
            **(copy_grids(copies) if copies else {}),
        },
    )


def compare(evidence: Evidence, labels: Labels, regions: tuple[Region, ...]) -> Evidence:
    """The same evidence with each region compared.

    Error level and noise against similar blocks outside all regions; copies: does it belong to one.

    Args:
        evidence: of `measure`, for the same picture.
        labels: (H, W), region ids; 0 = outside.
        regions: those to compare; none: the evidence comes back as it is.

    Raises:
        MaskShapeMismatch: the labels do not belong to the picture that was measured.
    """
    if not regions:
        return evidence
    tests = {test.name: test for test in (ERROR_LEVEL, NOISE)}
    items = tuple(
        compared_item(tests[item.name], item, evidence.grids, labels, regions)
        if item.name in tests and item.name in evidence.grids
        else compared(item, evidence.grids, labels, regions)
        if item.name == COPY_MOVE
        else item
        for item in evidence.items
    )
    return replace(evidence, items=items)
