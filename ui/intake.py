"""What may come in: files that were sent here, never addresses."""

from __future__ import annotations

import re
from pathlib import Path

import gradio as gr
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.words import say

ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]*:/", re.IGNORECASE)  # scheme of a URL, however many slashes follow
FETCHING_ROUTES = ("/file=", "/proxy=", "/stream/")


def refuse_addresses(component: gr.File) -> None:
    """Makes a file component refuse URLs, which Gradio would fetch for the visitor."""
    fetch = component.async_move_resource_to_block_cache

    async def keep_local(resource: str | Path | None) -> str | None:
        if resource is not None and ADDRESS.match(str(resource)):
            raise gr.Error(say("why_address"), print_exception=False)
        found: str | None = await fetch(resource)
        return found

    component.async_move_resource_to_block_cache = keep_local


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
