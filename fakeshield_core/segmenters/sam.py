"""Segment Anything (ViT-B, L or H) as a segmenter, with a predictor of our own that keeps no state.

The published predictor keeps the picture, so two people would overwrite each other, and its transforms need
torchvision. Its arithmetic is followed: long side 1024, padding right and below, logits above 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fakeshield_core.checkpoints.manifest import sha256_of
from fakeshield_core.checkpoints.tensors import read_file
from fakeshield_core.domain import Candidates, Embedding, Logits, Prompts
from fakeshield_core.errors import EngineUnavailable, InputError
from fakeshield_core.fakeshield.pixels import sam_planes, sam_resized, sam_size
from fakeshield_core.networks.sam_full import SamNetwork, sizes_from_shapes
from fakeshield_core.picture import Picture
from fakeshield_core.segmenters import check_belongs

ARRAY = "image"
DIGEST_LENGTH = 12  # hex digits
NAMES = {768: "sam-vit-b", 1024: "sam-vit-l", 1280: "sam-vit-h"}  # by the width of the encoder


class SamSegmenter:
    """A SAM network behind clicks; the caller keeps the embedding, float16, 2 MB."""

    def __init__(self, network: SamNetwork, name: str) -> None:
        """Takes a filled network, whose device is kept, and the name and digest of its weights."""
        self.name = name
        self._network = network.eval()

    def embed(self, picture: Picture) -> Embedding:
        """(C, 64, 64) float16 under "image"."""
        side = self._network.sizes.image_size
        planes = torch.from_numpy(sam_planes(sam_resized(picture.rgb, side), side))
        features = self._network.embed(planes)[0].to("cpu", torch.float16).numpy()
        height, width = picture.rgb.shape[:2]
        return Embedding(picture.facts.sha256, self.name, height, width, {ARRAY: features})

    def segment(self, embedding: Embedding, prompts: Prompts, prior: Logits | None = None) -> Candidates:
        """Three candidates for a single click, which may mean a part or the whole; one otherwise.

        Args:
            embedding: of this segmenter.
            prompts: at least one click or a box, in pixels of the picture.
            prior: logits that this segmenter gave, (256, 256), padding included. Logits of any other size
                come from a mask it did not make and are left out: SAM clings to such a mask, not mending it.

        Raises:
            InputError: the embedding is another segmenter's, or there is no prompt.
        """
        check_belongs(embedding, self.name)
        if not prompts.clicks and prompts.box_xyxy is None:
            raise InputError("Nothing was pointed at; click on the picture or draw a box.")
        own = self._own(prior)
        ambiguous = len(prompts.clicks) == 1 and prompts.box_xyxy is None and own is None
        with torch.inference_mode():
            logits, quality = self._decoded(embedding, prompts, own, ambiguous)
            masks = self._full_size(logits, embedding) > 0
        order = np.argsort(-quality, kind="stable")
        low = logits[0].float().cpu().numpy()
        return Candidates(
            masks=tuple(masks[n].cpu().numpy() for n in order),
            scores=tuple(float(np.clip(quality[n], 0, 1)) for n in order),
            logits=tuple(low[n] for n in order),
        )

    def _own(self, prior: Logits | None) -> Logits | None:
        expected = tuple(self._network.prompt_encoder.mask_input_size)
        return prior if prior is not None and prior.shape == expected else None

    def _decoded(
        self, embedding: Embedding, prompts: Prompts, prior: Logits | None, ambiguous: bool
    ) -> tuple[Tensor, np.ndarray]:
        """Logits (1, n, 256, 256) and expected IoU (n,)."""
        network, device = self._network, self._network.prompt_encoder.no_mask_embed.weight.device
        sparse, dense = network.prompt_encoder(
            points=_points(prompts, self._scale(embedding), device),
            boxes=_boxes(prompts, self._scale(embedding), device),
            masks=None if prior is None else torch.from_numpy(prior)[None, None].to(device),
        )
        logits, quality = network.mask_decoder(
            image_embeddings=torch.from_numpy(embedding.arrays[ARRAY])[None].to(device, torch.float32),
            image_pe=network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=ambiguous,
        )
        return logits, quality[0].float().cpu().numpy()

    def _scale(self, embedding: Embedding) -> tuple[float, float]:
        """Network pixels for each picture pixel, across and down."""
        height, width = sam_size(embedding.height, embedding.width, self._network.sizes.image_size)
        return width / embedding.width, height / embedding.height

    def _full_size(self, logits: Tensor, embedding: Embedding) -> Tensor:
        """(n, H, W) of the picture."""
        side = self._network.sizes.image_size
        tall, wide = sam_size(embedding.height, embedding.width, side)
        large = functional.interpolate(logits.float(), (side, side), mode="bilinear", align_corners=False)
        size = (embedding.height, embedding.width)
        window = large[..., :tall, :wide]
        return functional.interpolate(window, size, mode="bilinear", align_corners=False)[0]


def load_sam_segmenter(path: Path) -> SamSegmenter:
    """The segmenter of a published checkpoint (`sam_vit_b_01ec64.pth`, ...), on the GPU where there is one.

    Raises:
        EngineUnavailable: the file is missing, damaged, holds code, or is no SAM.
    """
    if not path.is_file():
        raise EngineUnavailable(f"There is no SAM checkpoint at {path}; correct FAKESHIELD_SAM_CHECKPOINT.")
    try:
        tensors = read_file(path)
        state = {name: tensors[name] for name in tensors}
    except EngineUnavailable as error:
        raise EngineUnavailable(
            f"The SAM checkpoint {path.name} is damaged or holds more than tensors; download it again."
        ) from error
    network = filled_network(state, path.name)
    name = NAMES.get(network.sizes.encoder_embed_dim, "sam")
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    return SamSegmenter(network, f"{name}:{sha256_of(path)[:DIGEST_LENGTH]}")


def filled_network(state: dict[str, Tensor], file_name: str, decoder_num_heads: int = 8) -> SamNetwork:
    """A float32 network with these weights, its sizes read off their shapes.

    Raises:
        EngineUnavailable: names or shapes are not those of a SAM.
    """
    try:
        sizes = sizes_from_shapes({name: tuple(t.shape) for name, t in state.items()}, decoder_num_heads)
        with torch.device("meta"):
            network = SamNetwork(sizes)
        network.load_state_dict({name: t.float() for name, t in state.items()}, assign=True)
    except (KeyError, IndexError, RuntimeError, ValueError, ZeroDivisionError) as error:
        raise EngineUnavailable(
            f"{file_name} is no SAM ViT-B, ViT-L or ViT-H checkpoint; "
            "download one of those or unset FAKESHIELD_SAM_CHECKPOINT."
        ) from error
    return network.requires_grad_(False)


def _points(
    prompts: Prompts, scale: tuple[float, float], device: torch.device
) -> tuple[Tensor, Tensor] | None:
    if not prompts.clicks:
        return None
    places = [(click.x * scale[0], click.y * scale[1]) for click in prompts.clicks]
    labels = [int(click.positive) for click in prompts.clicks]
    return (
        torch.tensor(places, dtype=torch.float32, device=device)[None],
        torch.tensor(labels, dtype=torch.int32, device=device)[None],
    )


def _boxes(prompts: Prompts, scale: tuple[float, float], device: torch.device) -> Tensor | None:
    if prompts.box_xyxy is None:
        return None
    corners = np.asarray(prompts.box_xyxy, np.float32) * np.asarray([*scale, *scale], np.float32)
    return torch.from_numpy(corners)[None].to(device)
