"""The line to an outside system: what goes wrong is said in words an administrator understands, and nothing secret."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest
from pytest_django import Settings as SettingsWrapper

from integrations.contract import AccessDenied, Gone, Link, System, Trouble, TryLater, Unusable
from integrations.line import Line
from tests.integrations.vendor import Vendor, reply


class Echo(System):
    key: ClassVar[str] = "echo"
    name: ClassVar[str] = "Echo"
    about: ClassVar[str] = ""

    def headers(self, link: Link) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {link.secrets['token']}"}

    def renew(self, link: Link) -> bool:
        if "refresh" not in link.secrets:
            return False
        link.keep(token=link.secrets["refresh"])
        return True


@pytest.fixture
def line(line_to: Callable[..., Line]) -> Line:
    return line_to(Echo(), secrets={"token": "sesame-1"})


def test_a_success_is_read_as_json(vendor: Vendor, line: Line) -> None:
    vendor.on(
        "GET", "/things", lambda call: reply({"q": call.first("q"), "who": call.headers["authorization"]})
    )

    assert line.read("GET", f"{vendor.url}/things", params={"q": "a b&c"}) == {
        "q": "a b&c",
        "who": "Bearer sesame-1",
    }


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (401, AccessDenied), (403, AccessDenied), (404, Gone), (410, Gone), (429, TryLater), (500, TryLater),
        (503, TryLater), (302, Unusable), (400, Unusable),
    ],
)  # fmt: skip
def test_every_refusal_has_its_kind_and_no_secret_in_it(
    vendor: Vendor, line: Line, status: int, trouble: type[Trouble]
) -> None:
    vendor.fail(reply({"error": "sesame-1"}, status, Location="http://127.0.0.1:1/inside"))

    with pytest.raises(trouble) as caught:
        line.call("GET", f"{vendor.url}/things?page=2")

    assert str(status) in caught.value.message
    assert "sesame" not in caught.value.message
    assert "page=2" not in caught.value.message


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"Retry_After": "7"}, 7.0), ({"X_Rate_Limit_Reset": "12"}, 13.0), ({}, None)]
)
def test_a_system_that_slows_us_down_says_for_how_long(
    vendor: Vendor, line: Line, headers: dict[str, str], seconds: float | None
) -> None:
    vendor.fail(reply({}, 429, **headers))

    with pytest.raises(TryLater) as caught:
        line.call("GET", f"{vendor.url}/things")

    assert caught.value.after == seconds


def test_a_login_page_is_not_taken_for_data(vendor: Vendor, line: Line) -> None:
    vendor.on("GET", "/things", lambda _: reply("<html>Sign in</html>", kind="text/html"))

    with pytest.raises(Unusable, match="web page"):
        line.read("GET", f"{vendor.url}/things")


def test_a_token_that_expired_is_renewed_once_and_kept(vendor: Vendor, line_to: Callable[..., Line]) -> None:
    line = line_to(Echo(), secrets={"token": "old", "refresh": "new"})
    vendor.on(
        "GET",
        "/things",
        lambda call: reply([], 200 if call.headers["authorization"] == "Bearer new" else 401),
    )

    assert line.read("GET", f"{vendor.url}/things") == []
    assert line.secrets["token"] == "new"
    assert len(vendor.calls) == 2


def test_an_address_inside_is_refused(line: Line, vendor: Vendor, settings: SettingsWrapper) -> None:
    settings.FETCH_ALLOW = []

    with pytest.raises(Unusable, match="must not be called"):
        line.call("GET", f"{vendor.url}/things")

    assert vendor.calls == []


def test_definitions_are_asked_for_once(vendor: Vendor, line: Line) -> None:
    vendor.on("GET", "/form", lambda _: reply({"id": 1}))
    read = lambda: line.read("GET", f"{vendor.url}/form")  # noqa: E731

    assert line.remember("form", read) == line.remember("form", read) == {"id": 1}
    assert len(vendor.calls) == 1
