"""Which segmenter answers clicks. Each builder imports its own heavy parts when called."""

from __future__ import annotations

from fakeshield_core.domain import Segmenter
from fakeshield_core.settings import Settings


def build_segmenter(settings: Settings) -> Segmenter:
    """SAM where the operator has a checkpoint, the stub beside the stub engine, else the compact decoder.

    Raises:
        EngineUnavailable: its weights are missing or cannot be used.
    """
    if settings.sam_checkpoint is not None:
        from fakeshield_core.segmenters.sam import load_sam_segmenter

        return load_sam_segmenter(settings.sam_checkpoint)
    if settings.engine == "stub":
        from fakeshield_core.segmenters.stub import StubSegmenter

        return StubSegmenter()
    from fakeshield_core.segmenters.compact import load_compact_segmenter

    return load_compact_segmenter()
