"""What routes ask for: the parts, the person, and proof that a request comes from our own page."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import APIKeyCookie

from tonnam_cloud.parts import Parts
from tonnam_cloud.people.person import Person
from tonnam_cloud.refusals import Refusal
from tonnam_cloud.words import Words

COOKIE = "tonnam_session"
ID = r"^[a-z0-9][a-z0-9-]{0,31}$"

session_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="The session that signing in begins.")


class ForeignPage(Refusal):
    """The request lacks the header that only our own page sends."""

    code = "foreign_page"
    words = Words(th="คำขอนี้ไม่ได้มาจากหน้าเว็บนี้", en="This request does not come from this page: X-Tonnam: 1 is missing.")


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


PartsOf = Annotated[Parts, Depends(parts_of)]
Token = Annotated[str | None, Depends(session_cookie)]


def signed_in(parts: PartsOf, token: Token) -> Person:
    """The person who asks. Raises NotSignedIn."""
    return parts.people.who(token)


SignedIn = Annotated[Person, Depends(signed_in)]


PageHeader = Annotated[str | None, Header(description="1. Another site's page cannot send it.")]


def own_page(x_tonnam: PageHeader = None) -> None:
    """Guard of every request that changes something. Raises ForeignPage."""
    if x_tonnam != "1":
        raise ForeignPage


OwnPage = Depends(own_page)
