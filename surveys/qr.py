"""QR codes as SVG and PNG, black on white with the quiet border the standard (ISO/IEC 18004) wants.

Error correction M: fifteen hundredths of the code may be dirty or torn. Both pictures are made here from the modules: the
SVG is one path without style attributes, which a strict content policy lets pass, and the PNG one bit a pixel.
"""

import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache

import qrcode
from qrcode.constants import ERROR_CORRECT_M

BORDER = 4
PIXELS = 12  # a module's side in the PNG: about a thousand pixels for our addresses, sharp on a poster


@lru_cache(maxsize=64)
def modules(text: str) -> Sequence[Sequence[bool]]:
    """The rows of the code with its border; True is dark."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=BORDER)
    code.add_data(text)
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.get_matrix()]


def svg(text: str, *, title: str = "") -> str:
    """A document of its own, as large as its place; `title` is what a screen reader hears."""
    rows = modules(text)
    path = "".join(f"M{x} {y}h{width}v1h-{width}z" for y, row in enumerate(rows) for x, width in _runs(row))
    side = len(rows)
    said = f'role="img" aria-label="{_attribute(title)}"' if title else 'aria-hidden="true"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" {said} shape-rendering="crispEdges">'
        f'<rect width="{side}" height="{side}" fill="#fff"/><path d="{path}" fill="#000"/></svg>'
    )


def png(text: str, *, pixels: int = PIXELS) -> bytes:
    """One bit a pixel (PNG, RFC 2083: greyscale of depth 1, no filter)."""
    rows = modules(text)
    side = len(rows) * pixels
    lines = b""
    for row in rows:
        bits = "".join(("0" if dark else "1") * pixels for dark in row)
        bits += "0" * (-len(bits) % 8)
        line = b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
        lines += line * pixels
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(lines, 9))
        + _chunk(b"IEND", b"")
    )


def _runs(row: Sequence[bool]) -> list[tuple[int, int]]:
    """(start, length) of each stretch of dark modules."""
    found: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if not dark:
            continue
        if found and sum(found[-1]) == x:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((x, 1))
    return found


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
