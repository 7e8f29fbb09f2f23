"""Plain routes beside the page: is it alive, is it ready, and the files it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ui import canvas, stored, visits
from ui.api import Api
from ui.cases import Cases
from ui.host import EngineHost
from ui.intake import NO_ROOM, NoFetching, RoomForUploads, SmallBodies, has_room
from ui.language import PLAIN
from ui.receipts import receipt_route
from ui.review import Desk
from ui.saving import Saving


class FreshFiles(StaticFiles):
    """Files whose copy in a browser is checked before use, so that a new version shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 304 where the browser's copy is the same."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "private, no-cache"
        return response


@dataclass(frozen=True, slots=True)
class Behind:
    """What the probes and plain pages ask."""

    host: EngineHost
    cases: Cases
    saving: Saving
    desk: Desk
    language: str = PLAIN  # of the page at the root


def app_options(behind: Behind, results: Path) -> dict[str, Any]:
    """What the web app under the page is made with: routes, no fetching for others, small requests, room."""
    return {
        "routes": routes(behind, results),
        "middleware": [
            Middleware(NoFetching),
            Middleware(SmallBodies),
            Middleware(RoomForUploads, folder=results),
        ],
    }


def routes(behind: Behind, results: Path) -> list[BaseRoute]:
    """Probes, the plain pages, and the folders of the page, its examples and its results."""

    def healthz(_: Request) -> Response:
        return JSONResponse({"alive": True})

    def readyz(_: Request) -> Response:
        return JSONResponse(readiness(behind, results), status_code=200 if behind.host.ready() else 503)

    folders = ((canvas.ADDRESS, canvas.STATIC), (stored.ADDRESS, stored.FOLDER), (visits.RESULTS, results))
    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        receipt_route(Api(behind.cases, behind.saving), behind.language),
        *behind.desk.routes(),
        *(Mount(f"/{address}", FreshFiles(directory=folder, check_dir=False)) for address, folder in folders),
    ]


def readiness(behind: Behind, results: Path) -> dict[str, Any]:
    """What runs, what does not, and why. Only the engine decides whether the app is ready."""
    engine = behind.host.ready()
    return {
        "ready": engine is not None,
        "engine": engine.info.name if engine else None,
        "weights": engine.info.weights if engine else None,
        "adapter": engine.info.adapter if engine else None,
        "store": behind.saving.state,
        "problem": behind.host.problem,
        "store_problem": behind.saving.problem,
        "uploads_problem": None if has_room(results) else NO_ROOM,
        "clicks_problem": behind.cases.embedder.problem,
        "review": "on" if behind.desk.is_open else "off",
    }
