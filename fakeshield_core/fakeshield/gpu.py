"""The one door to the card: nothing more than the call itself, except on ZeroGPU.

There a call with `spaces.GPU` borrows a card for a stated time, in a process of its own: what it gives is
sent back, and what it keeps on the card is lost. Unverified: nobody has run this on ZeroGPU yet.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.picture import Picture

Given = TypeVar("Given")
More = ParamSpec("More")
ON_ZERO_GPU = "SPACES_ZERO_GPU"  # set by the platform

BASE_S = 20.0  # verdict, text and mask of a small picture, on a slice of an H200; a guess, to be measured
PER_MEGAPIXEL_S = 0.5
MOST_S = 60.0


def gpu_call(
    run: Callable[Concatenate[Picture, More], Iterator[Given]], environment: Mapping[str, str] | None = None
) -> Callable[Concatenate[Picture, More], Iterator[Given]]:
    """The same function; on ZeroGPU wrapped to borrow a card for as long as the picture needs.

    Raises:
        EngineUnavailable: this is ZeroGPU, and the package `spaces` is not installed.
    """
    given = os.environ if environment is None else environment
    if not given.get(ON_ZERO_GPU):
        return run
    try:
        spaces: Any = importlib.import_module("spaces")
    except ImportError as error:
        raise EngineUnavailable(
            "This Space borrows its card through the package spaces; add it to requirements.txt."
        ) from error
    wrapped: Callable[Concatenate[Picture, More], Iterator[Given]] = spaces.GPU(duration=seconds_for)(run)
    return wrapped


def seconds_for(picture: Picture, *_: object) -> float:
    """How long a picture may hold the card; shorter is served sooner."""
    megapixels = picture.facts.width * picture.facts.height / 1e6
    return min(MOST_S, BASE_S + PER_MEGAPIXEL_S * megapixels)
