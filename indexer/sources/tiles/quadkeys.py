"""Quadkeys: addresses of tiles as one number in base 4.

Source: Microsoft, Bing Maps tile system.
"""


def quadkey(zoom: int, x: int, y: int) -> str:
    """Return the quadkey of an address; rows count from the north."""
    return "".join(str((x >> bit & 1) + 2 * (y >> bit & 1)) for bit in range(zoom - 1, -1, -1))


def address_of(key: str) -> tuple[int, int, int]:
    """Return zoom, column and row of a quadkey."""
    x = int("".join(str(int(digit) & 1) for digit in key), 2)
    y = int("".join(str(int(digit) >> 1) for digit in key), 2)
    return len(key), x, y
