"""Verifies Latchkey's access tokens by its public keys alone (RFC 9068, RFC 8725)."""

from dataclasses import dataclass

import jwt

from key_set import KeySet

REQUIRED_CLAIMS = ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "role"]


class TokenRefused(Exception):
    """Not a token that this service accepts."""


@dataclass(frozen=True)
class Caller:
    """Who makes a call, as the token says."""

    user_id: str
    session_id: str
    role: str
    token: str


class AccessTokenVerifier:
    def __init__(self, keys: KeySet, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    async def verify(self, token: str) -> Caller:
        """Raises TokenRefused, or KeysUnavailable when nobody can tell."""
        try:
            header = jwt.get_unverified_header(token)
            # The header only picks the key: kind and algorithm are ours to say.
            if header.get("typ") != "at+jwt" or header.get("alg") != "EdDSA":
                raise TokenRefused
            key = await self._keys.find(header.get("kid", ""))
            if key is None:
                raise TokenRefused
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["EdDSA"],
                issuer=self._issuer,
                audience=self._audience,
                options={"require": REQUIRED_CLAIMS},
            )
        except jwt.PyJWTError as error:
            raise TokenRefused from error
        return Caller(
            user_id=claims["sub"],
            session_id=claims["sid"],
            role=claims["role"],
            token=token,
        )
