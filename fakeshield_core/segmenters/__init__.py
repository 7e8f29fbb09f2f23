"""Clicks to a region: one file for each segmenter, `registry` to choose one."""

from __future__ import annotations

from fakeshield_core.domain import Embedding
from fakeshield_core.errors import InputError


def check_belongs(embedding: Embedding, segmenter: str) -> None:
    """Passes where the embedding was made by the segmenter of that name and weights digest.

    Raises:
        InputError: another one made it.
    """
    if embedding.segmenter != segmenter:
        raise InputError("The picture was prepared for other weights than are in use now; open it again.")
