"""What may come in: files that were sent here, never addresses."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path
from typing import TypeVar

import gradio as gr
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.words import say, sentence

log = logging.getLogger(__name__)

ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*:/", re.IGNORECASE)  # scheme of a URL, however many slashes follow
MOST_BODY_BYTES = 8 * 1024 * 1024  # a mask of 40 megapixels with 1 % of single pixels takes 1.1 MB
LEAST_FREE_BYTES = 1024**3
NO_ROOM = "The disk of this server is nearly full; try again later."
TOO_LONG = "This request is too long; send a mask of this picture and nothing else."
NO_FILES = "No files are taken here; send plain values."
Field = TypeVar("Field", bound=gr.components.Component)
FETCHING_ROUTES = ("/file=", "/proxy=", "/stream/")


def refuse_addresses(component: gr.File) -> None:
    """Makes a file component refuse URLs, which Gradio would fetch, in the language of now."""
    fetch, why = component.async_move_resource_to_block_cache, say("why_address")

    async def keep_local(resource: str | Path | None) -> str | None:
        if resource is not None and ADDRESS.match(str(resource)):
            raise gr.Error(why, print_exception=False)
        found: str | None = await fetch(resource)
        return found

    component.async_move_resource_to_block_cache = keep_local


def refuse_files(component: Field) -> Field:
    """Makes a component refuse file values; Gradio looks for them, and fetches them, wherever JSON may go."""
    why = sentence(NO_FILES)

    async def refuse(_: str | Path | None) -> str | None:
        raise gr.Error(why, print_exception=False)

    component.async_move_resource_to_block_cache = refuse
    return component


class NoFetching:
    """Answers 403 to requests that ask Gradio's file routes to fetch an outside address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything else on."""
        if scope["type"] == "http" and _asks_to_fetch(scope["path"]):
            refusal = JSONResponse({"detail": say("why_address")}, status_code=403)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _asks_to_fetch(path: str) -> bool:
    return any(
        route in path and ADDRESS.match(path.split(route, 1)[1]) is not None for route in FETCHING_ROUTES
    )


def has_room(folder: Path, least_free: int = LEAST_FREE_BYTES) -> bool:
    """Whether the disk of this folder has so many free bytes."""
    return shutil.disk_usage(folder).free >= least_free


class RoomForUploads:
    """Takes no uploads while the disk is nearly full: what is saved goes first."""

    def __init__(self, app: ASGIApp, folder: Path, least_free: int = LEAST_FREE_BYTES) -> None:
        self._app = app
        self._folder = folder
        self._least_free = least_free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 507 to uploads then, and passes everything else on."""
        is_upload = scope["type"] == "http" and scope["path"].endswith("/upload")
        if is_upload and not has_room(self._folder, self._least_free):
            log.error("no uploads: less than %d MB are free on the disk", self._least_free // 2**20)
            await JSONResponse({"detail": NO_ROOM}, status_code=507)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class SmallBodies:
    """Takes no more of a request than any mask can need; only uploads may be larger."""

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BODY_BYTES) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 413 to what announces more; what grows beyond without having said so is cut off."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].endswith("/upload"):
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced) > self._most_bytes:
            await JSONResponse({"detail": TOO_LONG}, status_code=413)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return message if taken <= self._most_bytes else {"type": "http.disconnect"}

        await self._app(scope, counted, send)
