"""The figures as a picture: a panel of bars for each case, as SVG that reads on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

COLUMNS = 2
PANEL_WIDTH = 460
NAME_WIDTH = 224
VALUE_WIDTH = 50
BAR_HEIGHT = 14
ROW_HEIGHT = 20
HEAD_HEIGHT = 34
MARGIN = 16
TOP = 56

STYLE = """
  svg { --page: #ffffff; --ink: #1f2328; --faint: #59636e; --bar: #8c959f; --own: #0969da; }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --ink: #e6edf3; --faint: #9198a1; --bar: #656c76; --own: #4493f8; }
  }
  .page { fill: var(--page); }
  text { fill: var(--ink); font: 12px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
  .title { font-size: 16px; font-weight: 600; }
  .head { font-size: 13px; font-weight: 600; }
  .note { fill: var(--faint); }
  .bar { fill: var(--bar); }
  .own { fill: var(--own); }
  text.own { fill: var(--ink); font-weight: 600; }
"""


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        name: What stands before it.
        value: How long it is.
        is_own: It is tornadopy's.
    """

    name: str
    value: float
    is_own: bool


@dataclass(frozen=True)
class Panel:
    """The bars of a case.

    Attributes:
        title: Of the case.
        bars: From the shortest to the longest.
    """

    title: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        """In pixels."""
        return HEAD_HEIGHT + ROW_HEIGHT * len(self.bars) + MARGIN


def draw(title: str, note: str, panels: Sequence[Panel]) -> str:
    """Return the picture.

    Args:
        title: Of all.
        note: What the bars mean.
        panels: One for each case.
    """
    rows = [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    width = COLUMNS * PANEL_WIDTH + (COLUMNS + 1) * MARGIN
    body, top = [], TOP
    for row in rows:
        for column, panel in enumerate(row):
            body.append(_panel(panel, MARGIN + column * (PANEL_WIDTH + MARGIN), top))
        top += max(each.height for each in row)
    spoken = " ".join(_spoken(each) for each in panels)
    size = f'viewBox="0 0 {width} {top}" width="{width}" height="{top}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(f"{note} {spoken}")}</desc>',
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{width}" height="{top}" rx="6"/>',
            f'<text class="title" x="{MARGIN}" y="26">{escape(title)}</text>',
            f'<text class="note" x="{MARGIN}" y="44">{escape(note)}</text>',
            *body,
            "</svg>\n",
        )
    )


def _spoken(panel: Panel) -> str:
    bars = ", ".join(f"{bar.name} {_number(bar.value)}" for bar in panel.bars)
    return f"{panel.title}: {bars}."


def _panel(panel: Panel, left: int, top: int) -> str:
    longest = max((bar.value for bar in panel.bars), default=0.0) or 1.0
    space = PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH
    lines = [f'<text class="head" x="{left}" y="{top + 20}">{escape(panel.title)}</text>']
    for number, bar in enumerate(panel.bars):
        y = top + HEAD_HEIGHT + number * ROW_HEIGHT
        length = max(space * bar.value / longest, 1.0)
        own = " own" if bar.is_own else ""
        start, base = left + NAME_WIDTH, y + BAR_HEIGHT - 3
        lines += [
            f'<text class="name{own}" x="{start - 8}" y="{base}" text-anchor="end">{escape(bar.name)}</text>',
            f'<rect class="bar{own}" x="{start}" y="{y}" width="{length:.1f}" height="{BAR_HEIGHT}" rx="2"/>',
            f'<text class="value" x="{start + length + 6:.1f}" y="{base}">{_number(bar.value)}</text>',
        ]
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
