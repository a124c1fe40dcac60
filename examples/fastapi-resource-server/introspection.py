"""Asks Latchkey whether a token is good this moment (RFC 7662)."""

import httpx


class IntrospectionUnavailable(Exception):
    """Latchkey did not say, so the call must not go on."""


class Introspection:
    def __init__(
        self, url: str, http: httpx.AsyncClient, *, name: str, secret: str
    ) -> None:
        self._url = url
        self._http = http
        self._credentials = (name, secret)

    async def is_active(self, token: str) -> bool:
        try:
            answer = await self._http.post(
                self._url, data={"token": token}, auth=self._credentials
            )
            answer.raise_for_status()
            return answer.json()["active"] is True
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise IntrospectionUnavailable from error
