"""Preprocessed query images for a matcher: read again where a query is compared, not kept.

Shapes: S input side.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.learning.loading import EMBED_BATCH, decode


class QueryPixels:
    """The images that were embedded, batch by batch, with the same changes."""

    def __init__(
        self, files: Sequence[Path], sides: tuple[int, int], change: Callable[[Tensor, int], Tensor]
    ) -> None:
        """Take the files; nothing is read yet.

        Args:
            files: the query images in the order in which they were embedded.
            sides: of the decoded square, and the least one of a reduced JPEG, px.
            change: from 8-bit pixels of a batch and its number to those that were embedded.
        """
        self._files, self._sides, self._change = files, sides, change
        self._number, self._batch = -1, torch.empty(0)

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        """Return an image, uint8 [3, S, S].

        Raises:
            DataError: the file is missing or unreadable.
        """
        number, index = divmod(row, EMBED_BATCH)
        if number != self._number:
            files = self._files[number * EMBED_BATCH : (number + 1) * EMBED_BATCH]
            pixels_N3SS = np.stack([decode(file, *self._sides) for file in files])
            self._batch = self._change(torch.from_numpy(pixels_N3SS), number)
            self._number = number
        image_3SS: NDArray[np.uint8] = self._batch[index].numpy()
        return image_3SS
