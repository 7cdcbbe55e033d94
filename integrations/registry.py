"""Which systems there are: every module under integrations/systems/ that ends with `SYSTEM`."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from core.errors import Invalid
from integrations import systems
from integrations.contract import System


@cache
def all_systems() -> Mapping[str, System]:
    """Systems by key, in the order of their names. Read once a process."""
    found: dict[str, System] = {}
    for module in pkgutil.iter_modules(systems.__path__):
        system = getattr(importlib.import_module(f"{systems.__name__}.{module.name}"), "SYSTEM", None)
        if system is None:
            continue
        if system.key in found:
            raise RuntimeError(f"Two systems call themselves {system.key}")
        found[system.key] = system
    return dict(sorted((*found.items(), *_more.items()), key=lambda item: item[1].name.casefold()))


_more: dict[str, System] = {}


def register(system: System) -> None:
    """Make a system known that has no module of its own under systems/; a test's, for one."""
    _more[system.key] = system
    all_systems.cache_clear()


def unregister(key: str) -> None:
    _more.pop(key, None)
    all_systems.cache_clear()


def get(key: str) -> System:
    """The system of that key. Refuses one that this version does not know."""
    system = all_systems().get(key)
    if system is None:
        raise Invalid(f"This version knows no system called {key[:30]}.", field="system")
    return system
