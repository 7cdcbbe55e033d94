"""Opening the line of a stored connection: its credentials out of the vault, new ones back into it, its memory in the cache."""

import datetime as dt
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from django.core.cache import cache
from django.db.models import Q
from django.db.models.functions import Now

from core import clock
from integrations import registry, vault
from integrations.contract import Role
from integrations.line import Line
from integrations.models import ConnectedSurvey, Connection

_KEPT = 24 * 3600


def open_line(
    connection: Connection,
    *,
    survey: ConnectedSurvey | None = None,
    with_mapping: bool = True,
    pause: Callable[[float], None] = time.sleep,
) -> Line:
    """A line to the other side, as its module wants it. With `survey`, that survey's own mapping goes first; to verify a
    delivery no mapping is needed."""
    secrets = vault.open_secrets(connection)
    until = connection.hook_previous_until
    if until is None or until <= clock.now():
        secrets.pop("hook_previous", None)
    known = dict(secrets)

    def keep(now: Mapping[str, str]) -> None:
        changed = {key: value for key, value in now.items() if known.get(key) != value}
        known.update(changed)
        vault.store_secrets(connection, changed)

    return Line(
        registry.get(connection.system),
        options=connection.options,
        secrets=secrets,
        mapping=roles(connection, survey) if with_mapping else {},
        zone=connection.zone,
        keep_secrets=keep,
        stored=_Stored(connection, known) if connection.pk else None,
        memory=_Memory(_digest(connection.pk, connection.options)),
        pause=pause,
    )


# Longer than a call may last, so that nobody else begins while one is at it; a worker that dies holds it no longer.
_RENEWING = dt.timedelta(seconds=90)


class _Stored:
    """The credentials in the vault. `known` is what the line's keeper takes for stored, and follows."""

    def __init__(self, connection: Connection, known: dict[str, str]) -> None:
        self._rows = Connection.objects.filter(pk=connection.pk)
        self._known = known

    def fresh(self) -> Mapping[str, str]:
        row = self._rows.first()
        if row is None:
            return dict(self._known)
        found = vault.open_secrets(row)
        self._known.clear()
        self._known.update(found)
        return found

    def claim(self) -> bool:
        free = Q(renewing_until__isnull=True) | Q(renewing_until__lte=Now())
        return bool(self._rows.filter(free).update(renewing_until=Now() + _RENEWING))

    def release(self) -> None:
        self._rows.update(renewing_until=None)


def roles(connection: Connection, survey: ConnectedSurvey | None = None) -> dict[Role, Sequence[str]]:
    """Which fields play which role. Without a survey, those of all the connection's surveys together: a delivery is read
    before it is known which survey it belongs to, and a field's key means the same in each."""
    found: dict[Role, list[str]] = {}
    if survey is not None:
        layers = [survey.mapping, connection.mapping]
    else:
        of_surveys = [s.mapping for s in connection.surveys.order_by("pk")] if connection.pk else []
        layers = [*of_surveys, connection.mapping]
    for layer in layers:
        for name, keys in layer.items():
            if name not in set(Role):
                continue
            known = found.setdefault(Role(name), [])
            if survey is not None and known:
                continue  # the survey's own choice stands
            known.extend(key for key in keys if key not in known)
    return {role: tuple(keys) for role, keys in found.items()}


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class _Memory(MutableMapping[str, tuple[float, Any]]):
    """What a line remembers, in the cache that all processes share. Other options are another memory."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __getitem__(self, key: str) -> tuple[float, Any]:
        found = cache.get(self._key(key))
        if found is None:
            raise KeyError(key)
        until, value = found
        return float(until), value

    def __setitem__(self, key: str, value: tuple[float, Any]) -> None:
        cache.set(self._key(key), list(value), _KEPT)

    def __delitem__(self, key: str) -> None:
        cache.delete(self._key(key))

    def _key(self, key: str) -> str:
        return f"integrations.memory:{_digest(self._prefix, key)}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
