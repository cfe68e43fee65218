"""Errors of the training package.

SafeNetError
└── TrainingError
    ├── DataError         a data set is missing or of an unknown layout, or a file is unreadable
    ├── RecipeError       a recipe is unknown, or one of its values is out of bounds
    └── RunError          a run cannot be written or resumed
"""

from model.errors import SafeNetError


class TrainingError(SafeNetError):
    """Training or evaluation cannot continue."""


class DataError(TrainingError):
    """A data set is missing or of an unknown layout, or one of its files is unreadable."""


class RecipeError(TrainingError, ValueError):
    """A recipe is unknown, or one of its values is out of bounds."""


class RunError(TrainingError):
    """A run cannot be written or resumed."""
