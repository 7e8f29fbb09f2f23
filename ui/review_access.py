"""Who may review: the operator's token once, then a cookie; tries are counted, sessions end."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

SESSION_S = 8 * 3600.0
MOST_SESSIONS = 100
MOST_TRIES = 10  # wrong tokens from everybody together ...
TRIES_S = 60.0  # ... within so many seconds; a token of 16 characters is not found that way

Denial = Literal["wrong", "wait"]


@dataclass(frozen=True, slots=True)
class Session:
    """One reviewer at work."""

    cookie: str
    form_key: str  # hidden in each form; another site can neither read nor guess it
    reviewer: str
    ends_at: float  # of the clock


@dataclass
class Access:
    """Checks tokens and cookies. Safe to use from any thread."""

    token: str
    clock: Callable[[], float] = time.monotonic
    _sessions: dict[str, Session] = field(default_factory=dict)
    _wrong: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, token: str, reviewer: str) -> Session | Denial:
        """A session for who knows the token; "wrong" where they do not, "wait" after too many tries."""
        now = self.clock()
        with self._lock:
            while self._wrong and self._wrong[0] <= now - TRIES_S:
                self._wrong.popleft()
            if len(self._wrong) >= MOST_TRIES:
                return "wait"
            if not hmac.compare_digest(_digest(token), _digest(self.token)):
                self._wrong.append(now)
                return "wrong"
            session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), reviewer, now + SESSION_S)
            self._sessions[_digest(session.cookie)] = session
            while len(self._sessions) > MOST_SESSIONS:
                del self._sessions[next(iter(self._sessions))]
            return session

    def session(self, cookie: str | None) -> Session | None:
        """The session of a cookie, None where there is none or it is over."""
        with self._lock:
            found = self._sessions.get(_digest(cookie or ""))
            return found if found is not None and self.clock() < found.ends_at else None

    def is_from_our_form(self, session: Session, form_key: str) -> bool:
        """Whether a form was sent from a page of ours."""
        return hmac.compare_digest(_digest(form_key), _digest(session.form_key))

    def leave(self, session: Session) -> None:
        """Ends the session."""
        with self._lock:
            self._sessions.pop(_digest(session.cookie), None)


def _digest(text: str) -> str:
    """Equal length whatever the text, so that comparing tells nothing of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
