"""How the images of a source become a gallery's rows: one by one, or a block of a map at once."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from indexer.building.decoding import Prepared
from indexer.errors import SourceError
from indexer.sources.candidate import Candidate, Source
from indexer.sources.cutting.blocks import Block, blocks
from indexer.sources.cutting.cut_into_tiles import CutSource
from indexer.sources.names import shown
from model.dense import DenseTiles, Ground
from model.descriptor_model import DescriptorModel, GalleryRows

Rows = Callable[[Sequence[Prepared]], GalleryRows]
Group = tuple[Iterator[Candidate], Rows]
"""Candidates, and what makes rows of those that could be prepared."""


def groups(source: Source, embedder: DescriptorModel, dense: DenseTiles | None) -> Iterator[Group]:
    """Yield every candidate of a source, with what makes its rows.

    Raises:
        SourceError: `dense` is given, and the source is no map.
    """
    if dense is None:
        yield source.candidates(), lambda prepared: one_by_one(embedder, prepared)
        return
    if not isinstance(source, CutSource):
        raise SourceError(
            f"{shown(source.path.name)} ({source.kind}) is not cut into overlapping tiles, so "
            "--dense saves nothing; leave it out, or give --tile-m where the tiles are a map's"
        )
    side = dense.tile_side
    for block in blocks(source, side, dense.picture_side):
        yield iter(block.candidates), _BlockRows(block, dense)


def one_by_one(embedder: DescriptorModel, prepared: Sequence[Prepared]) -> GalleryRows:
    """Return the rows of images that are embedded for themselves."""
    return embedder.embed_gallery_pixels(np.stack([item.pixels_3SS for item in prepared]))


class _BlockRows:
    """Rows of a block's tiles; its ground is read when the first are asked for."""

    def __init__(self, block: Block, dense: DenseTiles) -> None:
        self._block, self._dense = block, dense
        self._places = {
            candidate.record.image_id: place_2
            for candidate, place_2 in zip(block.candidates, block.places_N2, strict=True)
        }
        self._ground: Ground | None = None

    def __call__(self, prepared: Sequence[Prepared]) -> GalleryRows:
        if self._ground is None:
            self._ground = self._dense.ground(self._block.picture())
        places = [self._places[item.record.image_id] for item in prepared]
        return self._dense.rows(self._ground, np.stack(places))
