"""Places of a picture that look alike far from each other: SIFT keypoints matched within one picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import RgbImage

LONG_SIDE = 768  # pixels of the working picture; keeps the work bounded
LARGEST_SCALE = 2.0  # small pictures are enlarged by no more
MOST_KEYPOINTS = 4000
FAR_PX = 30.0  # of the working picture: nearer places are the same thing
SECOND_RATIO = 0.6  # the second best match is at least this much worse (Lowe 2004; g2NN, Amerini et al. 2011)
FARTHEST = 0.5  # distance of descriptors of unit length
CHUNK = 1000  # keypoints compared at once

Grey = npt.NDArray[np.uint8]  # (h, w)
Pairs = npt.NDArray[np.float32]  # (N, 4) x, y of one place and x, y of the other, working pixels


@dataclass(frozen=True, slots=True)
class Matches:
    """What was matched, in pixels of the working picture."""

    pairs: Pairs  # each pair once, the upper place first
    keypoints: int  # how many there were


def working_picture(rgb: RgbImage) -> tuple[Grey, float]:
    """The luma at long side 768, enlarged at most twice; and its scale against the picture."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    scale = min(LARGEST_SCALE, LONG_SIDE / max(grey.shape))
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(grey, size, interpolation=way), np.uint8), scale


def matches(grey: Grey) -> Matches:
    """Pairs of distant places whose surroundings are alike, and unlike any third place."""
    sift = cv2.SIFT.create(nfeatures=MOST_KEYPOINTS, contrastThreshold=0.01, edgeThreshold=20)
    keypoints, descriptors = sift.detectAndCompute(grey, None)
    if descriptors is None or len(keypoints) < 4:
        return Matches(np.zeros((0, 4), np.float32), len(keypoints))
    places = np.array([k.pt for k in keypoints], np.float32)
    found = _matched(places, _unit(descriptors))
    upper_first = (found[:, 1] < found[:, 3]) | ((found[:, 1] == found[:, 3]) & (found[:, 0] < found[:, 2]))
    ordered = np.where(upper_first[:, None], found, found[:, [2, 3, 0, 1]])
    return Matches(np.unique(ordered, axis=0).astype(np.float32), len(keypoints))


def _unit(descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """RootSIFT (Arandjelovic and Zisserman 2012): rows of length 1."""
    rows = descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6)
    return np.asarray(np.sqrt(rows), np.float32)


def _matched(places: npt.NDArray[np.float32], descriptors: npt.NDArray[np.float32]) -> Pairs:
    found = [np.zeros((0, 4), np.float32)]
    for start in range(0, len(places), CHUNK):
        part = slice(start, start + CHUNK)
        likeness = descriptors[part] @ descriptors.T
        across, down = (places[part, axis, None] - places[None, :, axis] for axis in (0, 1))
        likeness[across * across + down * down < FAR_PX**2] = -1.0
        best = likeness.argmax(axis=1)
        rows = np.arange(len(best))
        first = likeness[rows, best]
        likeness[rows, best] = -1.0
        second = likeness.max(axis=1)
        to_first, to_second = (np.sqrt(np.maximum(2 - 2 * value, 0.0)) for value in (first, second))
        good = (to_first < SECOND_RATIO * to_second) & (to_first < FARTHEST)
        found.append(np.concatenate([places[part][good], places[best[good]]], axis=1))
    return np.concatenate(found)
