"""Re-ranking by spatial verification in evaluation, as a gallery's search does it.

Shapes: Q queries, G gallery images, V views of a query, S scales, L length of the local features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from console.progress import Progress
from model.verification import VERIFIED, agreement, combined, quantised


@dataclass(frozen=True)
class Verifier:
    """The local features of both sides."""

    queries: Sequence[Tensor]
    """Of every query [V, S, L]."""
    gallery_GL: NDArray[np.int8]
    """Quantised."""

    @classmethod
    def of(cls, queries: Sequence[Tensor], gallery: Sequence[Tensor]) -> "Verifier":
        """From both sides' unit features, [V, S, L] an image; of the gallery's the first view's."""
        rows = [quantised(one[0].float().flatten()[None].numpy()) for one in gallery]
        return cls(queries, np.concatenate(rows))

    def scores(self, cosines_QG: Tensor) -> Tensor:
        """Scores [Q, G]: the VERIFIED best of every query are combined with their agreement.

        The others keep their order behind them, as if nothing agreed.
        """
        lowest = torch.full_like(cosines_QG, -1.0).numpy()
        scores_QG = combined(cosines_QG.numpy(), lowest)
        best_QK = cosines_QG.topk(min(VERIFIED, cosines_QG.shape[1]), dim=1).indices.numpy()
        for query in Progress("verifying", len(best_QK), unit="query").over(range(len(best_QK))):
            best_K = best_QK[query]
            agreed = agreement(self.queries[query].float().numpy(), self.gallery_GL[best_K])
            scores_QG[query, best_K] = combined(cosines_QG[query, best_K].numpy(), agreed.scores_K)
        return torch.from_numpy(scores_QG)
