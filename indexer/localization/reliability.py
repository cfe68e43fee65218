"""Reliability diagram of a confidence, one colour a source of queries."""

from collections.abc import Mapping, Sequence
from html import escape

Bins = Sequence[tuple[float, float, int]]
"""(mean confidence, share correct, number of queries) of each filled bin."""

COLOURS = ("#2166ac", "#b2182b", "#1b7837", "#762a83", "#e08214", "#35978f", "#636363")

SIDE, EDGE = 300, 40
"""Side of the diagram and of its margin, px."""


def diagram(bins_of: Mapping[str, Bins]) -> str:
    """Return a reliability diagram as SVG: confidence to the right, share correct upwards.

    Args:
        bins_of: the bins of each source; with several sources their names stand beside.
    """
    legend = 150 if len(bins_of) > 1 else 0
    drawn = [
        _dots(bins, COLOURS[number % len(COLOURS)]) + (_name(source, number) if legend else "")
        for number, (source, bins) in enumerate(bins_of.items())
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE + 2 * EDGE + legend}" '
        f'height="{SIDE + 2 * EDGE}" font-family="sans-serif" font-size="12">'
        f'<rect x="{EDGE}" y="{EDGE}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#888"/>'
        f'<path d="M{EDGE} {EDGE + SIDE}L{EDGE + SIDE} {EDGE}" stroke="#bbb"/>{"".join(drawn)}'
        f'<text x="{EDGE + SIDE / 2}" y="{SIDE + EDGE + 28}" text-anchor="middle">confidence</text>'
        f'<text x="16" y="{EDGE + SIDE / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {EDGE + SIDE / 2})">share correct</text></svg>\n'
    )


def _dots(bins: Bins, colour: str) -> str:
    largest = max((count for _, _, count in bins), default=1)
    return "".join(
        f'<circle cx="{EDGE + sure * SIDE:.1f}" cy="{EDGE + (1 - right) * SIDE:.1f}" '
        f'r="{3 + 9 * (count / largest) ** 0.5:.1f}" fill="{colour}" fill-opacity="0.7">'
        f"<title>{count} queries</title></circle>"
        for sure, right, count in bins
    )


def _name(source: str, number: int) -> str:
    x, y = SIDE + 1.5 * EDGE, EDGE + 12 + 18 * number
    colour = COLOURS[number % len(COLOURS)]
    return f'<text x="{x}" y="{y}" fill="{colour}">{escape(source)}</text>'
