"""What higher apps show beside an answer in lists and on its page: a few words with a tone, such as a clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from surveys.models import Response
from team.models import User


@dataclass(frozen=True, slots=True)
class Mark:
    """Words beside an answer; `tone` is one of a badge's, `title` says more, `url` leads to it."""

    words: str
    tone: str = ""
    title: str = ""
    url: str = ""


Reader = Callable[[Sequence[Response], User], Mapping[int, Mark]]
_readers: dict[str, Reader] = {}


def register(key: str, read: Reader) -> None:
    """Have `read(responses, user)` give the marks of a page of answers, by their ids. Call from `AppConfig.ready`."""
    _readers[key] = read


def put(responses: Sequence[Response], user: User) -> None:
    """Give each answer its `marks`, with a few statements for all of them."""
    found = [read(responses, user) for read in _readers.values()]
    for response in responses:
        response.marks = [marks[response.pk] for marks in found if response.pk in marks]  # type: ignore[attr-defined]
