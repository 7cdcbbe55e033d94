"""The picture an author uploads: checked by what it is, not by what it is called.

PNG, JPEG and GIF only, judged by their first bytes; no SVG, which is a program. What is kept is named by its content, so
it can be cached for ever, and a JPEG is kept without the notes that cameras and phones put into it (where, when, by whom).
"""

import hashlib
import struct
from dataclasses import dataclass

from core.errors import Invalid

MAX_BYTES = 1_000_000
MAX_SIDE = 4000
_WHAT = "Upload a PNG, JPEG or GIF of at most 1 MB."


@dataclass(frozen=True, slots=True)
class Picture:
    """A checked picture: its bytes to store, its type and its size in pixels."""

    data: bytes
    type: str
    width: int
    height: int

    @property
    def name(self) -> str:
        return f"{hashlib.sha256(self.data).hexdigest()[:32]}.{self.type}"


def read(data: bytes) -> Picture:
    """The picture in `data`. Raises `Invalid` for field `logo`, saying what to upload instead."""
    if len(data) > MAX_BYTES:
        raise Invalid(f"The picture has {len(data) / 1e6:.1f} MB. {_WHAT}", field="logo", code="too_large")
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) >= 33:
        width, height = struct.unpack(">II", data[16:24])
        picture = Picture(data, "png", width, height)
    elif data[:6] in {b"GIF87a", b"GIF89a"} and len(data) >= 13:
        width, height = struct.unpack("<HH", data[6:10])
        picture = Picture(data, "gif", width, height)
    elif data.startswith(b"\xff\xd8\xff"):
        picture = _jpeg(data)
    else:
        raise Invalid(f"This is not a picture that every mail program shows. {_WHAT}", field="logo")
    if not (0 < picture.width <= MAX_SIDE and 0 < picture.height <= MAX_SIDE):
        raise Invalid(
            f"The picture has {picture.width:,} × {picture.height:,} pixels; at most {MAX_SIDE:,} on each side are"
            " possible. Make it smaller; 440 × 96 is enough.",
            field="logo",
        )
    return picture


def _jpeg(data: bytes) -> Picture:
    """Walk the segments up to the picture itself, leaving out comments and camera notes."""
    kept, at = [data[:2]], 2
    size: tuple[int, int] | None = None
    broken = Invalid(f"This JPEG is damaged. {_WHAT}", field="logo")
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise broken
        kind = data[at + 1]
        if kind == 0xFF:
            at += 1
            continue
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        segment = data[at : at + 2 + length]
        if length < 2 or len(segment) < 2 + length:
            raise broken
        if 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:
            if length < 7:
                raise broken
            height, width = struct.unpack(">HH", segment[5:9])
            size = (width, height)
        if kind == 0xDA:
            if size is None:
                raise broken
            return Picture(b"".join([*kept, data[at:]]), "jpg", *size)
        # APP1 (Exif, XMP) to APP13 and comments go; APP0 (JFIF), APP2 (colour profile) and APP14 (Adobe) matter.
        if not (kind == 0xFE or (0xE1 <= kind <= 0xED and kind != 0xE2)):
            kept.append(segment)
        at += 2 + length
    raise broken
