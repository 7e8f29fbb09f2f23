"""The compact network: shapes, its budget of parameters, and what must not depend on what."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from fakeshield_core.jpeg import STANDARD_LUMA, standard_table, zigzag
from fakeshield_core.networks.compact import (
    CoarseKeys,
    CompactConfig,
    CompactNetwork,
    SelfCorrelation,
    TokenBlock,
    neighbours,
)
from fakeshield_core.networks.sam import sam_module
from fakeshield_core.networks.stem import (
    _SRM,
    BayarKernels,
    DctStem,
    HistoryStem,
    PixelStem,
    dct_kernels,
    once_compressed,
)
from fakeshield_core.synthesis.history import through_jpeg
from tests.jpeg_histories import saved, square, with_fresh_part

SMALL = CompactConfig(quarter=16, dct=16, eighth=32, width=32, blocks=1, heads=4, key=8, top=4)


@pytest.fixture(scope="module")
def network() -> CompactNetwork:
    torch.manual_seed(0)
    return CompactNetwork(SMALL).eval()


def test_the_shipped_size_is_between_three_and_eight_million_parameters() -> None:
    count = sum(p.numel() for p in CompactNetwork(CompactConfig()).parameters())
    assert 3e6 <= count <= 8e6


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 112), (128, 32)])
def test_masks_come_at_a_quarter_of_the_input(network: CompactNetwork, height: int, width: int) -> None:
    with torch.inference_mode():
        classes, mask = network(torch.rand(2, 3, height, width) * 255, torch.ones(2, 8, 8))
    assert classes.shape == (2, 2) and mask.shape == (2, height // 4, width // 4)


def test_samples_of_a_batch_do_not_see_each_other(network: CompactNetwork) -> None:
    rgb, table = torch.rand(3, 3, 64, 64) * 255, torch.ones(3, 8, 8)
    with torch.inference_mode():
        together, alone = network(rgb, table), network(rgb[1:2], table[1:2])
    torch.testing.assert_close(together[0][1:2], alone[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together[1][1:2], alone[1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(6, 8), (5, 7), (1, 3)])
def test_joined_keys_change_nothing_where_the_joined_places_are_equal(height: int, width: int) -> None:
    torch.manual_seed(0)
    block = TokenBlock(32, 4).eval()
    cells = torch.randn(2, 32, -(-height // 2), -(-width // 2))
    places = torch.nn.functional.interpolate(cells, scale_factor=2.0, mode="nearest")[:, :, :height, :width]
    tokens = torch.cat([torch.randn(2, 1, 32), places.flatten(2).transpose(1, 2)], dim=1)
    with torch.inference_mode():
        full, joined = block(tokens), block(tokens, CoarseKeys(height, width, tokens.device))
    torch.testing.assert_close(joined, full, atol=1e-5, rtol=1e-5)


def test_only_a_grid_beyond_those_of_the_training_is_joined(
    network: CompactNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, int]] = []
    init = CoarseKeys.__init__

    def spied(self: CoarseKeys, height: int, width: int, device: torch.device) -> None:
        made.append((height, width))
        init(self, height, width, device)

    monkeypatch.setattr(CoarseKeys, "__init__", spied)
    with torch.inference_mode():
        network(torch.rand(1, 3, 512, 512) * 255, torch.ones(1, 8, 8))
        assert not made
        network(torch.rand(1, 3, 512, 528) * 255, torch.ones(1, 8, 8))
    assert made == [(32, 33)]


def test_the_dct_basis_is_orthonormal_and_finds_a_single_cosine() -> None:
    basis = dct_kernels().reshape(64, 64)
    torch.testing.assert_close(basis @ basis.T, torch.eye(64), atol=1e-5, rtol=0)
    wave = basis[3 * 8 + 5] * 10
    assert int((basis @ wave).abs().argmax()) == 3 * 8 + 5


def test_zigzag_is_the_order_of_the_jpeg_standard() -> None:
    assert zigzag()[:12] == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25]
    assert sorted(zigzag()) == list(range(64))


def test_decoded_jpeg_coefficients_lie_on_their_quantisation_grid() -> None:
    rgb = np.repeat(np.random.default_rng(1).integers(60, 190, (64, 64, 1), dtype=np.uint8), 3, axis=2)
    decoded, table = through_jpeg(rgb, 70, 0)
    luma = torch.from_numpy(decoded[..., 0].astype(np.float32))[None, None] - 128
    coefficients = torch.nn.functional.conv2d(luma, dct_kernels(), stride=8)
    ratio = coefficients / torch.from_numpy(table).reshape(1, 64, 1, 1)
    assert (ratio - ratio.round()).abs().mean().item() < 0.06  # uniform would be 0.25


def test_constrained_filters_do_not_react_to_a_flat_picture() -> None:
    flat = torch.full((1, 3, 16, 16), 137.0)
    assert torch.nn.functional.conv2d(flat, BayarKernels(4)()).abs().max().item() < 1e-3


def test_the_pixel_stem_folds_grey_levels_and_clipped_residuals_to_half_scale() -> None:
    torch.manual_seed(0)
    stem, rgb = PixelStem(8), (torch.rand(2, 3, 32, 48) * 255).round()
    read: list[torch.Tensor] = []
    stem.fold.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    stem(rgb)
    padded = torch.nn.functional.pad(rgb, (2, 2, 2, 2), mode="replicate")
    srm = [
        torch.nn.functional.conv2d(padded[:, [channel]], torch.tensor(kernel)[None, None] / divisor)
        for channel in range(3)
        for kernel, divisor in _SRM
    ]
    bayar = torch.nn.functional.conv2d(padded, stem.bayar())
    planes = [(rgb - 128) / 64, torch.cat(srm, dim=1).clamp(-12, 12) / 3, bayar.clamp(-32, 32) / 8]
    wanted = torch.nn.functional.pixel_unshuffle(torch.cat(planes, dim=1), 2)
    assert (wanted.abs() == 4).any()
    torch.testing.assert_close(read[0], wanted, atol=1e-4, rtol=0)


def test_the_quantisation_table_changes_what_the_dct_stem_sees() -> None:
    torch.manual_seed(0)
    stem, rgb = DctStem(8), torch.rand(1, 3, 32, 32) * 255
    assert not torch.allclose(stem(rgb, torch.ones(1, 8, 8)), stem(rgb, torch.full((1, 8, 8), 9.0)))


def test_a_repeated_place_correlates_more_than_others() -> None:
    torch.manual_seed(0)
    module = SelfCorrelation(16, 16, 1)
    torch.nn.init.eye_(module.key.weight.data.view(16, 16))
    features = torch.randn(1, 16, 12, 12)
    features[..., 9, 9] = features[..., 2, 2]
    with torch.inference_mode():
        keys = torch.nn.functional.normalize(module.key(features).flatten(2), dim=1)
        best = module._best(keys, neighbours(12, 12), 0, 144, 1).view(12, 12)
    assert best[2, 2].item() == pytest.approx(1.0, abs=1e-4)
    assert best[9, 9].item() == pytest.approx(1.0, abs=1e-4)
    assert best[5, 5].item() < 0.95


@pytest.mark.parametrize("height, width", ((5, 4), (1, 3)))
def test_a_place_is_nearer_than_two_cells_to_its_neighbours(height: int, width: int) -> None:
    there = torch.cartesian_prod(torch.arange(float(height)), torch.arange(float(width)))
    near = torch.zeros(height * width, height * width).scatter(1, neighbours(height, width), 1.0)
    torch.testing.assert_close(near.bool(), torch.cdist(there, there) < 1.5)


def test_correlation_in_chunks_equals_correlation_at_once() -> None:
    torch.manual_seed(0)
    module, features = SelfCorrelation(16, 8, 4), torch.randn(1, 16, 9, 11)
    torch.testing.assert_close(module(features, chunk=7), module(features, chunk=10_000))


def test_segment_anything_is_used_without_its_init() -> None:
    assert hasattr(sam_module("modeling.transformer"), "TwoWayTransformer")
    assert "torchvision" not in sys.modules and "segment_anything" not in sys.modules


def test_traces_of_an_earlier_compression_are_read_unless_they_are_given() -> None:
    network = CompactNetwork(SMALL).eval()
    rgb = torch.tensor(saved(with_fresh_part(), 90)).permute(2, 0, 1)[None].float()
    table = torch.from_numpy(standard_table(STANDARD_LUMA, 90)).float()[None]
    known = once_compressed(rgb, table)
    with torch.inference_mode():
        torch.testing.assert_close(network(rgb, table)[1], network(rgb, table, known)[1], atol=0, rtol=0)
        assert not torch.equal(network(rgb, table)[1], network(rgb, table, torch.zeros_like(known))[1])


@pytest.mark.parametrize("lossless", (False, True), ids=("JPEG 90", "no JPEG"))
def test_blocks_without_an_earlier_compression_stand_out(lossless: bool) -> None:
    stem = HistoryStem(2)
    with torch.no_grad():  # each channel passes on one of the two planes
        stem.read.weight.zero_()
        stem.read.bias.zero_()
        stem.read.weight[0, 0, 2, 2] = stem.read.weight[1, 1, 2, 2] = 1.0
    rgb = with_fresh_part() if lossless else saved(with_fresh_part(), 90)
    table = np.ones((8, 8)) if lossless else standard_table(STANDARD_LUMA, 90)
    planes = stem(once_compressed(torch.tensor(rgb).permute(2, 0, 1)[None], torch.from_numpy(table)[None]))
    fresh = torch.from_numpy(square()[::8, ::8].copy())
    for plane in planes[0]:
        assert plane[fresh].mean() > 0.3 > -0.3 > plane[~fresh].mean()
