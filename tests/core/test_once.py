"""What is asked for once: by a request that only reads, and by one piece of work."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from core.once import ReadOnce, once, remembering


class Settings:
    def __init__(self) -> None:
        self.reads = 0

    def read(self) -> int:
        self.reads += 1
        return self.reads


@pytest.fixture
def settings_read() -> Settings:
    return Settings()


def answer(method: str, settings_read: Settings) -> str:
    read = settings_read.read
    view = ReadOnce(lambda _request: HttpResponse(f"{once(read)} {once(read)}"))
    return view(RequestFactory().generic(method, "/")).content.decode()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_request_that_reads_keeps_the_first_answer(method: str, settings_read: Settings) -> None:
    assert answer(method, settings_read) == "1 1"


def test_the_next_request_reads_anew(settings_read: Settings) -> None:
    answer("GET", settings_read)

    assert answer("GET", settings_read) == "2 2"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_may_write_reads_anew_each_time(method: str, settings_read: Settings) -> None:
    assert answer(method, settings_read) == "1 2"


def test_nothing_is_kept_outside_a_request(settings_read: Settings) -> None:
    assert (once(settings_read.read), once(settings_read.read)) == (1, 2)


def test_a_request_that_failed_keeps_nothing(settings_read: Settings) -> None:
    def fail(_request: object) -> HttpResponse:
        once(settings_read.read)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ReadOnce(fail)(RequestFactory().get("/"))

    assert once(settings_read.read) == 2


def test_one_piece_of_work_keeps_the_first_answer_and_the_next_reads_anew(settings_read: Settings) -> None:
    with remembering():
        first = (once(settings_read.read), once(settings_read.read))
    with remembering():
        second = once(settings_read.read)

    assert (first, second) == ((1, 1), 2)
