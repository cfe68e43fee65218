"""Which matcher a name means."""

from model.errors import ConfigError
from model.matching.interface import Matcher
from model.matching.lightglue_matcher import NAMES as LIGHTGLUE
from model.matching.lightglue_matcher import LightGlueMatcher
from model.matching.xfeat_matcher import XFeatMatcher

AUTO, NONE = "auto", "none"

MATCHERS = (AUTO, NONE, XFeatMatcher.name, *LIGHTGLUE)
"""Names that `--matcher` and `SAFENET_MATCHER` take; auto: xfeat."""


def load_matcher(name: str) -> Matcher | None:
    """Return the matcher of that name; None for no matching.

    Args:
        name: one of MATCHERS.

    Raises:
        ConfigError: there is no such matcher, or it is not installed.
        CheckpointError: its weights are missing.
    """
    if name not in MATCHERS:
        raise ConfigError(f"matcher = {name!r}: choose from {', '.join(MATCHERS)}")
    if name in LIGHTGLUE:
        return LightGlueMatcher(name, XFeatMatcher().calibration)
    return None if name == NONE else XFeatMatcher()
