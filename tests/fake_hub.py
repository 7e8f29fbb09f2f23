"""A hub on the loopback: one commit of a few repositories, with faults on request; tiny weights to put there.

Routes: `GET /api/models/{id}/revision/{rev}` and `GET|HEAD /{id}/resolve/{rev}/{file}` with byte ranges.
As on the real hub, large files lie elsewhere: `resolve` sends on to `cdn` under another host name.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch

from fakeshield_core.checkpoints import shapes
from fakeshield_core.checkpoints.fakeshield import CLIP_REPOSITORY, REPOSITORY

GOLDEN = Path(__file__).parent / "golden" / "fakeshield"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = {".bin", ".pth", ".safetensors"}
INFO = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)/revision/(?P<revision>[^/?]+)")
FILE = re.compile(r"/(?P<repository>[^/]+/[^/]+)/(?P<door>resolve|cdn)/(?P<revision>[^/]+)/(?P<name>[^?]+)")


@dataclass
class FakeHub:
    """What is served, and what was asked for."""

    files: dict[str, dict[str, bytes]]  # repository -> path -> content
    revisions: set[str] = field(default_factory=lambda: {"main", COMMIT})
    url: str = ""
    cut: dict[str, list[int]] = field(default_factory=dict)  # path -> bytes until the line drops, try by try
    spoilt: set[str] = field(default_factory=set)  # paths that arrive with another first byte
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range header
    told_token: set[str] = field(default_factory=set)  # paths that were asked for with a token

    def info(self, repository: str) -> dict[str, object]:
        siblings = [
            {
                "rfilename": name,
                "size": len(data),
                "blobId": hashlib.sha1(data).hexdigest(),
                "lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134},
            }
            for name, data in self.files[repository].items()
        ]
        card = {"license": "apache-2.0"}
        return {
            "id": repository,
            "modelId": repository,
            "sha": COMMIT,
            "siblings": siblings,
            "cardData": card,
        }


@contextmanager
def running(hub: FakeHub) -> Iterator[FakeHub]:
    """Serves until the block ends; `hub.url` is its address."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        hub.url = f"http://127.0.0.1:{server.server_port}"
        yield hub
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if match := INFO.match(self.path):
            self._info(match["repository"], match["revision"])
        elif match := FILE.match(self.path):
            large = Path(match["name"]).suffix in LARGE
            if large and match["door"] == "resolve":
                elsewhere = self.hub.url.replace("127.0.0.1", "localhost")
                self._answer(302, b"", {"Location": elsewhere + self.path.replace("/resolve/", "/cdn/")})
            else:
                self._file(match["repository"], match["name"])
        else:
            self._missing("EntryNotFound")

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _info(self, repository: str, revision: str) -> None:
        if repository not in self.hub.files:
            self._missing("RepoNotFound")
        elif revision not in self.hub.revisions:
            self._missing("RevisionNotFound")
        else:
            self._answer(200, json.dumps(self.hub.info(repository)).encode(), {})

    def _file(self, repository: str, name: str) -> None:
        data = self.hub.files[repository][name]
        self.hub.asked.append((name, self.headers["Range"]))
        if self.headers["Authorization"]:
            self.hub.told_token.add(name)
        if name in self.hub.spoilt:
            data = bytes([data[0] ^ 255]) + data[1:]
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
        start = int((self.headers["Range"] or "bytes=0-")[len("bytes=") :].split("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        waiting = self.hub.cut.get(name)
        self._answer(206 if start else 200, data[start:], headers, waiting.pop(0) if waiting else None)

    def _missing(self, code: str) -> None:
        self._answer(404, b"", {"X-Error-Code": code})

    def _answer(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:cut])
            self.wfile.flush()
        self.close_connection = cut is not None


def lay_out(folder: Path, nested: bool = True) -> Path:
    """The tiny weights, with a DTG, in one of the two layouts users have; gives the folder to name."""
    parts = folder / "fakeshield-v1-22b" if nested else folder
    for name in ("DTE-FDM", "MFLM"):
        _copy(GOLDEN / "weight/fakeshield-v1-22b" / name, parts / name)
    _copy(GOLDEN / CLIP_REPOSITORY, folder / CLIP_REPOSITORY)
    shutil.copyfile(GOLDEN / "tiny_sam_config.json", folder / "tiny_sam_config.json")
    torch.save(small_dtg(), parts / "DTG.pth")
    return folder


def small_dtg(prefix: str = "") -> dict[str, torch.Tensor]:
    """A DTG of the true shapes whose every tensor repeats one stored value, so that its file is small."""
    return {
        prefix + name: (torch.zeros((), dtype=torch.int64) if name.endswith("tracked") else torch.ones(1)[0])
        .expand(shape)
        for name, shape in shapes.resnet50().items()
    }  # fmt: skip


def published(folder: Path) -> FakeHub:
    """A hub that holds what `lay_out(folder)` wrote."""
    parts = folder / "fakeshield-v1-22b"
    return FakeHub({REPOSITORY: _contents(parts), CLIP_REPOSITORY: _contents(folder / CLIP_REPOSITORY)})


def _contents(folder: Path) -> dict[str, bytes]:
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {"README.md": b"# about\n", **found}


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for path in source.iterdir():
        shutil.copyfile(path, target / path.name)  # without the modes: the originals may be read-only
