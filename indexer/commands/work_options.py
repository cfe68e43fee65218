"""The options of the commands that embed images: where, with which weights, how they report."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from indexer.commands import options as opt

if TYPE_CHECKING:
    from model.embedder import Embedder


@dataclass(frozen=True, kw_only=True)
class WorkOptions:
    """The store and the weights of a command, and how it reports."""

    store: opt.Store = opt.DEFAULT_STORE
    weights: opt.Weights = None
    keep: opt.Keep = 3
    log: opt.Log = "auto"
    device: opt.Device = "auto"
    matcher: opt.MatcherName = "auto"
    precision: opt.Precision = "fp32"

    def embedder(self) -> "Embedder":
        """Return the weights, loaded."""
        return opt.load_weights(self.weights, self.device, self.matcher, self.precision)

    def reporter(self) -> Any:
        """Return what shows the progress."""
        return opt.reporter(self.log)
