"""Plain routes beside the page: is it alive, is it ready, and the files it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ui import canvas, stored, visits
from ui.host import EngineHost
from ui.intake import NoFetching


class FreshFiles(StaticFiles):
    """Files whose copy in a browser is checked before use, so that a new version shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 304 where the browser's copy is the same."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "private, no-cache"
        return response


def app_options(host: EngineHost, results: Path) -> dict[str, Any]:
    """What the web app under the page is made with: our routes, and no fetching for others."""
    return {"routes": routes(host, results), "middleware": [Middleware(NoFetching)]}


def routes(host: EngineHost, results: Path) -> list[BaseRoute]:
    """`/healthz`, `/readyz`, and the folders of the page, its examples and its results."""

    def healthz(_: Request) -> Response:
        return JSONResponse({"alive": True})

    def readyz(_: Request) -> Response:
        engine = host.ready()
        answer = {
            "ready": engine is not None,
            "engine": engine.info.name if engine else None,
            "weights": engine.info.weights if engine else None,
            "adapter": engine.info.adapter if engine else None,
            "store": None,
            "problem": host.problem,
        }
        return JSONResponse(answer, status_code=200 if engine else 503)

    folders = ((canvas.ADDRESS, canvas.STATIC), (stored.ADDRESS, stored.FOLDER), (visits.RESULTS, results))
    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        *(Mount(f"/{address}", FreshFiles(directory=folder, check_dir=False)) for address, folder in folders),
    ]
