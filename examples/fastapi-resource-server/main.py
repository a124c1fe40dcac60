"""A FastAPI service whose users are those of a Latchkey server."""

import os

import httpx
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer

from access_token import AccessTokenVerifier, Caller, TokenRefused
from introspection import Introspection, IntrospectionUnavailable
from key_set import KeySet, KeysUnavailable

LATCHKEY_URL = os.environ.get("LATCHKEY_URL", "http://localhost:4000")
LATCHKEY_AUDIENCE = os.environ.get("LATCHKEY_AUDIENCE", LATCHKEY_URL)
SERVICE_NAME = "notes"
SERVICE_SECRET = os.environ["NOTES_SECRET"]

http = httpx.AsyncClient(timeout=5)
verifier = AccessTokenVerifier(
    KeySet(f"{LATCHKEY_URL}/.well-known/jwks.json", http),
    issuer=LATCHKEY_URL,
    audience=LATCHKEY_AUDIENCE,
)
introspection = Introspection(
    f"{LATCHKEY_URL}/oauth/introspect",
    http,
    name=SERVICE_NAME,
    secret=SERVICE_SECRET,
)

app = FastAPI(title="Notes", on_shutdown=[http.aclose])
# The Authorize button of /docs signs in at Latchkey.
bearer = OAuth2PasswordBearer(tokenUrl=f"{LATCHKEY_URL}/oauth/token")


def refused() -> HTTPException:
    return HTTPException(
        401,
        "The token is not good. Sign in again.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )


def unavailable() -> HTTPException:
    return HTTPException(
        503, "Latchkey does not answer. Try again.", headers={"Retry-After": "1"}
    )


async def caller(token: str = Depends(bearer)) -> Caller:
    """Whoever has a token of Latchkey's; it may have been revoked since it was issued."""
    try:
        return await verifier.verify(token)
    except TokenRefused:
        raise refused() from None
    except KeysUnavailable:
        raise unavailable() from None


async def admin(caller: Caller = Depends(caller)) -> Caller:
    if caller.role != "admin":
        raise HTTPException(403, "This is for admins.")
    return caller


async def present_caller(caller: Caller = Depends(caller)) -> Caller:
    """The same, but a session that has ended counts at once: for what must not wait."""
    try:
        if await introspection.is_active(caller.token):
            return caller
    except IntrospectionUnavailable:
        raise unavailable() from None
    raise refused()


@app.get("/me")
async def read_me(caller: Caller = Depends(caller)) -> dict[str, str]:
    return {"user_id": caller.user_id, "role": caller.role}


@app.get("/statistics")
async def read_statistics(_: Caller = Depends(admin)) -> dict[str, int]:
    return {"notes": 0}


@app.delete("/notes")
async def delete_notes(caller: Caller = Depends(present_caller)) -> dict[str, str]:
    return {"deleted_by": caller.user_id}
