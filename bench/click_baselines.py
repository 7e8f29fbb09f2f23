"""GrabCut (OpenCV) and random walker (scikit-image) as ways to answer clicks.

Each is used as it is meant to be: all clicks so far are seeds, and its mask after them is the result as it
stands, without a merge guard. Both need the development requirements.
"""

from __future__ import annotations

import warnings
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import random_walker

from fakeshield_core.clicks import Step
from fakeshield_core.clicks_measure import Method
from fakeshield_core.domain import BoolMask, Click, Prompts, RgbImage
from fakeshield_core.picture import Picture

SEED_FRACTION = 0.01  # of the longer side: radius of the disc that a click is drawn as
SEED_PX = 2  # in small pictures
LIKELY_FRACTION = (
    0.08  # GrabCut: radius round a positive click that is likely meant, where nothing is known yet
)
ROUNDS = 3  # of GrabCut after each click
BETA = 130.0  # random walker: how much a step across an edge costs; the default of scikit-image
CORE_FRACTION = 0.03  # random walker: pixels this deep inside, or far outside, of a given mask are seeds
DOUBT_FRACTION = 0.15  # random walker: seeds so near a click that says otherwise are given up


class Seeded(Protocol):
    """A segmentation from clicks, given the mask before the first one."""

    def __call__(self, rgb: RgbImage, prompts: Prompts, start: BoolMask, current: BoolMask) -> BoolMask:
        """The mask (H, W) after these clicks."""


def grabcut(rgb: RgbImage, prompts: Prompts, start: BoolMask, current: BoolMask) -> BoolMask:
    """GrabCut from its own last result, clicks as certain pixels; a start counts as likely.

    Source: Rother et al. 2004; `cv2.grabCut` with a mask, as in OpenCV's interactive sample.
    """
    likely = current.copy()
    if not likely.any():
        for click in prompts.clicks:
            if click.positive:
                likely |= seed(rgb.shape[:2], click, LIKELY_FRACTION)
    labels = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    for click in prompts.clicks:
        labels[seed(rgb.shape[:2], click)] = cv2.GC_FGD if click.positive else cv2.GC_BGD
    foreground = _foreground(labels)
    if foreground.all() or not foreground.any():
        return foreground  # it needs pixels of both kinds to begin with
    models = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
    cv2.setRNGSeed(0)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    cv2.grabCut(bgr, labels, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return _foreground(labels)


def walker(rgb: RgbImage, prompts: Prompts, start: BoolMask, current: BoolMask) -> BoolMask:
    """Random walker from the clicks; the picture's edge is background where no positive click is.

    Of a start, the core inside and what lies far outside are seeds as well, except near clicks that say
    otherwise.

    Source: Grady 2006; `skimage.segmentation.random_walker`.
    """
    seeds = edge_seeds(start.shape)
    if start.any():
        seeds = np.where(given := start_seeds(start, prompts), given, seeds)
    for click in prompts.clicks:
        seeds[seed(start.shape, click)] = 1 if click.positive else 2
    if not (seeds == 1).any() or not (seeds == 2).any():
        return np.asarray(seeds == 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its sparse solver, about speed
        labels = random_walker(rgb / 255.0, seeds, beta=BETA, mode="bf", channel_axis=-1)
    return np.asarray(labels == 1)


def start_seeds(start: BoolMask, prompts: Prompts) -> npt.NDArray[np.int32]:
    """(H, W): 1 deep inside of the mask, 2 far outside, 0 between and round clicks that say otherwise."""
    depth = max(SEED_PX, CORE_FRACTION * max(start.shape))
    inside = ndimage.distance_transform_edt(start) > depth
    outside = ndimage.distance_transform_edt(~start) > depth
    seeds = np.zeros(start.shape, np.int32)
    seeds[inside], seeds[outside] = 1, 2
    for click in prompts.clicks:
        if start[click.y, click.x] != click.positive:
            seeds[seed(start.shape, click, DOUBT_FRACTION)] = 0
    return seeds


def edge_seeds(shape_hw: tuple[int, ...]) -> npt.NDArray[np.int32]:
    """(H, W): 2 on the picture's edge, 0 elsewhere."""
    seeds = np.full(shape_hw, 2, np.int32)
    seeds[1:-1, 1:-1] = 0
    return seeds


def seed(shape_hw: tuple[int, ...], click: Click, fraction: float = SEED_FRACTION) -> BoolMask:
    """(H, W): the disc a click is drawn as."""
    height, width = shape_hw
    radius = max(SEED_PX, fraction * max(height, width))
    ys, xs = np.ogrid[:height, :width]
    inside: BoolMask = (ys - click.y) ** 2 + (xs - click.x) ** 2 <= radius**2
    return inside


def _foreground(labels: npt.NDArray[np.uint8]) -> BoolMask:
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), np.bool_)


def remembering(segmentation: Seeded, rgb: RgbImage) -> Step:
    """A step that keeps the mask before the first click, which `drive` does not repeat."""
    start = np.zeros(rgb.shape[:2], np.bool_)

    def step(prompts: Prompts, current: BoolMask) -> BoolMask:
        if len(prompts.clicks) == 1:
            start[:] = current
        return segmentation(rgb, prompts, start, current)

    return step


def method(name: str, segmentation: Seeded) -> Method:
    """A baseline by name."""

    def prepare(picture: Picture) -> Step:
        return remembering(segmentation, picture.rgb)

    return Method(name, prepare)


BASELINES = (method("GrabCut", grabcut), method("random walker", walker))
