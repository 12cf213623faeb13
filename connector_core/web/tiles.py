"""Tiles drawn in place of logos: the initials of a name on a colour of its own, as SVG."""

import hashlib
import re
from colorsys import hls_to_rgb

from markupsafe import Markup

_CONTRAST = 4.5
"""Least contrast of the white initials with the colour behind them (WCAG 2, level AA)."""
_TILE = Markup(
    '<svg class="tile" width="{size}" height="{size}" viewBox="0 0 40 40" aria-hidden="true" focusable="false">'
    '<rect width="40" height="40" rx="8" fill="{colour}"/>'
    '<text x="20" y="21" fill="#ffffff" font-size="{font}" font-weight="700" text-anchor="middle" '
    'dominant-baseline="middle">{initials}</text></svg>'
)


def tile(name: str, size: int = 40) -> Markup:
    """Return the tile of a name. It is decoration: the name itself is written beside it."""
    initials = initials_of(name)
    return _TILE.format(size=size, colour=colour_of(name), font=20 if len(initials) == 1 else 16, initials=initials)


def initials_of(name: str) -> str:
    """Return one or two initials: ``N`` of Namely, ``BH`` of BambooHR, ``AG`` of acme-gmbh."""
    words = [word for word in re.split(r"[\W_]+", name) if word]
    if not words:
        return "?"
    if len(words) > 1:
        return (words[0][0] + words[1][0]).upper()
    return words[0][0].upper() + next((letter for letter in words[0][1:] if letter.isupper()), "")


def colour_of(name: str) -> str:
    """Return the colour of a name: always the same, and dark enough for white letters."""
    hue = int.from_bytes(hashlib.sha256(name.casefold().encode()).digest()[:2], "big") / 65_536
    lightness = 0.45
    while contrast_with_white(found := _hex(hls_to_rgb(hue, lightness, 0.55))) < _CONTRAST:
        lightness -= 0.02
    return found


def contrast_with_white(colour: str) -> float:
    """Return the contrast ratio of a colour such as ``#14683a`` with white."""
    red, green, blue = (_linear(int(colour[start : start + 2], 16) / 255) for start in (1, 3, 5))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= 0.03928 else ((channel + 0.055) / 1.055) ** 2.4)


def _hex(colour: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in colour)
