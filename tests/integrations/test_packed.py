"""Packed files: every form is read however it is cut, half a file is no file, and an archive that explodes is stopped."""

import io
import tracemalloc
import zipfile

import pytest

from integrations import packed
from integrations.contract import Unusable
from integrations.packed import objects_in, unpacked


def zipped(content: bytes, name: str = "My Survey.json", **more: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        for other, inside in more.items():
            archive.writestr(other, inside)
    return buffer.getvalue()


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize(
    "content",
    [
        b'{"responses":[{"a":"}\\"]"},{"a":[{}]}]}', b' \xef\xbb\xbf{ "responses" : [ {"a":"}\\"]"} , {"a":[{}]} ] }'.strip(),
        b'[{"a":"}\\"]"},{"a":[{}]}]', b'{"a":"}\\"]"}\n{"a":[{}]}\n',
    ],
)  # fmt: skip
def test_records_are_found_in_every_form_however_the_file_is_cut(
    content: bytes, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = unpacked(content)
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    monkeypatch.setattr(packed.Unpacked, "chunks", lambda self: iter(pieces))

    assert list(objects_in(source, under="responses")) == [{"a": '}"]'}, {"a": [{}]}]


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b'{"responses":[{"a":1},', b'{"responses":[{"a":"x', b'{"responses":[1]}', b"[{]}]", b'{"a":' * 9999],
)  # fmt: skip
def test_half_a_file_is_not_taken_for_a_whole(content: bytes) -> None:
    with pytest.raises(Unusable):
        list(objects_in(unpacked(content), under="responses"))


def test_an_archive_that_explodes_is_read_in_pieces_and_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_UNPACKED", 40_000_000)
    bomb = zipped(b'{"responses":[' + b" " * 100_000_000)
    large = zipped(b'{"responses":[{"a":"' + b"x" * 30_000_000)
    tracemalloc.start()
    for archive in (bomb, large):
        with pytest.raises(Unusable, match=r"unpacks|larger"):
            list(objects_in(unpacked(archive), under="responses"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 30_000_000


def test_an_archive_of_many_files_is_refused() -> None:
    with pytest.raises(Unusable, match="more files"):
        unpacked(zipped(b"{}", **{f"f{number}": b"" for number in range(30)}))
