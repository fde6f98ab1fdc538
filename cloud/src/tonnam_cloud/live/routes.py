"""Live updates over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, status

from tonnam_cloud.access import PartsOf, SignedIn, Token
from tonnam_cloud.live.stream import LiveStream
from tonnam_cloud.refusals import NotSignedIn

router = APIRouter(prefix="/api", tags=["live"])


@router.get("/live", response_class=LiveStream, status_code=status.HTTP_200_OK)
async def live(person: SignedIn, parts: PartsOf, token: Token) -> LiveStream:
    """Events `readings`, `command`, `changed` and, as the last one, `end`; a comment every 15 seconds."""

    def still_signed_in() -> bool:
        try:
            return parts.people.who(token).tenants == person.tenants
        except NotSignedIn:
            return False

    return LiveStream(parts.hub, parts.hub.join(person.tenants), still_signed_in)
