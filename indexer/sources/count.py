"""How many images a source will give."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Count:
    """A number of images; not `exact` where it comes of a sample."""

    number: int
    exact: bool
