"""Views of the frozen encoders, computed once per picture: CLIP's for both parts, SAM's for the MFLM."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

Views = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Encodings:
    """A folder of views, one file a picture. Without a folder every view is computed when it is needed.

    The folder belongs to one part and one set of weights; `owner` keeps others apart.
    """

    folder: Path | None = None
    owner: str = ""

    def of(self, picture: Path, compute: Callable[[], dict[str, Tensor]]) -> Views:
        """The views of a picture, from its file where that is there."""
        if self.folder is None:
            return compute()
        path = self.folder / f"{self._name(picture)}.safetensors"
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}.partial")
            save_file({name: view.cpu().contiguous() for name, view in compute().items()}, partial)
            partial.replace(path)
        views: Views = load_file(path)
        return views

    def _name(self, picture: Path) -> str:
        digest = hashlib.sha256(self.owner.encode())
        digest.update(picture.read_bytes())
        return digest.hexdigest()
