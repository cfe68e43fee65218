"""Errors of the rendered world.

SafeNetError
└── WorldError
    ├── UnknownPresetError   no flight or map preset of that name
    ├── FarPointError        a point is too far from the origin of the seed's world
    ├── WorldOutputError     the output holds another render or cannot be written
    ├── MapSourceError       a user's orthophoto, DSM or texture folder cannot be read
    └── MeshError            a user's textured mesh cannot be read, placed or flown over
"""

from model.errors import SafeNetError


class WorldError(SafeNetError):
    """The rendered world cannot be made as requested."""


class UnknownPresetError(WorldError, ValueError):
    """No flight preset of that name."""


class FarPointError(WorldError, ValueError):
    """A point lies too far from the origin of the seed's world."""


class WorldOutputError(WorldError):
    """The output holds a render of other settings, or cannot be written."""


class MapSourceError(WorldError):
    """A user's orthophoto, DSM or texture folder cannot be read."""


class MeshError(WorldError):
    """A user's textured mesh cannot be read, placed on the Earth or flown over."""
