"""Access that is renewed with a token that may be used once: two workers at a time must not use it twice."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest
from django.db import connection as database

from integrations import registry, vault
from integrations.contract import AccessDenied, Input, Link, Setting, System
from integrations.models import Connection
from integrations.services import connections, lines
from team.models import User
from tests.integrations.vendor import Answer, Call, Vendor, reply


class Rotating(System):
    """Each renewal ends the token it was made with."""

    key: ClassVar[str] = "rotating"
    name: ClassVar[str] = "Rotating"
    about: ClassVar[str] = ""
    per_minute: ClassVar[int] = 1_000_000
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting(key="base", label="Address", input=Input.URL),
        Setting(key="access", label="Access", input=Input.SECRET),
        Setting(key="refresh", label="Refresh", input=Input.SECRET),
    )

    def headers(self, link: Link) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {link.secrets['access']}"}

    def renew(self, link: Link) -> bool:
        told: Any = link.read(
            "POST", f"{link.options['base']}/token", form={"refresh": link.secrets["refresh"]}, signed=False
        )
        if "access" not in told:
            raise AccessDenied("Connect again.")
        link.keep(access=told["access"], refresh=told["refresh"])
        return True


class Issuer:
    """The other side: one valid access token, one refresh token, both replaced by each renewal."""

    def __init__(self, vendor: Vendor) -> None:
        self.number = 1
        self.renewals = 0
        self.lock = threading.Lock()
        vendor.on("GET", "/things", self._things)
        vendor.on("POST", "/token", self._token)

    def _things(self, call: Call) -> Answer:
        with self.lock:
            fits = call.headers.get("authorization") == f"Bearer access-{self.number}"
        return reply({"ok": True}) if fits else reply({}, 401)

    def _token(self, call: Call) -> Answer:
        with self.lock:
            if f"refresh-{self.number}" not in call.body.decode():
                return reply({"error": "invalid_grant"})
            self.number += 1
            self.renewals += 1
            return reply({"access": f"access-{self.number}", "refresh": f"refresh-{self.number}"})


@pytest.fixture
def issuer(vendor: Vendor) -> Iterator[Issuer]:
    registry.register(Rotating())
    yield Issuer(vendor)
    registry.unregister("rotating")


@pytest.fixture
def rotating(issuer: Issuer, vendor: Vendor, administrator: User) -> Connection:
    made = connections.create_connection(system="rotating", actor=administrator)
    connections.change_connection(
        connection=made, actor=administrator, options={"base": vendor.url},
        new_secrets={"access": "access-1", "refresh": "refresh-1"},
    )  # fmt: skip
    issuer.number = 1
    return made


def read(connection: Connection, line: lines.Line | None = None) -> Any:
    line = line or lines.open_line(connection, pause=lambda _: None)
    return line.read("GET", f"{connection.options['base']}/things")


def test_who_comes_second_takes_over_what_the_first_renewed(rotating: Connection, issuer: Issuer) -> None:
    second = lines.open_line(rotating, pause=lambda _: None)
    first = lines.open_line(rotating, pause=lambda _: None)
    vault.store_secrets(rotating, {"access": "old"})
    for line in (first, second):
        line.secrets["access"] = "old"

    assert read(rotating, first) == {"ok": True}
    assert read(rotating, second) == {"ok": True}

    assert issuer.renewals == 1
    assert Connection.objects.get().renewing_until is None
    assert vault.open_secrets(Connection.objects.get())["refresh"] == "refresh-2"


def test_a_renewal_under_way_is_waited_for(rotating: Connection, issuer: Issuer) -> None:
    vault.store_secrets(rotating, {"access": "old"})
    looks: list[float] = []

    def while_waiting(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            vault.store_secrets(rotating, {"access": "access-1"})

    holder = lines._Stored(rotating, {})
    assert holder.claim()
    line = lines.open_line(rotating, pause=while_waiting)
    line.system = Rotating()

    assert read(rotating, line) == {"ok": True}
    assert issuer.renewals == 0


def test_a_refusal_for_a_token_another_has_used_is_looked_at_again(
    rotating: Connection, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose claim ran out while it renewed: what it stored counts."""
    vault.store_secrets(rotating, {"access": "old", "refresh": "used"})

    def refused(self: System, link: Link) -> bool:
        vault.store_secrets(rotating, {"access": "access-1", "refresh": "refresh-1"})
        raise AccessDenied("Connect again.")

    monkeypatch.setattr(Rotating, "renew", refused)

    assert read(rotating) == {"ok": True}


def test_a_true_refusal_is_said(rotating: Connection, issuer: Issuer) -> None:
    vault.store_secrets(rotating, {"access": "old", "refresh": "used"})

    with pytest.raises(AccessDenied):
        read(rotating)
    assert Connection.objects.get().renewing_until is None


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_moment_renew_once(rotating: Connection, issuer: Issuer) -> None:
    vault.store_secrets(rotating, {"access": "old"})
    gate = threading.Barrier(4)
    said: list[Any] = []

    def work() -> None:
        try:
            line = lines.open_line(rotating)
            gate.wait(timeout=30)
            said.append(read(rotating, line))
        except Exception as error:
            said.append(error)
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)

    assert said == [{"ok": True}] * 4
    assert issuer.renewals == 1
