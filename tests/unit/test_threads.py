"""Threads: torch gets as many as were asked for, the BLAS beside it one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy  # noqa: F401  # brings an OpenBLAS
import pytest
import torch
from threadpoolctl import ThreadpoolController

from fakeshield_core.threads import use_threads


@pytest.fixture
def as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("as_before")
def test_blas_keeps_to_one_thread_while_torch_uses_several() -> None:
    blas = ThreadpoolController().select(internal_api="openblas")
    if not blas.lib_controllers:
        pytest.skip("numpy here comes without OpenBLAS")
    assert any(library.num_threads == 2 for library in blas.lib_controllers)
    use_threads(2)
    assert torch.get_num_threads() == 2
    assert all(library.num_threads == 1 for library in blas.lib_controllers)
