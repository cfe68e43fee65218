"""Reliability diagram of a confidence."""

from collections.abc import Sequence


def diagram(bins: Sequence[tuple[float, float, int]]) -> str:
    """Return a reliability diagram as SVG: confidence to the right, share correct upwards."""
    side, edge = 300, 40
    largest = max((count for _, _, count in bins), default=1)
    dots = [
        f'<circle cx="{edge + sure * side:.1f}" cy="{edge + (1 - right) * side:.1f}" '
        f'r="{3 + 9 * (count / largest) ** 0.5:.1f}" fill="#2166ac"><title>{count} queries</title>'
        "</circle>"
        for sure, right, count in bins
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side + 2 * edge}" '
        f'height="{side + 2 * edge}" font-family="sans-serif" font-size="12">'
        f'<rect x="{edge}" y="{edge}" width="{side}" height="{side}" fill="none" stroke="#888"/>'
        f'<path d="M{edge} {edge + side}L{edge + side} {edge}" stroke="#bbb"/>{"".join(dots)}'
        f'<text x="{edge + side / 2}" y="{side + edge + 28}" text-anchor="middle">confidence</text>'
        f'<text x="16" y="{edge + side / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {edge + side / 2})">share correct</text></svg>\n'
    )
