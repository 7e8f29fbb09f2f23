"""A text encoder from a local folder: made here with random weights, so only its mechanics are judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.fakeshield.similarity import FolderEncoder, build_encoder, similarities

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "left", "hand", "is", "pasted", "sky", "noise"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import BertConfig, BertModel, BertTokenizer

    path = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(WORDS), **sizes)).save_pretrained(path)
    BertTokenizer(vocab={word: k for k, word in enumerate(WORDS)}).save_pretrained(path)
    return path


def test_equal_texts_have_similarity_one_and_others_less(folder: Path) -> None:
    encoder = build_encoder(str(folder))
    same, other = similarities(encoder, ["the left hand", "the left hand"], ["the left hand", "noise sky"])
    assert same == pytest.approx(1.0, abs=1e-6) and other < same - 1e-3


def test_a_vector_is_the_mean_of_the_last_hidden_states(folder: Path) -> None:
    encoder = FolderEncoder(folder)
    given = encoder._tokenizer("the sky is pasted", return_tensors="pt")
    with torch.inference_mode():
        states = encoder._model(**given).last_hidden_state[0].numpy()
    np.testing.assert_allclose(
        encoder.encode(["the sky is pasted"])[0], states.sum(0) / len(states), atol=1e-6
    )


def test_its_name_is_kept_with_the_figure(folder: Path) -> None:
    assert folder.name in build_encoder(str(folder)).name


def test_a_folder_without_an_encoder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="no text encoder"):
        build_encoder(str(tmp_path))
