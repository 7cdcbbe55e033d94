"""The line to one outside system: credentials on, pace kept, and every way of failing put into words for an administrator.

A module under systems/ calls `Line.call` and `Line.read` and gets a success or a `Trouble`; it never sees a socket. What is said
of a failure names host, status and remedy, never a path with parameters, a header or a body.
"""

import json as jsonlib
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from core import fetch
from core.fetch import FetchError, Forbidden, Reply
from integrations.contract import AccessDenied, Gone, Link, Role, System, Trouble, TryLater, Unusable

DEADLINE = 60.0
# What a server may say without being asked too much of; a whole page of answers with their raw form.
MAX_BYTES = 32 * 1024 * 1024
# How often, and for how long, one looks whether another worker's renewal has come through.
RENEWAL_LOOK = 0.5
RENEWAL_PATIENCE = 75.0


class Stored(Protocol):
    """What is stored of the credentials of a connection, seen by all workers."""

    def fresh(self) -> Mapping[str, str]:
        """The credentials as they are stored now."""

    def claim(self) -> bool:
        """Become the one who renews them; False while somebody else is."""

    def release(self) -> None:
        """Renewed, or given up."""


class Line(Link):
    """A `Link` over core.fetch. `keep_secrets` stores new credentials durably; `memory` lasts as long as its owner lets it."""

    def __init__(
        self,
        system: System,
        *,
        options: Mapping[str, Any],
        secrets: Mapping[str, str],
        mapping: Mapping[Role, Sequence[str]] | None = None,
        zone: str = "UTC",
        keep_secrets: Callable[[Mapping[str, str]], None] | None = None,
        stored: Stored | None = None,
        memory: MutableMapping[str, tuple[float, Any]] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.system = system
        self.options = options
        self.secrets = dict(secrets)
        self.mapping = mapping or {}
        self.zone = zone
        self._keep_secrets = keep_secrets
        self._stored = stored
        self._memory: MutableMapping[str, tuple[float, Any]] = {} if memory is None else memory
        self._pause = pause
        self._free_at = 0.0
        self.calls = 0

    def call(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
        signed: bool = True,
    ) -> Reply:
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params, doseq=True)
        host = urlsplit(url).hostname or "the server"
        for attempt in (1, 2):
            sent = {
                "Accept": "application/json",
                **(self.system.headers(self) if signed else {}),
                **(headers or {}),
            }
            self._keep_pace()
            try:
                reply = fetch.request(
                    method, url, headers=sent, json=json, form=form, auth=auth, deadline=DEADLINE,
                    max_bytes=max_bytes,
                )  # fmt: skip
            except Forbidden as error:
                raise Unusable(f"{host} must not be called from here. {error.message}") from None
            except fetch.TooLarge:
                raise Unusable(f"{host} sent more than {max_bytes // 1_048_576} MB at once.") from None
            except FetchError as error:
                raise TryLater(f"{host} could not be reached: {error.message}") from None
            if reply.status == 401 and signed and attempt == 1 and self.renew():
                continue
            if reply.is_success:
                return reply
            trouble = self._trouble(host, reply)
            if isinstance(trouble, Trouble):
                trouble.answered = reply.status
            raise trouble
        raise AssertionError("unreachable")

    def _trouble(self, host: str, reply: Reply) -> Exception:
        status = reply.status
        said = self.system.trouble(reply)
        if said is not None:
            return said
        if status == 401:
            return AccessDenied(
                f"{host} does not accept the credentials (401). Enter them again: they may have been revoked or replaced."
            )
        if status == 403:
            return AccessDenied(
                f"{host} refuses access (403). Check that the key has the right to read answers, and that the region is right."
            )
        if status in {404, 410}:
            return Gone(f"{host} does not know what was asked for ({status}).")
        if status == 429:
            return TryLater(f"{host} asks us to slow down (429).", after=self._told_to_wait(reply))
        if status >= 500 or status in {408, 423, 425}:
            return TryLater(f"{host} has trouble of its own ({status}).", after=reply.retry_after)
        if 300 <= status < 400:
            return Unusable(
                f"{host} sends us elsewhere ({status}). Check the address: it must be the one of the API, in your region."
            )
        return Unusable(f"{host} refused the request ({status}).")

    def _told_to_wait(self, reply: Reply) -> float | None:
        """Retry-After, or the reset that some send instead: seconds to go, or a UNIX time."""
        if reply.retry_after is not None:
            return reply.retry_after
        for name in ("x-rate-limit-reset", "x-ratelimit-reset", "ratelimit-reset"):
            said = reply.headers.get(name, "").strip()
            if said.isdigit():
                number = float(said)
                seconds = number - time.time() if number > 10**8 else number
                return min(max(seconds, 0.0) + 1.0, fetch.MAX_RETRY_AFTER)
        return None

    def read(self, method: str, url: str, **options: Any) -> Any:
        reply = self.call(method, url, **options)
        host = urlsplit(url).hostname or "the server"
        try:
            return reply.json()
        except ValueError:
            kind = reply.headers.get("content-type", "").partition(";")[0].strip()
            if "html" in kind or reply.body.lstrip()[:1] == b"<":
                raise Unusable(
                    f"{host} answered with a web page instead of data. The address may be that of the login page, or the"
                    " session there has ended."
                ) from None
            raise Unusable(f"{host} answered with something that is no JSON.") from None

    def keep(self, **secrets: str) -> None:
        self.secrets = {**self.secrets, **secrets}
        if self._keep_secrets is not None:
            self._keep_secrets(self.secrets)

    def renew(self) -> bool:
        if self._stored is None:
            return self.system.renew(self)
        waited = 0.0
        while not self._stored.claim():
            if self._take_over():
                return True
            if waited >= RENEWAL_PATIENCE:
                raise TryLater(f"{self.system.name} is renewing its access. It is tried again soon.")
            self._pause(RENEWAL_LOOK)
            waited += RENEWAL_LOOK
        try:
            if self._take_over():
                return True
            try:
                return self.system.renew(self)
            except Trouble:
                # Refused for what another has used up meanwhile is not refused for good.
                if self._take_over():
                    return True
                raise
        finally:
            self._stored.release()

    def _take_over(self) -> bool:
        """Whether others have stored newer credentials than ours, which are ours now."""
        assert self._stored is not None
        fresh = dict(self._stored.fresh())
        if _of_access(fresh) == _of_access(self.secrets):
            return False
        self.secrets = fresh
        return True

    def remember(self, key: str, make: Callable[[], Any], *, seconds: float = 3600) -> Any:
        known = self._memory.get(key)
        if known is not None and known[0] > time.time():
            return known[1]
        made = make()
        jsonlib.dumps(made)  # plain JSON only: what the database keeps must be what was made
        self._memory[key] = (time.time() + seconds, made)
        return made

    def _keep_pace(self) -> None:
        now = time.monotonic()
        if self._free_at > now:
            self._pause(self._free_at - now)
        self._free_at = max(now, self._free_at) + 60 / self.system.per_minute
        self.calls += 1


def _of_access(secrets: Mapping[str, str]) -> dict[str, str]:
    """The credentials without the secrets of the webhook, which say nothing of our own access."""
    return {key: value for key, value in secrets.items() if not key.startswith("hook")}
