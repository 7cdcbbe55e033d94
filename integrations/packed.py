"""Files that come packed and are large: unpacked in pieces and within bounds, read one object at a time."""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from integrations.contract import Unusable

MAX_UNPACKED = 2 * 1024 * 1024 * 1024
MAX_RECORD = 4 * 1024 * 1024
MAX_ENTRIES = 20


# --- Unpacking -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Unpacked:
    """The file inside a reply, whether it came packed or plain; never more than MAX_UNPACKED bytes of it are read."""

    source: IO[bytes]

    def chunks(self, size: int = 256 * 1024) -> Iterator[bytes]:
        total = 0
        while True:
            try:
                chunk = self.source.read(size)
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
                raise Unusable("The file of the export is damaged.") from None
            if not chunk:
                return
            total += len(chunk)
            if total > MAX_UNPACKED:
                raise Unusable("The file of the export unpacks to more than 2 GB.")
            yield chunk


def unpacked(body: bytes) -> Unpacked:
    """The one file of an export. Raises `Unusable` for archives that are damaged, locked or hold something else."""
    if not body.startswith(b"PK"):
        return Unpacked(io.BytesIO(body))
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(entries) > MAX_ENTRIES:
            raise Unusable("The file of the export holds more files than one.")
        entries = [entry for entry in entries if not entry.filename.startswith("__MACOSX/")]
        if not entries:
            raise Unusable("The file of the export is an empty archive.")
        return Unpacked(archive.open(entries[0]))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
        raise Unusable("The file of the export is damaged.") from None


# --- Reading -------------------------------------------------------------------------------------------------
def objects_in(file: Unpacked, *, under: str) -> Iterator[Any]:
    """The objects of a JSON file, one after the other: `{"<under>": […]}`, a list, or one object a line.

    Only one object is in memory at a time. Raises `Unusable` where the file is none of these or ends in the middle.
    """
    chunks = file.chunks()
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        if len(buffer) > 64 * 1024 or b"[" in buffer or b"\n" in buffer.strip():
            break
    buffer = buffer.removeprefix(b"\xef\xbb\xbf").lstrip()
    listed = re.match(rb'\{\s*"%s"\s*:\s*\[|\[' % re.escape(under.encode()), buffer)
    if listed is None and not buffer.startswith(b"{"):
        raise Unusable("The file of the export holds no list.")
    yield from _objects(buffer[listed.end() :] if listed else buffer, chunks, is_list=listed is not None)


# An object's end is found by its brackets; what stands in strings is passed over.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]]|"', re.DOTALL)


_BETWEEN = re.compile(rb"[ \t\r\n,]*")


def _objects(buffer: bytes, chunks: Iterator[bytes], *, is_list: bool) -> Iterator[Any]:
    place = 0
    while True:
        while (place := _BETWEEN.match(buffer, place).end()) == len(buffer):  # type: ignore[union-attr] # matches nothing too
            more = next(chunks, None)
            if more is None:
                if is_list:
                    raise Unusable("The file of the export ends in the middle.")
                return
            buffer, place = more, 0
        if is_list and buffer[place] == ord("]"):
            return
        if buffer[place] != ord("{"):
            raise Unusable("The file of the export holds something else than answers.")
        while (end := _end_of(buffer, place)) is None:
            buffer, place = buffer[place:], 0
            if len(buffer) > MAX_RECORD:
                raise Unusable("The file of the export holds an answer larger than 4 MB.")
            # By as much as is there already, so that a long record is looked through a few times only.
            grown, wanted = [buffer], max(1, len(buffer))
            while wanted > 0 and (more := next(chunks, None)) is not None:
                grown.append(more)
                wanted -= len(more)
            if len(grown) == 1:
                raise Unusable("The file of the export ends in the middle.")
            buffer = b"".join(grown)
        try:
            yield json.loads(buffer[place:end])
        except (ValueError, RecursionError):
            raise Unusable("The file of the export holds an answer that is no JSON.") from None
        place = end


def _end_of(buffer: bytes, place: int) -> int | None:
    """Where the object that begins at `place` ends, None if it does not end in `buffer`."""
    depth = 0
    for found in _TOKEN.finditer(buffer, place):
        token = found.group()
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return found.end()
        elif token == b'"':
            return None  # a string that goes on in the next piece
    return None


class Stream(io.RawIOBase):
    """Chunks as a file, so that a packed one need not be unpacked as a whole."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
