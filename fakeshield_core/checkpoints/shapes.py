"""Names and shapes of every tensor a part must hold, from the sizes in its config. No torch, no files.

Source: the key lists of the published full-size models; a test derives those lists from the sizes alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineUnavailable

Shape = tuple[int, ...]
Shapes = dict[str, Shape]
IGNORED = ("region_encoder.",)  # never used by FakeShield; skipping it saves 0.6 GB
IGNORED_ENDS = (".rotary_emb.inv_freq", ".embeddings.position_ids")  # recomputed, not learnt
RESNET50 = ((64, 3), (128, 4), (256, 6), (512, 3))  # width and blocks of each stage
EXPANSION = 4
DTG_CLASSES = 3
MASK_TOKENS = 4  # one mask, three more for ambiguous prompts


@dataclass(frozen=True, slots=True)
class ClipSizes:
    """The vision tower; the defaults are ViT-L/14-336."""

    hidden: int = 1024
    intermediate: int = 4096
    layers: int = 24
    image: int = 336  # pixels a side
    patch: int = 14

    @property
    def patches(self) -> int:
        """Image rows a picture becomes: 576 for the published tower."""
        return (self.image // self.patch) ** 2


@dataclass(frozen=True, slots=True)
class SamSizes:
    """Constructor sizes of SAM, named as in `tiny_sam_config.json`; the defaults are ViT-H."""

    image_size: int = 1024
    vit_patch_size: int = 16
    encoder_embed_dim: int = 1280
    encoder_depth: int = 32
    encoder_num_heads: int = 16
    encoder_global_attn_indexes: tuple[int, ...] = (7, 15, 23, 31)
    window_size: int = 14
    prompt_embed_dim: int = 256
    mask_in_chans: int = 16
    decoder_depth: int = 2
    decoder_mlp_dim: int = 2048
    decoder_num_heads: int = 8
    iou_head_depth: int = 3
    iou_head_hidden_dim: int = 256


def is_ignored(name: str) -> bool:
    """Whether a tensor of a published folder is one that no network of ours takes."""
    return name.removeprefix("model.").startswith(IGNORED) or name.endswith(IGNORED_ENDS)


def size(config: Mapping[str, JsonValue], field: str, default: int | None = None) -> int:
    """A whole number from a config.

    Raises:
        EngineUnavailable: it is absent without a default, or no positive whole number.
    """
    value = config.get(field)
    value = default if value is None else value
    if not isinstance(value, int) or value < 1:
        raise EngineUnavailable(
            f"config.json gives no usable {field} ({value!r}); download it again (weights get)."
        )
    return value


def dte_fdm(config: Mapping[str, JsonValue], copy: ClipSizes | None) -> Shapes:
    """DTE-FDM: language model, projector, and the vision-tower copy where there is one."""
    tower = "model.vision_tower.vision_tower.vision_model."
    clip = {tower + name: shape for name, shape in clip_vision(copy).items()} if copy else {}
    return {**llama(config), **projector(config), **clip}


def mflm(config: Mapping[str, JsonValue], sam_sizes: SamSizes, out_dim: int) -> Shapes:
    """MFLM: language model, projector, head of the [SEG] states, and SAM."""
    hidden = size(config, "hidden_size")
    head = {**_linear("0.0", hidden, hidden), **_linear("0.2", hidden, out_dim)}
    return {
        **llama(config),
        **projector(config),
        **{f"model.text_hidden_fcs.{name}": shape for name, shape in head.items()},
        **{f"model.grounding_encoder.{name}": shape for name, shape in sam(sam_sizes).items()},
    }


def llama(config: Mapping[str, JsonValue]) -> Shapes:
    """`LlamaForCausalLM` without tied weights."""
    hidden, wide = size(config, "hidden_size"), size(config, "intermediate_size")
    heads = size(config, "num_attention_heads")
    kv_rows = hidden // heads * size(config, "num_key_value_heads", heads)
    rows = size(config, "vocab_size")
    layer: Shapes = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (kv_rows, hidden),
        "self_attn.v_proj": (kv_rows, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (wide, hidden),
        "mlp.up_proj": (wide, hidden),
        "mlp.down_proj": (hidden, wide),
        "input_layernorm": (hidden,),
        "post_attention_layernorm": (hidden,),
    }
    shapes: Shapes = {"model.embed_tokens.weight": (rows, hidden), "lm_head.weight": (rows, hidden)}
    for number in range(size(config, "num_hidden_layers")):
        shapes |= {f"model.layers.{number}.{name}.weight": shape for name, shape in layer.items()}
    return shapes | {"model.norm.weight": (hidden,)}


def projector(config: Mapping[str, JsonValue]) -> Shapes:
    """The step from CLIP features to the language model.

    Raises:
        EngineUnavailable: the config names a kind of projector that LLaVA v1 does not have.
    """
    kind = str(config.get("mm_projector_type") or "linear")
    inner, hidden = size(config, "mm_hidden_size"), size(config, "hidden_size")
    depth = kind.removeprefix("mlp").removesuffix("x_gelu")
    if kind == "identity":
        return {}
    if kind == "linear":
        return _linear("model.mm_projector", inner, hidden)
    if not (kind.startswith("mlp") and kind.endswith("x_gelu") and depth.isdecimal()):
        raise EngineUnavailable(f"config.json names the projector {kind!r}, which is none of LLaVA v1.")
    widths = (inner, *[hidden] * int(depth))
    steps = itertools.pairwise(widths)
    return _merged(_linear(f"model.mm_projector.{2 * i}", a, b) for i, (a, b) in enumerate(steps))


def clip_vision(sizes: ClipSizes) -> Shapes:
    """`CLIPVisionModel`, without the `vision_model.` level."""
    hidden, wide = sizes.hidden, sizes.intermediate
    shapes: Shapes = {
        "embeddings.class_embedding": (hidden,),
        "embeddings.patch_embedding.weight": (hidden, 3, sizes.patch, sizes.patch),
        "embeddings.position_embedding.weight": (sizes.patches + 1, hidden),
        **_norm("pre_layrnorm", hidden),
        **_norm("post_layernorm", hidden),
    }
    for number in range(sizes.layers):
        layer = f"encoder.layers.{number}."
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            shapes |= _linear(f"{layer}self_attn.{name}", hidden, hidden)
        shapes |= _linear(f"{layer}mlp.fc1", hidden, wide) | _linear(f"{layer}mlp.fc2", wide, hidden)
        shapes |= _norm(f"{layer}layer_norm1", hidden) | _norm(f"{layer}layer_norm2", hidden)
    return shapes


def sam(sizes: SamSizes) -> Shapes:
    """SAM as `segment_anything` names it: image encoder, prompt encoder, mask decoder."""
    return _merged(
        {f"{part}.{name}": shape for name, shape in shapes.items()}
        for part, shapes in (
            ("image_encoder", _sam_encoder(sizes)),
            ("prompt_encoder", _sam_prompts(sizes)),
            ("mask_decoder", _sam_decoder(sizes)),
        )
    )


def resnet50(classes: int = DTG_CLASSES) -> Shapes:
    """ResNet-50 of torchvision with that many classes."""
    shapes: Shapes = {"conv1.weight": (64, 3, 7, 7), **_batch_norm("bn1", 64)}
    entering = 64
    for stage, (width, blocks) in enumerate(RESNET50, start=1):
        for number in range(blocks):
            block = f"layer{stage}.{number}."
            steps = ((width, entering, 1), (width, width, 3), (width * EXPANSION, width, 1))
            for index, (out, into, kernel) in enumerate(steps, start=1):
                shapes[f"{block}conv{index}.weight"] = (out, into, kernel, kernel)
                shapes |= _batch_norm(f"{block}bn{index}", out)
            if number == 0:
                shapes[f"{block}downsample.0.weight"] = (width * EXPANSION, entering, 1, 1)
                shapes |= _batch_norm(f"{block}downsample.1", width * EXPANSION)
            entering = width * EXPANSION
    return shapes | _linear("fc", entering, classes)


def _sam_encoder(sizes: SamSizes) -> Shapes:
    wide, out = sizes.encoder_embed_dim, sizes.prompt_embed_dim
    grid = sizes.image_size // sizes.vit_patch_size
    shapes: Shapes = {
        "pos_embed": (1, grid, grid, wide),
        "patch_embed.proj.weight": (wide, 3, sizes.vit_patch_size, sizes.vit_patch_size),
        "patch_embed.proj.bias": (wide,),
    }
    for number in range(sizes.encoder_depth):
        block = f"blocks.{number}."
        reach = 2 * (grid if number in sizes.encoder_global_attn_indexes else sizes.window_size) - 1
        shapes |= _norm(block + "norm1", wide) | _norm(block + "norm2", wide)
        for axis in "hw":
            shapes[f"{block}attn.rel_pos_{axis}"] = (reach, wide // sizes.encoder_num_heads)
        shapes |= _linear(block + "attn.qkv", wide, 3 * wide) | _linear(block + "attn.proj", wide, wide)
        shapes |= _linear(block + "mlp.lin1", wide, 4 * wide) | _linear(block + "mlp.lin2", 4 * wide, wide)
    shapes |= {"neck.0.weight": (out, wide, 1, 1), "neck.2.weight": (out, out, 3, 3)}
    return shapes | _norm("neck.1", out) | _norm("neck.3", out)


def _sam_prompts(sizes: SamSizes) -> Shapes:
    out, channels = sizes.prompt_embed_dim, sizes.mask_in_chans
    few = channels // 4
    shapes: Shapes = {"pe_layer.positional_encoding_gaussian_matrix": (2, out // 2)}
    for name in (*(f"point_embeddings.{i}" for i in range(4)), "not_a_point_embed", "no_mask_embed"):
        shapes[f"{name}.weight"] = (1, out)
    convolutions = (("0", few, 1, 2), ("3", channels, few, 2), ("6", out, channels, 1))
    for index, to, into, kernel in convolutions:
        shapes[f"mask_downscaling.{index}.weight"] = (to, into, kernel, kernel)
        shapes[f"mask_downscaling.{index}.bias"] = (to,)
    return shapes | _norm("mask_downscaling.1", few) | _norm("mask_downscaling.4", channels)


def _sam_decoder(sizes: SamSizes) -> Shapes:
    wide = sizes.prompt_embed_dim
    shapes: Shapes = {"iou_token.weight": (1, wide), "mask_tokens.weight": (MASK_TOKENS, wide)}
    for number in range(sizes.decoder_depth):
        layer = f"transformer.layers.{number}."
        shapes |= _attention(layer + "self_attn", wide, wide)
        shapes |= _attention(layer + "cross_attn_token_to_image", wide, wide // 2)
        shapes |= _attention(layer + "cross_attn_image_to_token", wide, wide // 2)
        shapes |= _linear(layer + "mlp.lin1", wide, sizes.decoder_mlp_dim)
        shapes |= _linear(layer + "mlp.lin2", sizes.decoder_mlp_dim, wide)
        shapes |= _merged(_norm(f"{layer}norm{i}", wide) for i in range(1, 5))
    shapes |= _attention("transformer.final_attn_token_to_image", wide, wide // 2)
    shapes |= _norm("transformer.norm_final_attn", wide)
    for index, into, to in (("0", wide, wide // 4), ("3", wide // 4, wide // 8)):
        shapes[f"output_upscaling.{index}.weight"] = (into, to, 2, 2)
        shapes[f"output_upscaling.{index}.bias"] = (to,)
    shapes |= _norm("output_upscaling.1", wide // 4)
    for token in range(MASK_TOKENS):
        shapes |= _mlp(f"output_hypernetworks_mlps.{token}", (wide, wide, wide, wide // 8))
    inside = [sizes.iou_head_hidden_dim] * (sizes.iou_head_depth - 1)
    return shapes | _mlp("iou_prediction_head", (wide, *inside, MASK_TOKENS))


def _attention(name: str, wide: int, inner: int) -> Shapes:
    into = _merged(_linear(f"{name}.{letter}_proj", wide, inner) for letter in "qkv")
    return into | _linear(f"{name}.out_proj", inner, wide)


def _mlp(name: str, widths: tuple[int, ...]) -> Shapes:
    steps = itertools.pairwise(widths)
    return _merged(_linear(f"{name}.layers.{i}", a, b) for i, (a, b) in enumerate(steps))


def _linear(name: str, into: int, out: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _batch_norm(name: str, width: int) -> Shapes:
    statistics: Shapes = {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
    return {**_norm(name, width), **statistics, f"{name}.num_batches_tracked": ()}


def _merged(parts: Iterable[Shapes]) -> Shapes:
    return {name: shape for part in parts for name, shape in part.items()}
