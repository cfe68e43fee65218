"""The network and what every user of weights needs; `from model import Embedder` is enough."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.embedder import Embedder

__all__ = ["Embedder"]


def __getattr__(name: str) -> Any:
    """Import the Embedder, and PyTorch with it, only when it is asked for."""
    if name == "Embedder":
        from model.embedder import Embedder

        return Embedder
    raise AttributeError(f"module 'model' has no attribute {name!r}")
