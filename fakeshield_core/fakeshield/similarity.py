"""Cosine similarity of answers and references (CSS); each figure names its encoder, the published is unknown.

Figures of different encoders must not be compared.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fakeshield_core.errors import EngineUnavailable

Vectors = npt.NDArray[np.float64]
WORD = re.compile(r"\w+")
WIDTH = 4096  # of the hashed vectors
TOKENS = 512  # a text encoder reads at most


class TextEncoder(Protocol):
    """Texts to vectors."""

    @property
    def name(self) -> str:
        """Kept with every figure."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, width); rows need no norm."""
        ...


class HashedNgrams:
    """Words and pairs of words, hashed, weighted by 1 + log of their count. Needs no weights."""

    name = f"hashed word 1-2-grams, {WIDTH}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, 4096)."""
        rows = np.zeros((len(texts), WIDTH))
        for row, text in zip(rows, texts, strict=True):
            words = WORD.findall(text.lower())
            grams = Counter([*words, *(f"{a} {b}" for a, b in pairwise(words))])
            for gram, count in grams.items():
                row[zlib.crc32(gram.encode()) % WIDTH] += 1 + np.log(count)
        return rows


class FolderEncoder:
    """A transformers encoder in a local folder: mean of its last hidden states over the tokens of a text."""

    def __init__(self, folder: Path) -> None:
        """Loads it; nothing is downloaded.

        Raises:
            EngineUnavailable: the folder holds no encoder.
        """
        from transformers import AutoModel, AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._model: Any = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        except (OSError, ValueError) as error:
            raise EngineUnavailable(
                f"{folder} holds no text encoder; name a folder of transformers."
            ) from error
        self.name = f"{folder.name}, mean of last hidden states"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, hidden width)."""
        import torch

        rows = []
        for text in texts:
            given = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=TOKENS)
            with torch.inference_mode():
                rows.append(self._model(**given).last_hidden_state[0].mean(dim=0).float().numpy())
        return np.asarray(rows, np.float64)


def build_encoder(name: str | None) -> TextEncoder:
    """The encoder of a folder; the hashed one without a name."""
    return HashedNgrams() if name is None else FolderEncoder(Path(name))


def similarities(encoder: TextEncoder, answers: Sequence[str], references: Sequence[str]) -> list[float]:
    """Cosine of each answer and its reference; 0 where one of them is empty.

    Raises:
        ValueError: not one reference for each answer.
    """
    if len(answers) != len(references):
        raise ValueError("one reference for each answer is needed")
    if not answers:
        return []
    first, second = encoder.encode(answers), encoder.encode(references)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return [float(v) for v in (first * second).sum(axis=1) / np.where(norms > 0, norms, 1.0)]
