"""Headers of every answer: what a browser may do with it, and how long it may keep it."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Everything from here and nothing from elsewhere. Scripts and styles are files; charts style through the DOM."""

ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
HASHED = "/assets/"
FOR_EVER = "public, max-age=31536000, immutable"


class SecurityHeaders:
    """ASGI middleware that adds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
                headers.setdefault(
                    "Cache-Control", _keep(scope["path"], message["status"], headers.get("Content-Type", ""))
                )
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _keep(path: str, status: int, content_type: str) -> str:
    """Files with a hash in their name never change; a page is asked for anew; answers of the API are nobody's."""
    if path.startswith("/api/") or status >= 400:
        return "no-store"
    is_page = content_type.startswith("text/html")
    return FOR_EVER if path.startswith(HASHED) and not is_page else "no-cache"
