"""Segmenters: the stub's geometry, which one is chosen, and Segment Anything against its own modules."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fakeshield_core.clicks import applied, guarded, prior_of, simulate
from fakeshield_core.domain import Candidates, Click, Embedding, Prompts, Segmenter
from fakeshield_core.errors import EngineUnavailable, InputError
from fakeshield_core.networks.sam import sam_module
from fakeshield_core.networks.sam_full import SamNetwork, SamSizes, sizes_from_shapes
from fakeshield_core.segmenters.registry import build_segmenter
from fakeshield_core.segmenters.sam import SamSegmenter, load_sam_segmenter
from fakeshield_core.segmenters.stub import StubSegmenter, disc
from fakeshield_core.settings import Settings
from tests.fakes import pictured, textured

TINY = SamSizes(
    image_size=64,
    encoder_embed_dim=32,
    encoder_depth=2,
    encoder_num_heads=2,
    encoder_global_attn_indexes=(1,),
    encoder_mlp_dim=64,
    window_size=2,
    prompt_embed_dim=32,
    decoder_mlp_dim=48,
    iou_head_hidden_dim=16,
)
PICTURE = pictured(textured(60, 90))
ONE = Prompts((Click(30, 20, True),))
TWO = Prompts((Click(30, 20, True), Click(80, 50, False)))
BOX = Prompts(box_xyxy=(10, 5, 70, 55))
BOX_AND_CLICKS = Prompts(TWO.clicks, BOX.box_xyxy)


def tiny_network() -> SamNetwork:
    """Random weights, biases and tables too, large enough that each of them changes the masks."""
    torch.manual_seed(3)
    network = SamNetwork(TINY).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.normal_(0, 0.25)
    return network


@pytest.fixture(scope="module")
def sam() -> SamSegmenter:
    return SamSegmenter(tiny_network(), "sam:test")


@pytest.fixture(scope="module")
def embedding(sam: SamSegmenter) -> Embedding:
    return sam.embed(PICTURE)


class Reference:
    """What `SamPredictor` computes, by hand from segment-anything's own modules; Pillow resizes."""

    def __init__(self, network: SamNetwork) -> None:
        self.model = sam_module("modeling.sam").Sam(
            network.image_encoder, network.prompt_encoder, network.mask_decoder
        )

    def embed(self, rgb: np.ndarray) -> torch.Tensor:
        image = Image.fromarray(rgb).resize((64, 43), Image.Resampling.BILINEAR)  # 90 x 60, long side to 64
        planes = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        with torch.no_grad():
            return self.model.image_encoder(self.model.preprocess(planes))

    def predict(
        self, features: torch.Tensor, prompts: Prompts, multimask: bool, mask: torch.Tensor | None
    ) -> tuple:
        grow = torch.tensor([64 / 90, 43 / 60])
        points, box = None, None
        if prompts.clicks:
            xy = torch.tensor([[float(c.x), float(c.y)] for c in prompts.clicks]) * grow
            points = xy[None], torch.tensor([[int(c.positive) for c in prompts.clicks]])
        if prompts.box_xyxy is not None:
            box = (torch.tensor(prompts.box_xyxy).float().reshape(2, 2) * grow).reshape(1, 4)
        with torch.no_grad():
            sparse, dense = self.model.prompt_encoder(points=points, boxes=box, masks=mask)
            place = self.model.prompt_encoder.get_dense_pe()
            low, quality = self.model.mask_decoder(features, place, sparse, dense, multimask)
            return low[0], quality[0], self.model.postprocess_masks(low, (43, 64), (60, 90))[0] > 0


@pytest.mark.parametrize("prompts", [ONE, TWO, BOX, BOX_AND_CLICKS], ids=["click", "clicks", "box", "both"])
def test_sam_gives_what_its_own_predictor_computes(
    sam: SamSegmenter, embedding: Embedding, prompts: Prompts
) -> None:
    features = torch.from_numpy(embedding.arrays["image"]).float()[None]
    low, quality, masks = Reference(tiny_network()).predict(features, prompts, prompts is ONE, None)
    order = quality.argsort(descending=True).tolist()
    found = sam.segment(embedding, prompts)
    assert len(found.masks) == len(found.scores) == len(found.logits) == len(order)
    for n, mask, logits in zip(order, found.masks, found.logits, strict=True):
        np.testing.assert_allclose(logits, low[n].numpy(), atol=1e-4, rtol=1e-4)
        np.testing.assert_array_equal(mask, masks[n].numpy())
    assert any(0 < mask.mean() < 1 for mask in found.masks)


def test_sam_reads_its_own_logits_as_a_prior(sam: SamSegmenter, embedding: Embedding) -> None:
    own = sam.segment(embedding, ONE).logits[0]
    features = torch.from_numpy(embedding.arrays["image"]).float()[None]
    low, _, _ = Reference(tiny_network()).predict(features, TWO, False, torch.from_numpy(own)[None, None])
    np.testing.assert_allclose(
        sam.segment(embedding, TWO, own).logits[0], low[0].numpy(), atol=1e-4, rtol=1e-4
    )
    assert not np.allclose(own, low[0].numpy(), atol=0.1)


def test_sam_leaves_the_mask_of_someone_else_out(sam: SamSegmenter, embedding: Embedding) -> None:
    foreign = prior_of(np.ones((60, 90), np.bool_))
    with_it, without = sam.segment(embedding, TWO, foreign), sam.segment(embedding, TWO)
    np.testing.assert_array_equal(with_it.logits[0], without.logits[0])


def test_the_embedding_is_that_of_the_padded_picture_in_half_precision(embedding: Embedding) -> None:
    expected = Reference(tiny_network()).embed(PICTURE.rgb)[0].numpy()
    found = embedding.arrays["image"]
    assert found.dtype == np.float16 and found.shape == (32, 4, 4)
    np.testing.assert_allclose(found, expected, atol=2e-3, rtol=2e-3)
    assert (embedding.height, embedding.width) == (60, 90)


def test_a_single_click_is_ambiguous_and_a_second_or_a_box_settles_it(
    sam: SamSegmenter, embedding: Embedding
) -> None:
    numbers = [len(sam.segment(embedding, prompts).masks) for prompts in (ONE, TWO, BOX, BOX_AND_CLICKS)]
    assert numbers == [3, 1, 1, 1]


def test_candidates_come_best_first_with_scores_within_one(sam: SamSegmenter, embedding: Embedding) -> None:
    scores = sam.segment(embedding, ONE).scores
    assert list(scores) == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_two_people_do_not_see_each_other(sam: SamSegmenter, embedding: Embedding) -> None:
    before = sam.segment(embedding, ONE)
    sam.segment(sam.embed(pictured(textured(40, 40, seed=9))), TWO)
    np.testing.assert_array_equal(sam.segment(embedding, ONE).logits[0], before.logits[0])


@pytest.mark.parametrize("size", ["b", "l", "h"])
def test_names_and_shapes_are_those_of_the_published_sizes(size: str) -> None:
    with torch.device("meta"):
        published = getattr(sam_module("build_sam"), f"build_sam_vit_{size}")().state_dict()
        shapes = {name: tuple(tensor.shape) for name, tensor in published.items()}
        ours = SamNetwork(sizes_from_shapes(shapes)).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in ours.items()} == shapes


def saved(path: Path, document: object) -> Path:
    torch.save(document, path)
    return path


def test_a_checkpoint_file_gives_the_same_masks_as_the_network_it_was_saved_from(
    tmp_path: Path, sam: SamSegmenter, embedding: Embedding
) -> None:
    loaded = load_sam_segmenter(saved(tmp_path / "sam.pth", tiny_network().state_dict()))
    assert loaded.name.startswith("sam:") and len(loaded.name) == len("sam:") + 12
    mine = replace(embedding, segmenter=loaded.name)
    np.testing.assert_array_equal(loaded.segment(mine, TWO).masks[0], sam.segment(embedding, TWO).masks[0])


class Surprise:
    def __reduce__(self) -> tuple:
        return (print, ("run",))


def bad_checkpoints(folder: Path) -> dict[str, Path]:
    state = tiny_network().state_dict()
    lacking = {name: t for name, t in state.items() if name != "mask_decoder.iou_token.weight"}
    misshapen = state | {"mask_decoder.iou_token.weight": torch.zeros(2, 32)}
    (folder / "code.pth").write_bytes(pickle.dumps(Surprise(), protocol=2))
    (folder / "torn.pth").write_bytes(saved(folder / "whole.pth", state).read_bytes()[:5000])
    (folder / "empty.pth").write_bytes(b"")
    return {
        "missing": folder / "nowhere.pth",
        "code": folder / "code.pth",
        "torn": folder / "torn.pth",
        "empty": folder / "empty.pth",
        "folder": folder,
        "another network": saved(folder / "other.pth", {"weight": torch.zeros(3)}),
        "lacks a tensor": saved(folder / "lacking.pth", lacking),
        "wrong shape": saved(folder / "misshapen.pth", misshapen),
        "no tensors": saved(folder / "numbers.pth", {"a": 1}),
    }


def test_a_checkpoint_that_cannot_be_used_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for case, path in bad_checkpoints(tmp_path).items():
        with pytest.raises(EngineUnavailable) as caught:
            build_segmenter(Settings(sam_checkpoint=path))
        sentence = str(caught.value)
        assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 200, case
        assert path.name in sentence, case
    assert capsys.readouterr().out == ""  # no code of a file was run


def test_the_stub_answers_beside_the_stub_engine() -> None:
    assert isinstance(build_segmenter(Settings(engine="stub")), StubSegmenter)


@pytest.mark.parametrize("segmenter", [StubSegmenter(), SamSegmenter(tiny_network(), "sam:test")])
def test_every_segmenter_keeps_the_protocol(segmenter: Segmenter) -> None:
    assert isinstance(segmenter, Segmenter)
    embedding = segmenter.embed(PICTURE)
    found = segmenter.segment(embedding, ONE)
    assert isinstance(found, Candidates)
    assert all(mask.shape == (60, 90) and mask.dtype == np.bool_ for mask in found.masks)
    assert all(logits.dtype == np.float32 for logits in found.logits)
    with pytest.raises(InputError, match="open it again"):
        segmenter.segment(replace(embedding, segmenter="another:123"), ONE)


def test_sam_refuses_to_answer_nothing(sam: SamSegmenter, embedding: Embedding) -> None:
    with pytest.raises(InputError, match="click on the picture"):
        sam.segment(embedding, Prompts())


def test_positive_stub_click_adds_its_disc() -> None:
    stub = StubSegmenter()
    current = np.zeros((60, 90), np.bool_)
    change = guarded(current, stub.segment(stub.embed(PICTURE), ONE).masks[0], ONE)
    np.testing.assert_array_equal(applied(current, change), disc(60, 90, ONE.clicks[0]))


def test_negative_stub_click_takes_its_disc_from_any_mask() -> None:
    stub = StubSegmenter()
    current = np.random.default_rng(0).random((60, 90)) < 0.9
    current[40:60, 70:90] = True  # in one piece where the click falls
    change = guarded(current, stub.segment(stub.embed(PICTURE), TWO).masks[0], TWO)
    assert not change.adds
    np.testing.assert_array_equal(change.area, disc(60, 90, TWO.clicks[1]) & current)


def test_a_negative_stub_click_takes_its_disc_from_what_is_added_whatever_the_order() -> None:
    stub, taken, added = StubSegmenter(), Click(35, 20, False), Click(30, 20, True)
    embedding = stub.embed(pictured(textured(64, 96)))
    wanted = disc(64, 96, added) & ~disc(64, 96, taken)
    assert 0 < wanted.sum() < disc(64, 96, added).sum()
    np.testing.assert_array_equal(stub.segment(embedding, Prompts((taken, added))).masks[0], wanted)


def test_a_stub_box_is_filled() -> None:
    stub = StubSegmenter()
    mask = stub.segment(stub.embed(PICTURE), BOX).masks[0]
    assert mask.sum() == 60 * 50 and mask[5:55, 10:70].all()


def test_the_simulated_annotator_clicks_a_stub_through_the_merge_guard() -> None:
    stub = StubSegmenter()
    truth = disc(60, 90, Click(30, 30, True))
    start = np.zeros_like(truth)
    start[:6, 84:] = True  # less than one disc, far from the missed area
    result = simulate(stub, stub.embed(PICTURE), truth, start, limit=4)
    assert {click.positive for click in result.clicks} == {True, False}
    assert list(result.ious) == sorted(result.ious)
    assert result.noc(0.90) == 2 and result.drops == (0.0, 0.0)


@pytest.mark.parametrize("module", ["segmenters.registry", "segmenters.stub", "commands.clicks"])
def test_torch_is_loaded_only_with_a_network(module: str) -> None:
    code = f"import sys, fakeshield_core.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
