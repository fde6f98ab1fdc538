"""Signing in and out."""

from __future__ import annotations

from functools import partial

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response, status

from tonnam_cloud.access import COOKIE, OwnPage, PartsOf, SignedIn, Token
from tonnam_cloud.people import service
from tonnam_cloud.people.schemas import Credentials, LinkToken, Me

CHECKS_AT_ONCE = 2
"""A password check takes 64 MiB and most of a core: a flood of them must not take the whole machine."""


def people_router() -> APIRouter:
    """Routes of one application; password checks of one application wait for each other."""
    router = APIRouter(prefix="/api", tags=["people"])
    turn = CapacityLimiter(CHECKS_AT_ONCE)

    @router.post("/session", dependencies=[OwnPage])
    async def sign_in(
        credentials: Credentials, request: Request, response: Response, parts: PartsOf, token: Token
    ) -> Me:
        """Sign in with user name and password."""
        address = request.client.host if request.client else ""
        check = partial(parts.people.sign_in, credentials.username, credentials.password, address)
        signed_in = await to_thread.run_sync(check, limiter=turn)
        await to_thread.run_sync(parts.people.sign_out, token)
        return _welcome(signed_in, request, response)

    @router.post("/session/link", dependencies=[OwnPage])
    def sign_in_by_link(link: LinkToken, request: Request, response: Response, parts: PartsOf, token: Token) -> Me:
        """Sign in with a one-time link's token."""
        signed_in = parts.people.sign_in_by_link(link.token)
        parts.people.sign_out(token)
        return _welcome(signed_in, request, response)

    @router.delete("/session", status_code=status.HTTP_204_NO_CONTENT, dependencies=[OwnPage])
    def sign_out(response: Response, parts: PartsOf, token: Token) -> None:
        """Sign out; harmless when nobody is signed in."""
        parts.people.sign_out(token)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")

    @router.get("/me")
    def me(person: SignedIn) -> Me:
        """Who is signed in."""
        return Me.of(person)

    return router


def _welcome(signed_in: service.SignedIn, request: Request, response: Response) -> Me:
    response.set_cookie(
        COOKIE,
        signed_in.token,
        max_age=service.LIFETIME_MS // 1000,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return Me.of(signed_in.person)
