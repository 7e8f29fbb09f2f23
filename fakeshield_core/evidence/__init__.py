"""Measured forensic facts: one test a file, all of them light enough to be shown within a second.

`measure` looks at the whole picture; `compare` adds inside against outside once regions are known.
Nothing here says whether a picture was forged: each item is a number, what it shows and what it cannot show.
"""

from __future__ import annotations

from dataclasses import replace

from fakeshield_core.domain import Evidence, EvidenceItem, Region
from fakeshield_core.evidence.blocks import Sampling, blocks, luma, surroundings
from fakeshield_core.evidence.contrast import Labels
from fakeshield_core.evidence.copies import find_copies
from fakeshield_core.evidence.copy_move import NAME as COPY_MOVE
from fakeshield_core.evidence.copy_move import compared, copy_grids, copy_move_item, copy_move_layer
from fakeshield_core.evidence.double_quantisation import NAME as DOUBLE
from fakeshield_core.evidence.double_quantisation import double_compared, measure_double
from fakeshield_core.evidence.error_level import ERROR_LEVEL, error_levels
from fakeshield_core.evidence.ghosts import NAME as GHOSTS
from fakeshield_core.evidence.ghosts import ghosts_compared, measure_ghosts
from fakeshield_core.evidence.grid import NAME as GRID
from fakeshield_core.evidence.grid import grid_compared, measure_grid
from fakeshield_core.evidence.jpeg_tables import jpeg_tables_item
from fakeshield_core.evidence.level_test import compared_item, layer_of, too_small, whole_item
from fakeshield_core.evidence.metadata import metadata_item
from fakeshield_core.evidence.noise import NOISE, noise_levels
from fakeshield_core.evidence.stored_blocks import Marked, StoredBlocks
from fakeshield_core.picture import Picture

__all__ = ["compare", "measure"]


def measure(picture: Picture) -> Evidence:
    """Metadata, JPEG tables, levels, traces of earlier compressions and copied areas of the whole picture.

    Above 4 megapixels all but copies are measured on one 32 x 32 tile in each cell, at native scale, so the
    work stays bounded; `numbers["measured_share"]` of the levels says how much of the picture that is. The
    layers are picture-sized all the same (4 bytes a pixel each).

    Returns:
        Items `metadata`, `jpeg_tables`, `error_level`, `noise`, `ghosts`, `grid`, `double_quantisation`,
        `copy_move`; a layer of the same name for each that was measured on pixels, `copy_move` where areas
        match and `double_quantisation` where there are traces.
    """
    sampling = Sampling.of(picture.rgb.shape)
    taken = luma(sampling.take(picture.rgb))
    of_luma = blocks(taken)
    facts = (metadata_item(picture), jpeg_tables_item(picture))
    stored = StoredBlocks.of(picture, taken)
    history = (
        measure_ghosts(stored),
        measure_grid(stored, picture.jpeg is not None),
        measure_double(stored, picture),
    )
    traces = tuple(measured.item for measured in history)
    if not of_luma.size:
        tiny = (too_small(ERROR_LEVEL), too_small(NOISE), *traces, copy_move_item(None))
        return Evidence((*facts, *tiny), {})
    copies = find_copies(picture.rgb)
    found = ((ERROR_LEVEL, error_levels(taken)), (NOISE, noise_levels(of_luma)))
    layers = [layer_of(test, levels, sampling) for test, levels in found]
    layers += [measured.layer for measured in history if measured.layer is not None]
    layers += [copy_move_layer(copies, *picture.rgb.shape[:2])] if copies else []
    grids = {**surroundings(of_luma), **{test.name: levels for test, levels in found}}
    for measured in history:
        grids |= measured.grids
    levels_told = tuple(whole_item(test, levels, sampling) for test, levels in found)
    return Evidence(
        items=(*facts, *levels_told, *traces, copy_move_item(copies)),
        layers={layer.name: layer for layer in layers},
        grids=grids | (copy_grids(copies) if copies else {}),
    )


def compare(evidence: Evidence, labels: Labels, regions: tuple[Region, ...]) -> Evidence:
    """The same evidence with each region compared.

    Error level and noise against similar blocks outside all regions, earlier compressions against the rest;
    copies: does it belong to one.

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
    traces = {GHOSTS: ghosts_compared, GRID: grid_compared, DOUBLE: double_compared}

    def with_regions(item: EvidenceItem) -> EvidenceItem:
        if item.name in tests and item.name in evidence.grids:
            return compared_item(tests[item.name], item, evidence.grids, labels, regions)
        if item.name in traces and marked is not None:
            return traces[item.name](item, evidence.grids, marked)
        return compared(item, evidence.grids, labels, regions) if item.name == COPY_MOVE else item

    marked = _marked(evidence, labels, regions)
    return replace(evidence, items=tuple(with_regions(item) for item in evidence.items))


def _marked(evidence: Evidence, labels: Labels, regions: tuple[Region, ...]) -> Marked | None:
    """The regions on the grid of the file; None for a picture without a measured block."""
    item = evidence.item(GRID)
    if item is None or NOISE.name not in evidence.grids:
        return None
    turn = int(str(item.numbers["orientation"]))
    rows, columns = evidence.grids[NOISE.name].shape
    return Marked.of(labels, regions, turn, (columns, rows) if turn >= 5 else (rows, columns))
