"""The style sheets of the error pages: readable in light and dark, and by themselves."""

from __future__ import annotations

import re

import pytest

from tornadopy.errorpages.pages import DEBUG_STYLE, style


def palettes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root \{(.*?)\}", style(DEBUG_STYLE), flags=re.DOTALL)
    colours = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in (light, dark)]
    return {"light": colours[0], "dark": colours[1]}


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2, relative luminance)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *((text, ground) for text in ("text", "muted", "accent") for ground in ("page", "surface", "sunken")),
        ("danger", "danger-soft"),
        ("danger", "surface"),
        ("text", "danger-soft"),
        ("text", "accent-soft"),
        ("text", "mark"),
    ],
)
def test_texts_have_the_contrast_of_level_aa(scheme: str, text: str, ground: str) -> None:
    palette = palettes()[scheme]
    lighter, darker = sorted((luminance(palette[text]), luminance(palette[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_the_sheets_use_nothing_from_elsewhere_and_heed_reduced_motion() -> None:
    sheet = style(DEBUG_STYLE)
    assert not re.search(r"url\(|@import|https?:", sheet)
    assert "prefers-reduced-motion: reduce" in sheet
    assert ":focus-visible" in sheet


def test_a_sheet_cannot_end_its_element() -> None:
    """It is written into the page as it is."""
    assert "<" not in style(DEBUG_STYLE)
