"""How many CPU threads torch may use, and none beside them for the BLAS of numpy, scipy and OpenCV."""

from __future__ import annotations

import torch
from threadpoolctl import ThreadpoolController


def use_threads(threads: int) -> None:
    """Sets both for the whole process.

    Threads of OpenBLAS spin while they wait and so take the cores away from those of torch: the convolutional
    part of a tile of 448 x 400 took 172 ms on two cores with them, 88 ms without (scratch, 2026-11-27).
    """
    torch.set_num_threads(threads)
    ThreadpoolController().select(internal_api="openblas").limit(limits=1)
