"""What a person calls the place an answer came from. Other apps name the sources they write into `Response.source`."""

from collections.abc import Callable, Collection, Mapping

Namer = Callable[[Collection[str]], Mapping[str, str]]
_namers: list[Namer] = []
Lister = Callable[[str], Collection[str]]
_listers: list[Lister] = []


def register(namer: Namer) -> None:
    """`namer` is given sources and returns names for those it knows; it is asked once a page, for all of them together."""
    if namer not in _namers:
        _namers.append(namer)


def names(sources: Collection[str]) -> dict[str, str]:
    """A name for each source; one that nobody knows is called what it is."""
    found = {source: source for source in sources}
    for namer in _namers:
        found |= namer(found.keys())
    return found


def register_connected(lister: Lister) -> None:
    """`lister` is given the key of a tool ("" for all) and returns the sources of what is connected to it."""
    if lister not in _listers:
        _listers.append(lister)


def connected(tool: str = "") -> list[str]:
    """The sources of all connections to a tool, of those that have ended too: their answers are here."""
    return sorted({source for lister in _listers for source in lister(tool)})
