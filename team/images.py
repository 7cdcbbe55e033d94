"""Pictures people upload, judged by their bytes alone: never by name or declared type."""

import struct

from core.errors import Invalid

MAX_BYTES = 300_000
MAX_SIDE = 2_000
TYPES = {"png": "image/png", "jpg": "image/jpeg"}


def check_logo(data: bytes) -> str:
    """ "png" or "jpg"; anything else, and anything too large to show in a mail, is refused."""
    if len(data) > MAX_BYTES:
        raise Invalid(
            f"The picture has {len(data) // 1000:,} kB; at most {MAX_BYTES // 1000} kB are taken.",
            field="logo",
        )
    kind, size = _measure(data)
    if not kind or not size:
        raise Invalid(
            "This is not a PNG or JPEG picture. SVG is not taken: it may contain scripts.", field="logo"
        )
    if max(size) > MAX_SIDE or min(size) < 1:
        raise Invalid(
            f"The picture is {size[0]} × {size[1]} pixels; at most {MAX_SIDE} on a side are taken.",
            field="logo",
        )
    return kind


def content_type(data: bytes) -> str:
    return TYPES.get(_measure(data)[0], "application/octet-stream")


def _measure(data: bytes) -> tuple[str, tuple[int, int] | None]:
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) >= 24:
        return "png", struct.unpack(">II", data[16:24])
    if data[:3] == b"\xff\xd8\xff":
        return "jpg", _jpeg_size(data)
    return "", None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the start-of-frame segment."""
    position = 2
    while position + 9 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        (length,) = struct.unpack(">H", data[position + 2 : position + 4])
        position += 2 + length
    return None
