"""What the training package raises.

SafeNetError
└── TrainingError
    ├── DataError         a data set is missing, laid out otherwise, or a file of it is unreadable
    ├── RecipeError       a recipe is unknown, or one of its values is out of its bound
    └── RunError          a run cannot be written or resumed
"""

from model.errors import SafeNetError


class TrainingError(SafeNetError):
    """Training or evaluation cannot go on."""


class DataError(TrainingError):
    """A data set is missing, laid out otherwise, or a file of it is unreadable."""


class RecipeError(TrainingError, ValueError):
    """A recipe is unknown, or one of its values is out of its bound."""


class RunError(TrainingError):
    """A run cannot be written or resumed."""
