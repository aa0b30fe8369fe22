"""Colours that keep their meaning from run to run and for colour-blind eyes.

The hues are those of Okabe and Ito, "Color Universal Design" (2008), which stay distinct under the common
kinds of colour blindness. Contrast follows WCAG 2.2, "relative luminance" and "contrast ratio".
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Final

Colour = tuple[int, int, int]
"""Blue, green, red, 0-255."""

ORANGE: Final[Colour] = (0, 159, 230)
SKY_BLUE: Final[Colour] = (233, 180, 86)
BLUISH_GREEN: Final[Colour] = (115, 158, 0)
YELLOW: Final[Colour] = (66, 228, 240)
BLUE: Final[Colour] = (178, 114, 0)
VERMILLION: Final[Colour] = (0, 94, 213)
REDDISH_PURPLE: Final[Colour] = (167, 121, 204)

WHITE: Final[Colour] = (255, 255, 255)
INK: Final[Colour] = (20, 16, 14)
"""The near-black of outlines, panels and dark text."""

ZONE: Final = BLUISH_GREEN
LINE: Final = YELLOW

_CLASS_COLOURS: Final = (ORANGE, SKY_BLUE, VERMILLION, REDDISH_PURPLE, BLUE)
# the classes that cameras see together most often must not meet on one hue by chance
_KNOWN: Final = {
    "person": ORANGE,
    "car": SKY_BLUE,
    "bus": BLUE,
    "truck": REDDISH_PURPLE,
    "bicycle": VERMILLION,
    "motorcycle": VERMILLION,
}


def class_colour(class_name: str) -> Colour:
    """The colour of a class: by its name alone, so it is the same in every model, run and machine."""
    known = _KNOWN.get(class_name)
    return known or _CLASS_COLOURS[zlib.crc32(class_name.encode()) % len(_CLASS_COLOURS)]


def relative_luminance(colour: Colour) -> float:
    """Luminance of an sRGB colour, 0 (black) to 1 (white)."""

    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    blue, green, red = colour
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


def contrast_ratio(a: Colour, b: Colour) -> float:
    """Contrast of two colours, 1 (equal) to 21 (black on white)."""
    low, high = sorted((relative_luminance(a), relative_luminance(b)))
    return (high + 0.05) / (low + 0.05)


@lru_cache(maxsize=64)
def text_colour(background: Colour) -> Colour:
    """White or ink, whichever reads better on `background`."""
    return max((WHITE, INK), key=lambda colour: contrast_ratio(colour, background))
