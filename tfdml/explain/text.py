"""Text inside pictures: measured, wrapped, and drawn only with glyphs that a font has."""

import functools
import unicodedata

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties

BASE = "DejaVu Sans"  # comes with matplotlib, so a sheet looks the same on every machine
MISSING = "□"


@functools.cache
def _families():
    """Families of the installed fonts, that of matplotlib first."""
    regular = {
        entry.name
        for entry in font_manager.fontManager.ttflist
        if (entry.style, entry.weight, entry.stretch) == ("normal", 400, "normal")
    }
    # Colour emoji have no outlines that Agg could draw; "last resort" draws boxes.
    unfit = {name for name in regular if "Emoji" in name or "Last Resort" in name}
    return [BASE, *sorted(regular - unfit - {BASE})]


@functools.cache
def _characters(family):
    """Characters that matplotlib can draw in this family: those of the very file that it will choose."""
    try:
        font = font_manager.get_font(
            font_manager.findfont(FontProperties(family=family), fallback_to_default=False)
        )
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError, ValueError):  # a broken font file is no reason to draw nothing
        return frozenset()


def drawable(text):
    """The text in one line, with `MISSING` for what no font has, and the families that it needs."""
    text = " ".join(str(text).split())
    missing = {ord(c) for c in text} - _characters(BASE)
    families = [BASE]
    for family in _families() if missing else ():
        if missing & _characters(family):
            families.append(family)
            missing -= _characters(family)
        if not missing:
            break
    return "".join(_substitute(c) if ord(c) in missing else c for c in text), families


def _substitute(character):
    # Joiners, variation selectors and accents have no shape of their own to stand for.
    return "" if unicodedata.category(character) in ("Cc", "Cf", "Mn", "Me") else MISSING


def wrap(renderer, text, size, width, lines):
    """The text as at most `lines` lines no wider than `width` pixels, the last one cut with an ellipsis.

    Returns:
        A list of strings and the `FontProperties` to draw them with.
    """
    text, families = drawable(text)
    font = FontProperties(family=families, size=size)

    def fits(line):
        return renderer.get_text_width_height_descent(line, font, ismath=False)[0] <= width

    wrapped, words = [], text.split()
    while words and len(wrapped) < lines:
        if len(wrapped) == lines - 1:
            line, words = " ".join(words), []
            if not fits(line):
                line = _longest(line, lambda start: fits(start.rstrip() + "…")).rstrip() + "…"
        else:
            line = words.pop(0)
            if not fits(line):  # one word wider than a line
                start = _longest(line, fits)
                words.insert(0, line[len(start) :])
                line = start
            while words and fits(f"{line} {words[0]}"):
                line = f"{line} {words.pop(0)}"
        wrapped.append(line)
    return wrapped, font


def _longest(text, fits):
    """The longest beginning that fits, of at least one character."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(text[:middle]) else (low, middle - 1)
    return text[:low]
