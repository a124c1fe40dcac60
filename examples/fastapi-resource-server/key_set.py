"""The public keys of an issuer, fetched when they are needed."""

import asyncio
import time
from collections import deque

import httpx
import jwt


class KeysUnavailable(Exception):
    """The issuer did not answer, and nothing is known of its keys yet."""


class KeySet:
    """Keeps the keys, and looks again for one that it does not know.

    Whoever sends made-up key ids makes it look at most `fetches_per_minute` times.
    """

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        *,
        max_age_seconds: float = 300,
        fetches_per_minute: int = 5,
    ) -> None:
        self._url = url
        self._http = http
        self._max_age_seconds = max_age_seconds
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._attempts: deque[float] = deque(maxlen=fetches_per_minute)
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key of that id, or `None` when the issuer has none."""
        if not self._is_good_for(key_id):
            # Of many who wait here, the first one fetches for all.
            async with self._lock:
                if not self._is_good_for(key_id) and self._may_fetch():
                    await self._fetch()
        if self._fetched_at is None:
            raise KeysUnavailable
        return self._keys.get(key_id)

    def _is_good_for(self, key_id: str) -> bool:
        if self._fetched_at is None or key_id not in self._keys:
            return False
        return time.monotonic() - self._fetched_at < self._max_age_seconds

    def _may_fetch(self) -> bool:
        is_full = len(self._attempts) == self._attempts.maxlen
        return not is_full or time.monotonic() - self._attempts[0] >= 60

    async def _fetch(self) -> None:
        self._attempts.append(time.monotonic())
        try:
            answer = await self._http.get(self._url)
            answer.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        except (httpx.HTTPError, ValueError, jwt.PyJWTError):
            return  # The keys of before are as good as they were.
        self._keys = {key.key_id: key for key in keys if key.key_id is not None}
        self._fetched_at = time.monotonic()
