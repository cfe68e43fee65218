"""The error tree's root, and what the model package raises.

SafeNetError
├── ConfigError          a configuration value is out of its bound
├── CheckpointError      weights cannot be read, or do not fit their configuration
└── ImageError
    ├── NotAnImageError      the bytes are no image of a known format
    ├── TruncatedImageError  the image ends early or is damaged
    └── TooManyPixelsError   the image declares more pixels than allowed
"""


class SafeNetError(Exception):
    """Root of every error this project raises on purpose; its text says what, value and remedy."""


class ConfigError(SafeNetError, ValueError):
    """A configuration value is out of its bound."""


class CheckpointError(SafeNetError):
    """Weights cannot be read, or do not fit their configuration."""


class ImageError(SafeNetError):
    """An image cannot be used."""


class NotAnImageError(ImageError):
    """The bytes are no image of a known format."""


class TruncatedImageError(ImageError):
    """The image ends early or is damaged."""


class TooManyPixelsError(ImageError):
    """The image declares more pixels than allowed."""
