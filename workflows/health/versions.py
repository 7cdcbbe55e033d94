"""Which health configuration is in force."""

from collections.abc import Iterable

from workflows.health import config as configuration
from workflows.health.domain import Config
from workflows.models import HealthVersion


def in_force() -> HealthVersion | None:
    """The latest version; None before the first was laid down."""
    return HealthVersion.objects.order_by("-number").first()


def config_of(version: HealthVersion) -> Config:
    """A version's configuration as values."""
    return configuration.read(version.config)


def config_numbered(number: int) -> Config | None:
    """The configuration of a version by its number, as `AccountHealth.version` holds it."""
    found = HealthVersion.objects.filter(number=number).first()
    return None if found is None else config_of(found)


def configs_numbered(numbers: Iterable[int]) -> dict[int, Config]:
    """The configurations of many versions by their numbers, with one statement."""
    found = HealthVersion.objects.filter(number__in=set(numbers))
    return {version.number: config_of(version) for version in found}
