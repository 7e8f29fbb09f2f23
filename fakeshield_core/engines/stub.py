"""The stub engine: finds what is painted pure magenta. For tests only; it obeys geometry, not forensics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fakeshield_core.domain import EngineInfo, Finding, MapReady, RgbImage, SoftMap, Update, VerdictReady
from fakeshield_core.picture import Picture

THRESHOLD = 0.5
MARK_RGB = (255, 0, 255)  # what a test paints where the stub shall see tampering
MARK_TOLERANCE = 60  # JPEG shifts a pure colour by tens of grey levels


class StubEngine:
    """Score 0.9 where magenta is present, 0.1 where not, 0.5 (inconclusive) for a picture below 64 pixels."""

    info = EngineInfo(
        name="stub",
        version="1",
        weights="none",
        adapter=None,
        device="cpu",
        gives=frozenset({"verdict", "map"}),
        limits=("Everything that is not painted magenta",),
    )

    def analyze(self, picture: Picture) -> Iterator[Update]:
        """VerdictReady, then MapReady: 1 on magenta pixels, 0 elsewhere."""
        soft_map = magenta_map(picture.rgb)
        found = bool(soft_map.max() > THRESHOLD)
        score = 0.5 if min(soft_map.shape) < 64 else 0.9 if found else 0.1
        verdict = "inconclusive" if score == 0.5 else "tampered" if found else "no_tampering_found"
        findings = (Finding("splice", 0.9, 1),) if verdict == "tampered" else ()
        yield VerdictReady(verdict, score, (score - 0.08, score + 0.08), THRESHOLD, findings)  # type: ignore[arg-type]
        yield MapReady(soft_map, THRESHOLD)


def magenta_map(rgb: RgbImage) -> SoftMap:
    """1 where a pixel is within MARK_TOLERANCE of magenta in each channel, else 0; (H, W) float32."""
    distance = np.abs(rgb.astype(np.int16) - np.array(MARK_RGB, np.int16)).max(axis=2)
    return np.asarray(distance <= MARK_TOLERANCE, np.float32)
