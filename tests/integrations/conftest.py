"""What tests of the connectors share: a local vendor, and a line to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from pytest_django import Settings as SettingsWrapper

from integrations.contract import Role, System
from integrations.line import Line
from tests.integrations.vendor import Vendor, serving


@pytest.fixture
def vendor(settings: SettingsWrapper) -> Iterator[Vendor]:
    """A server of this machine that behaves as an outside system."""
    settings.FETCH_ALLOW = ["127.0.0.1"]
    with serving() as running:
        yield running


@pytest.fixture
def line_to() -> Callable[..., Line]:
    """`line_to(SYSTEM, options={...}, secrets={...})`: a line that never waits; what it kept is in `line.secrets`."""

    def make(
        system: System,
        *,
        options: Mapping[str, Any] | None = None,
        secrets: Mapping[str, str] | None = None,
        mapping: Mapping[Role, Sequence[str]] | None = None,
        zone: str = "UTC",
    ) -> Line:
        return Line(
            system,
            options=options or {},
            secrets=secrets or {},
            mapping=mapping,
            zone=zone,
            pause=lambda _: None,
        )

    return make
