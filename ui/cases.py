"""Cases: what was analysed and may be corrected, under a name nobody can guess, for less than an hour."""

from __future__ import annotations

import dataclasses
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fakeshield_core.clicks import prior_of
from fakeshield_core.domain import Analysis, BoolMask, Candidates, JsonValue, Prompts
from fakeshield_core.errors import InputError
from fakeshield_core.imaging import decode, decode_map_png
from fakeshield_core.picture import Picture
from fakeshield_core.schema import analysis_from_json, analysis_to_json
from ui.embedder import Embedder
from ui.visits import KEPT_S, SWEEP_EVERY_S

MOST_CASES = 2000  # their results alone are about 100 MB
GONE = (
    "This picture was kept for an hour and is no longer here; choose it again, what you marked is still in "
    "your browser."
)


class UnknownCase(InputError):
    """The case is over, or never was."""


@dataclass(frozen=True, slots=True)
class Case:
    """One answer and where its picture lies; small, as the picture itself is kept by the embedder."""

    id: str
    sha256: str  # of the picture
    source: Path  # the file that was analysed
    name: str  # of the file as the person knows it
    result: dict[str, JsonValue]  # schema v1
    map_file: Path | None  # the engine's map, PNG of the picture's size
    height: int  # of the picture, pixels
    width: int
    opened_at: float  # of the clock

    def analysis(self) -> Analysis:
        """The engine's answer with its soft map, where that is still there."""
        analysis = analysis_from_json(self.result)
        if self.map_file is None or not self.map_file.is_file():
            return analysis
        return dataclasses.replace(analysis, soft_map=decode_map_png(self.map_file.read_bytes()))


class Cases:
    """All cases; the oldest are dropped. Safe to use from any thread."""

    def __init__(
        self,
        embedder: Embedder,
        most: int = MOST_CASES,
        life_s: float = KEPT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.embedder = embedder
        self._most = most
        self._life_s = life_s
        self._clock = clock
        self._cases: OrderedDict[str, Case] = OrderedDict()
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def start(self) -> None:
        """Builds the segmenter, and ends cases that are over every few minutes, in the background."""
        self.embedder.start()
        threading.Thread(target=self._sweep_until_ended, name="cases", daemon=True).start()

    def close(self) -> None:
        """Ends all cases; waits for the embedding that is being made."""
        self._ended.set()
        self.embedder.close()

    def open(
        self,
        analysis: Analysis,
        source: Path,
        name: str,
        map_file: Path | None = None,
        before: Case | None = None,
    ) -> Case:
        """A new case for an answer.

        Args:
            analysis: the finished answer.
            source: the file of the picture; it need not outlive the case.
            name: of the file as the person knows it.
            map_file: the engine's map as a PNG of the picture's size.
            before: a case of the same picture that it follows, with which it ends: asking again keeps nothing
                any longer.
        """
        case = Case(
            id=secrets.token_urlsafe(18),
            sha256=analysis.picture.sha256,
            source=source,
            name=name,
            result=analysis_to_json(analysis),
            map_file=map_file,
            height=analysis.picture.height,
            width=analysis.picture.width,
            opened_at=self._clock() if before is None else before.opened_at,
        )
        with self._lock:
            self._cases[case.id] = case
        self.sweep()
        return case

    def age_s(self, case: Case) -> float:
        """Seconds since its picture came."""
        return self._clock() - case.opened_at

    def renew(self, case_id: str, analysis: Analysis) -> None:
        """The answer of a case once its verdict was checked; a case that is over stays over."""
        with self._lock:
            if case := self._cases.get(case_id):
                self._cases[case_id] = dataclasses.replace(case, result=analysis_to_json(analysis))

    def embed(self, case: Case, picture: Picture) -> None:
        """Begins to embed the picture, so that the first click need not wait."""
        if picture.facts.sha256 == case.sha256:
            self.embedder.hold(picture)

    def find(self, case_id: object) -> Case:
        """The case of that id.

        Raises:
            UnknownCase: it is over, or this is no id.
        """
        self.sweep()
        with self._lock:
            found = self._cases.get(case_id) if isinstance(case_id, str) else None
        if found is None:
            raise UnknownCase(GONE)
        return found

    def picture(self, case: Case) -> Picture:
        """The picture, read from its file again where it was dropped from memory.

        Raises:
            UnknownCase: the file is gone as well.
        """
        held = self.embedder.held(case.sha256)
        if held is not None:
            return held
        try:
            picture = decode(case.source.read_bytes(), case.name)
        except OSError as error:
            raise UnknownCase(GONE) from error
        if picture.facts.sha256 != case.sha256:
            raise UnknownCase(GONE)
        return picture

    def propose(self, case: Case, prompts: Prompts, current: BoolMask) -> Candidates:
        """What the segmenter offers for these prompts.

        Args:
            prompts: all since the last Keep.
            current: (H, W), the mask as it stands.

        Raises:
            EngineUnavailable: there are no clicks here.
            UnknownCase: the picture is gone.
        """
        return self.embedder.segment(self.picture(case), prompts, prior_of(current))

    def sweep(self) -> None:
        """Ends what is over, and forgets pictures that no case is about any more."""
        oldest = self._clock() - self._life_s
        with self._lock:
            over = [case for case in self._cases.values() if case.opened_at <= oldest]
            over += list(self._cases.values())[len(over) : len(self._cases) - self._most]
            for case in over:
                del self._cases[case.id]
            still = {case.sha256 for case in self._cases.values()} if over else set()
        for sha256 in {case.sha256 for case in over} - still:
            self.embedder.forget(sha256)

    def _sweep_until_ended(self) -> None:
        while not self._ended.wait(SWEEP_EVERY_S):
            self.sweep()
