"""Do claims and map agree? For engines that choose the words and the regions themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import Claim


def contradictions(claims: Sequence[Claim], labels: npt.NDArray[np.int32]) -> tuple[str, ...]:
    """Ids of the claims that point at a region the mask does not have.

    Args:
        claims: those about the whole picture never contradict.
        labels: (H, W), region ids of the mask, 0 = none.
    """
    present = set(np.unique(labels).tolist()) - {0}
    return tuple(
        claim.id for claim in claims if claim.region_id is not None and claim.region_id not in present
    )
