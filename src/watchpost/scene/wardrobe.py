"""Looks: build, skin, hair, clothes, shoes and bags of a person, drawn from a random generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Bgr = tuple[float, float, float]
Pattern = Literal["plain", "stripes", "plaid", "panel", "open"]
Bag = Literal["none", "backpack", "shoulder", "briefcase"]
Hair = Literal["short", "long", "cap", "bald"]

_SKIN: tuple[Bgr, ...] = (
    (156, 180, 214),
    (136, 166, 206),
    (122, 158, 208),
    (92, 128, 178),
    (62, 92, 140),
    (48, 68, 104),
)
_HAIR: tuple[Bgr, ...] = ((22, 22, 26), (28, 34, 48), (36, 56, 86), (70, 112, 158), (140, 142, 146), (30, 44, 92))
_TOPS: tuple[Bgr, ...] = (
    (200, 200, 205),
    (62, 50, 44),
    (120, 66, 34),
    (42, 44, 150),
    (70, 100, 52),
    (36, 34, 36),
    (168, 128, 84),
    (50, 132, 186),
    (92, 62, 92),
    (128, 128, 122),
    (150, 160, 120),
    (56, 66, 92),
)
_TROUSERS: tuple[Bgr, ...] = (
    (92, 62, 40),
    (40, 36, 36),
    (70, 66, 64),
    (96, 124, 148),
    (52, 48, 60),
    (124, 96, 70),
    (44, 60, 66),
)
_SHOES: tuple[Bgr, ...] = ((28, 28, 30), (34, 50, 80), (205, 208, 210), (60, 60, 66), (50, 42, 120))


@dataclass(frozen=True, slots=True)
class Look:
    """One person's appearance. Colours are BGR, 0-255; factors are around 1."""

    stature_m: float
    girth: float
    shoulders: float
    hips: float
    skin: Bgr
    hair: Hair
    hair_bgr: Bgr
    top_bgr: Bgr
    top_other_bgr: Bgr
    """The second colour of the pattern, or the shirt under an open jacket."""
    top_pattern: Pattern
    sleeve_end_z: float
    """Height at which the sleeves end, at rest."""
    hem_z: float
    """Height at which the top ends over the trousers."""
    trousers_bgr: Bgr
    trousers_end_z: float
    """Height at which the trousers end; skin below."""
    skirt_end_z: float | None
    """A skirt or coat hangs down to this height."""
    skirt_bgr: Bgr
    shoes_bgr: Bgr
    bag: Bag
    bag_bgr: Bgr


def _one(rng: np.random.Generator, choices: tuple[Bgr, ...]) -> Bgr:
    """A colour near one of `choices`."""
    colour = np.array(choices[rng.integers(len(choices))]) * rng.uniform(0.85, 1.15) + rng.normal(0, 5, 3)
    colour += (colour.mean() - colour) * rng.uniform(0, 0.35)  # cloth fades
    blue, green, red = np.clip(colour, 14, 235).tolist()
    return blue, green, red


def dress(rng: np.random.Generator) -> Look:
    """A random person."""
    is_woman = bool(rng.random() < 0.48)
    top = _one(rng, _TOPS)
    patterns: tuple[Pattern, ...] = ("plain", "plain", "stripes", "plaid", "panel", "open", "open")
    pattern = patterns[rng.integers(len(patterns))]
    trousers = _one(rng, _TROUSERS)
    kind = rng.random()
    skirt_end_z, skirt = None, trousers
    if is_woman and kind < 0.3:
        skirt_end_z, skirt = float(rng.uniform(0.42, 0.6)), _one(rng, _TOPS)
    elif kind > 0.78:  # a coat
        skirt_end_z, skirt = float(rng.uniform(0.45, 0.68)), top
    has_bare_legs = skirt_end_z is not None and skirt is not top and rng.random() < 0.6
    trousers_end_z = 0.07
    if has_bare_legs:
        trousers_end_z = 0.95
    elif rng.random() < 0.1:  # shorts
        trousers_end_z = float(rng.uniform(0.48, 0.58))
    womens: tuple[Hair, ...] = ("long", "long", "short", "cap")
    mens: tuple[Hair, ...] = ("short", "short", "short", "cap", "bald")
    hairs = womens if is_woman else mens
    bags: tuple[Bag, ...] = ("none", "none", "backpack", "shoulder", "briefcase")
    is_short_sleeved = pattern not in ("open", "panel") and skirt is not top and rng.random() < 0.4
    return Look(
        stature_m=float(np.clip(rng.normal(1.66 if is_woman else 1.77, 0.06), 1.5, 1.95)),
        girth=float(np.clip(rng.normal(1.02, 0.09), 0.86, 1.3)),
        shoulders=0.93 if is_woman else 1.03,
        hips=1.05 if is_woman else 0.98,
        skin=_one(rng, _SKIN),
        hair=hairs[rng.integers(len(hairs))],
        hair_bgr=_one(rng, _HAIR),
        top_bgr=top,
        top_other_bgr=_one(rng, _TOPS),
        top_pattern=pattern,
        sleeve_end_z=1.22 if is_short_sleeved else 0.885,
        hem_z=float(rng.uniform(0.84, 0.97)),
        trousers_bgr=trousers,
        trousers_end_z=trousers_end_z,
        skirt_end_z=skirt_end_z,
        skirt_bgr=skirt,
        shoes_bgr=_one(rng, _SHOES),
        bag=bags[rng.integers(len(bags))],
        bag_bgr=_one(rng, _TOPS),
    )
