"""Several embeddings of one place as one query.

Shapes: N images of a place, S scales and T headings of an image, D descriptor length, L length of
the local features.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.descriptor_model import FusedQuery, ImageEmbedding


def as_query(embedding: ImageEmbedding) -> FusedQuery:
    """Return the query of one image: at each scale the mean over headings.

    Our choice: scales and headings, so that an image is found at any of both.
    """
    descriptors_STD, local_SL = embedding.descriptors_STD, embedding.local_SL
    every_PD = descriptors_STD.reshape(-1, descriptors_STD.shape[2])
    steadiness = float(np.linalg.norm(every_PD.mean(axis=0)))
    local_NSL = None if local_SL is None else local_SL[None]
    pixels_3SS = embedding.pixels_3SS
    return FusedQuery(
        unit_mean(descriptors_STD),
        steadiness,
        local_NSL,
        embedding.zoom,
        None if pixels_3SS is None else pixels_3SS[None],
    )


def plain_query(descriptors: NDArray[np.float32]) -> FusedQuery:
    """Return a query of unit descriptors alone, [D] or [S, D]; it cannot be re-ranked."""
    return FusedQuery(np.atleast_2d(descriptors), 1.0)


def fuse_queries(queries: Sequence[FusedQuery]) -> FusedQuery:
    """Return one query of several of the same place: at each scale the mean over them.

    Source: Table VI, multiple-query setting.
    """
    descriptors_NSD = np.stack([query.descriptors_SD for query in queries])
    steadiness = float(np.mean([query.steadiness for query in queries]))
    grids = [query.local_NSL for query in queries if query.local_NSL is not None]
    local_NSL = np.concatenate(grids) if len(grids) == len(queries) else None
    descriptors_SD = unit_mean(descriptors_NSD.transpose(1, 0, 2))
    pixels = [query.pixels_N3SS for query in queries if query.pixels_N3SS is not None]
    pixels_N3SS = np.concatenate(pixels) if len(pixels) == len(queries) else None
    return FusedQuery(descriptors_SD, steadiness, local_NSL, queries[0].zoom, pixels_N3SS)


def fuse(embeddings: Sequence[ImageEmbedding]) -> FusedQuery:
    """Return one query of the embeddings of several images of a place."""
    return fuse_queries([as_query(embedding) for embedding in embeddings])


def unit_mean(rows_NTD: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit-length means [N, D] of unit descriptors [N, T, D]; one alone stays as it is."""
    if rows_NTD.shape[1] == 1:
        alone_ND: NDArray[np.float32] = rows_NTD[:, 0]
        return alone_ND
    mean_ND = rows_NTD.mean(axis=1)
    lengths_N1 = np.linalg.norm(mean_ND, axis=1, keepdims=True)
    unit_ND: NDArray[np.float32] = mean_ND / np.maximum(lengths_N1, np.float32(1e-12))
    return unit_ND
