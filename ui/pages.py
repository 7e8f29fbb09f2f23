"""What the plain pages share: their frame, their forms, and what a browser may do with them. No scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse

from fakeshield_core.errors import InputError
from ui import canvas
from ui.language import spoken
from ui.render_page import MARK
from ui.words_pages import told

MOST_FORM_BYTES = 64 * 1024
MOST_FIELDS = 50
TOO_LONG = "This form is too long; shorten what you wrote."
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
SHEETS = ("tokens.css", "page.css", "plain.css")


def page(title: str, body: str, status: int = 200, is_wide: bool = False, home: str = "./") -> HTMLResponse:
    """A whole page, which lies beside the main one.

    Args:
        title: plain text.
        body: HTML.
        status: of HTTP.
        is_wide: as wide as the main page.
        home: address of the main page.
    """
    sheets = "".join(f'<link rel="stylesheet" href="{canvas.ADDRESS}/{name}">' for name in SHEETS)
    text = (
        f'<!doctype html><html lang="{spoken()}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · FakeShield</title>{sheets}</head>"
        '<body class="gradio-container plain"><header class="head"><div>'
        f'<a class="mark" href="{home}">{MARK}FakeShield</a></div></header>'
        f'<main class="page narrow{" wide" if is_wide else ""}"><h1>{escape(title)}</h1>{body}</main>'
        "</body></html>"
    )
    return HTMLResponse(text, status_code=status, headers=HEADERS)


def note(text: str, is_wrong: bool = False) -> str:
    """A sentence on what was done, or why not."""
    return f'<p class="note{" wrong" if is_wrong else ""}" role="status">{escape(text)}</p>' if text else ""


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values, both plain text."""
    return f'<dl class="facts">{"".join(f"<dt>{escape(n)}</dt><dd>{escape(v)}</dd>" for n, v in rows)}</dl>'


def hidden(**fields: str) -> str:
    """Fields of a form that nobody sees."""
    return "".join(f'<input type="hidden" name="{n}" value="{escape(v)}">' for n, v in fields.items())


def button(action: str, words: str, is_primary: bool = False) -> str:
    """A button that sends its form with `action`."""
    kind = "btn primary" if is_primary else "btn"
    return f'<button class="{kind}" name="action" value="{action}">{escape(words)}</button>'


def tick(name: str, words: str, is_set: bool = False) -> str:
    """A box to tick."""
    mark = " checked" if is_set else ""
    return f'<label class="tick"><input type="checkbox" name="{name}"{mark}> {escape(words)}</label>'


def field(name: str, words: str, value: str = "", kind: str = "text", longest: int = 200) -> str:
    """A line to write in, under its words."""
    return (
        f'<label class="line">{escape(words)}<input type="{kind}" name="{name}" value="{escape(value)}" '
        f'maxlength="{longest}" autocomplete="off" spellcheck="false"></label>'
    )


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a sent form; of a name that comes twice the last.

    Raises:
        InputError: it is too long, or no form.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FORM_BYTES:
            raise InputError(TOO_LONG)
    try:
        return dict(
            parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        )
    except ValueError as error:
        raise InputError("This form cannot be read; open the page again.") from error


def state_words(state: str) -> str:
    """A state of an item in words."""
    return told(f"state_{state}")
