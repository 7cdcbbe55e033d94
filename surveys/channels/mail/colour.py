"""A customer's brand colour, made usable: whatever it is, what is written in it or on it can be read."""

import re

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
DEFAULT = "#1f4e8c"

Rgb = tuple[float, float, float]


def parse(text: str) -> Rgb:
    """A colour written `#rgb` or `#rrggbb`; anything else is the default."""
    digits = (text if _HEX.fullmatch(text or "") else DEFAULT)[1:]
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def is_colour(text: str) -> bool:
    return _HEX.fullmatch(text) is not None


def written(colour: Rgb) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)


def mix(colour: Rgb, other: Rgb, share: float) -> Rgb:
    """`share` of `other` stirred into `colour`."""
    red, green, blue = (a + (b - a) * share for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """The WCAG contrast ratio, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: Rgb, on: Rgb, ratio: float = 4.5) -> Rgb:
    """The colour nearest to `colour` that can be read on `on`: darker on light, lighter on dark."""
    target: Rgb = (0, 0, 0) if _luminance(on) > 0.18 else (1, 1, 1)
    for step in range(21):
        candidate = mix(colour, target, step / 20)
        if contrast(candidate, on) >= ratio:
            return candidate
    return target
