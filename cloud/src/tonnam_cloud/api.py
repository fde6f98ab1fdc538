"""The web application: mounts the slices, turns errors into answers in one place, serves the phone page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from tonnam_cloud import refusals
from tonnam_cloud.access import ForeignPage, PartsOf
from tonnam_cloud.alerts import routes as alerts
from tonnam_cloud.city import routes as city
from tonnam_cloud.errors import Transient
from tonnam_cloud.farm import routes as farm
from tonnam_cloud.farm.commands import OutOfRange
from tonnam_cloud.headers import SecurityHeaders
from tonnam_cloud.live import routes as live
from tonnam_cloud.measures import routes as measures
from tonnam_cloud.parts import Parts
from tonnam_cloud.people.routes import people_router
from tonnam_cloud.refusals import Refusal
from tonnam_cloud.words import Words

WEB_DIST = Path(__file__).parent / "web_dist"
SMALLEST_TO_PACK = 500
LARGEST_BODY = 16 * 1024

STATUS: Mapping[type[Refusal], int] = {
    refusals.NotSignedIn: 401,
    refusals.NotAllowed: 403,
    ForeignPage: 403,
    refusals.NotFound: 404,
    refusals.Conflict: 409,
    refusals.Invalid: 422,
    refusals.TooMany: 429,
}
AWAY = Words(
    th="ระบบเก็บข้อมูลยังไม่ตอบ ข้อมูลไม่หาย รอสักครู่แล้วลองใหม่",
    en="The database does not answer just now. Nothing is lost; please try again in a moment.",
)
BROKEN = Words(th="ระบบขัดข้อง เราบันทึกไว้แล้ว", en="Something is broken on our side. It has been noted.")
OTHER: Mapping[int, tuple[str, Words]] = {
    400: (refusals.Invalid.code, Words(th="อ่านคำขอไม่ได้", en="The request cannot be read.")),
    404: (refusals.NotFound.code, refusals.NotFound.words),
    405: ("method", Words(th="ทำแบบนี้กับที่อยู่นี้ไม่ได้", en="This address does not take that.")),
}
"""What the web framework itself refuses."""
NO_PAGE = """<!doctype html><html lang="th"><meta charset="utf-8"><title>Tonnam</title>
<h1>ยังไม่มีหน้าเว็บ</h1><p>ระบบทำงานอยู่ แต่ยังไม่ได้สร้างหน้าเว็บ: สั่ง <code>make web</code> แล้วเริ่มระบบใหม่</p>
<h1 lang="en">No page yet</h1><p lang="en">The system runs, but its page has not been built: run <code>make web</code>
and start it again. The API answers at <code>/api/health</code>.</p></html>"""

log = structlog.get_logger(__name__)


class Range(BaseModel):
    """What would be allowed."""

    min: int
    max: int


class Problem(BaseModel):
    """What went wrong, for the page and for the person."""

    code: str
    message: Words
    allowed: Range | None = None


class ErrorAnswer(BaseModel):
    """Every answer that is not a success."""

    error: Problem


class Health(BaseModel):
    """The process runs and its database answers. And what has come in since it started."""

    status: Literal["ok"]
    version: str
    waiting: Annotated[bool, Field(description="batches wait at their nodes, because the store or database is away")]
    ingest: Annotated[dict[str, int], Field(description="what was taken in, put off, set aside and replayed")]
    link: Annotated[dict[str, int], Field(description="what came over the broker, and what waits now")]


def create_app(parts: Parts, web_dist: Path = WEB_DIST) -> FastAPI:
    """The application over its parts. It starts nothing: `parts.run()` is for whoever serves it."""
    app = FastAPI(
        title="Tonnam",
        version=version("tonnam-cloud"),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        max_body_size=LARGEST_BODY,
    )
    app.state.parts = parts
    app.add_middleware(GZipMiddleware, minimum_size=SMALLEST_TO_PACK)
    app.add_middleware(SecurityHeaders)
    _map_errors(app)
    for router in (people_router(), farm.router, city.router, measures.router, alerts.router, live.router):
        app.include_router(router, responses=_declared_errors(401, 403, 404, 409, 422, 429, 503))
    app.include_router(_health, responses=_declared_errors(503))
    _serve_page(app, web_dist)
    return app


_health = APIRouter(prefix="/api", tags=["health"])


@_health.get("/health")
def health(parts: PartsOf) -> Health:
    """Whether the API can do its work."""
    with parts.database.reading() as session:
        session.execute(text("SELECT 1"))
    status = parts.ingest
    return Health(
        status="ok",
        version=version("tonnam-cloud"),
        waiting=bool(status.waiting_for),
        ingest=status.counts(),
        link=dict(status.link()),
    )


def _declared_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorAnswer} for status in statuses}


def _serve_page(app: FastAPI, web_dist: Path) -> None:
    """The built page at every other address, so that its own addresses can be bookmarked."""

    @app.get("/api/{path:path}", include_in_schema=False)
    def unknown(path: str) -> None:
        raise refusals.NotFound

    if (web_dist / "assets").is_dir():
        app.mount("/assets", StaticFiles(directory=web_dist / "assets"))  # where what is missing is not the page
    if (web_dist / "index.html").is_file():
        app.frontend("/", directory=web_dist, fallback="index.html")
        return

    @app.get("/{path:path}", include_in_schema=False, status_code=503)
    def no_page(path: str) -> HTMLResponse:
        return HTMLResponse(NO_PAGE, status_code=503)


def _map_errors(app: FastAPI) -> None:
    """The one place where errors become answers."""

    @app.exception_handler(Refusal)
    async def refused(_request: Request, error: Refusal) -> JSONResponse:
        status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        allowed = Range(min=error.low, max=error.high) if isinstance(error, OutOfRange) else None
        headers = {"Retry-After": str(error.retry_s)} if isinstance(error, refusals.TooMany) else None
        return _answer(status, Problem(code=error.kind, message=error.said, allowed=allowed), headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return _answer(422, Problem(code=refusals.Invalid.code, message=_what_is_invalid(error)))

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> JSONResponse:
        code, words = OTHER.get(error.status_code, (f"http_{error.status_code}", refusals.Refusal.words))
        status = 422 if error.status_code == 400 else error.status_code
        return _answer(status, Problem(code=code, message=words), error.headers)

    @app.exception_handler(Transient)
    async def away(_request: Request, error: Transient) -> JSONResponse:
        log.warning("a request had to be turned away", error=str(error))
        return _answer(503, Problem(code="away", message=AWAY), {"Retry-After": "5"})

    @app.exception_handler(Exception)
    async def broken(_request: Request, _error: Exception) -> JSONResponse:
        return _answer(500, Problem(code="broken", message=BROKEN))


def _answer(status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body = ErrorAnswer(error=problem).model_dump(exclude_none=True)
    return JSONResponse(body, status, headers=dict(headers) if headers else None)


def _what_is_invalid(error: RequestValidationError) -> Words:
    """Names the places that are wrong, never the values: one of them may be a password."""
    places = sorted({".".join(str(part) for part in each["loc"][1:]) or "body" for each in error.errors()})
    named = ", ".join(places)[:200]
    return Words(th=f"ข้อมูลไม่ถูกต้อง: {named}", en=f"This is not valid: {named}")
