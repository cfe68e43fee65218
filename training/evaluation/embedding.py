"""Embeddings of image sets for evaluation: the served embedder with a cache in front of it.

Shapes: N images, S input side (in [N, S, D] and [N, S, L]: scales), D descriptor length, L length
of the local features.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from console.progress import Progress
from model.checkpoint import load_checkpoint
from model.descriptor_model import FusedQuery
from model.embedder import SHIPPED_WEIGHTS, Embedder
from model.fusion import as_query
from model.images import DECODED_SIDE_PX
from model.matching.choice import NONE, load_matcher
from model.network import View
from model.normalisation import unit_range
from model.preprocessing import decode_side
from model.runtime.torch_runtime import TorchRuntime
from model.weights_info import WeightsInfo
from training.data.image_sets import ImageSet
from training.errors import DataError
from training.evaluation.descriptor_cache import Arrays, DescriptorCache
from training.evaluation.input_size import at_input_size
from training.evaluation.query_pixels import QueryPixels
from training.learning.loading import EMBED_BATCH, FileDataset, one_line

CACHE_FORMAT = 2
"""Increase it when the cached values of an image change."""


@dataclass(frozen=True)
class Perturbation:
    """A change that is applied to query images before they are embedded."""

    name: str
    """Name that distinguishes cached embeddings."""
    apply: Callable[[Tensor, torch.Generator], Tensor]
    """float32 [N, 3, S, S] in 0..1 and a generator seeded by the batch → the same, perturbed."""
    decoded_px: int | None = None
    """Side that `apply` takes; None: the network's input side, which it returns in any case."""


@dataclass(frozen=True, kw_only=True)
class GalleryArrays:
    """A gallery as it is stored on disk: `GalleryRows` in fp16 and int8."""

    descriptors_ND: NDArray[np.float16]
    local_NL: NDArray[np.int8]

    matcher_NB: NDArray[np.int8] | None = None
    """Rows of the matcher; None: there is none."""

    def pick(self, rows: list[int]) -> "GalleryArrays":
        """Return the images at these indices."""
        matcher_NB = None if self.matcher_NB is None else self.matcher_NB[rows]
        return GalleryArrays(
            descriptors_ND=self.descriptors_ND[rows],
            local_NL=self.local_NL[rows],
            matcher_NB=matcher_NB,
        )


@dataclass(frozen=True, kw_only=True)
class EmbeddingOptions:
    """Weights and options of embedding; None takes the value of the weights."""

    weights: Path | None = None
    """A .safetensors file; None for the shipped one."""
    input_size: int | None = None
    flip: bool = False
    """Add a mirrored pass, as the authors' code does; the service has no such option."""
    gallery_turns: int | None = None
    query_turns: int | None = None
    turn_zoom: float | None = None
    workers: int = 2
    """Number of decoding processes."""
    cache: DescriptorCache | None = None
    matcher: str = NONE
    """One of `model.matching.choice.MATCHERS`."""

    def configured(self, weights: WeightsInfo) -> WeightsInfo:
        """Return the weights' configuration with the chosen views."""
        chosen = {
            name: getattr(self, name)
            for name in ("gallery_turns", "query_turns", "turn_zoom")
            if getattr(self, name) is not None
        }
        return WeightsInfo(
            name=weights.name,
            config=dataclasses.replace(weights.config, **chosen),
            sha256=weights.sha256,
            card=weights.card,
        )


class ImageSetEmbedder:
    """Embeds image sets as a service and a gallery do, and keeps the results."""

    def __init__(
        self, embedders: Mapping[View, Embedder], workers: int, cache: DescriptorCache | None
    ) -> None:
        """Take one embedder for each view; the same for both where they share a backbone."""
        self._embedders, self._workers, self._cache = embedders, workers, cache
        first = embedders["drone"]
        self.matcher = first.matcher
        self.name, self.sha256, self.config = first.name, first.sha256, first.config
        self.runtime = first.runtime.name

    @classmethod
    def load(cls, options: EmbeddingOptions) -> "ImageSetEmbedder":
        """Load weights.

        Raises:
            CheckpointError: the files are missing, damaged or do not fit together.
            ConfigError: the network cannot take the input size, or the views are not allowed, or
                there is no such matcher.
        """
        checkpoint = load_checkpoint(options.weights or SHIPPED_WEIGHTS)
        matcher = load_matcher(options.matcher)
        if options.input_size not in (None, checkpoint.config.input_size):
            checkpoint = at_input_size(checkpoint, options.input_size)
        elif checkpoint.config.shared_backbone and not options.flip:
            served = Embedder.load(options.weights, matcher=NONE)
            both = Embedder(options.configured(checkpoint), served.runtime, matcher)
            return cls({"drone": both, "satellite": both}, options.workers, options.cache)
        info, shared = options.configured(checkpoint), checkpoint.config.shared_backbone
        views: tuple[View, ...] = ("drone",) if shared else ("drone", "satellite")
        embedders = {
            view: Embedder(info, TorchRuntime(checkpoint, view=view, flip=options.flip), matcher)
            for view in views
        }
        embedders.setdefault("satellite", embedders["drone"])
        return cls(embedders, options.workers, options.cache)

    def gallery(self, images: ImageSet) -> GalleryArrays:
        """Return a gallery's rows of images, from the cache if they are there.

        Raises:
            DataError: an image is unreadable.
        """
        embedder = self._embedders[images.view]

        def rows(pixels_N3SS: NDArray[np.uint8]) -> Arrays:
            found = embedder.embed_gallery_pixels(pixels_N3SS)
            descriptors_ND = found.descriptors_ND.astype(np.float16)
            return {"descriptors": descriptors_ND, "local": found.local_NL}

        variant = f"gallery:{self.config.gallery_turns} views"
        found = self._kept(images, variant, lambda: self._over(images, None, DECODED_SIDE_PX, rows))
        return GalleryArrays(
            descriptors_ND=found["descriptors"],
            local_NL=found["local"],
            matcher_NB=self._matcher_rows(images),
        )

    def _matcher_rows(self, images: ImageSet) -> NDArray[np.int8] | None:
        matcher = self.matcher
        if matcher is None:
            return None

        def rows(pixels_N3SS: NDArray[np.uint8]) -> Arrays:
            return {"rows": matcher.describe(pixels_N3SS)}

        found = self._kept(
            images,
            f"matcher:{matcher.row_format}",
            lambda: self._over(images, None, DECODED_SIDE_PX, rows),
        )
        return found["rows"]

    def pixels(self, images: ImageSet, perturbation: Perturbation | None = None) -> QueryPixels:
        """Return the images that `queries` embeds, to be read one by one."""
        side = (perturbation and perturbation.decoded_px) or self.config.input_size
        return QueryPixels(
            images.files,
            (side, decode_side(self.config.input_size)),
            lambda pixels_N3SS, number: perturbed(pixels_N3SS, perturbation, number),
        )

    def queries(
        self, images: ImageSet, perturbation: Perturbation | None = None
    ) -> list[FusedQuery]:
        """Return a query of each image, from the cache if they are there.

        Args:
            images: the query images.
            perturbation: done to every image first.

        Raises:
            DataError: an image is unreadable.
        """
        embedder = self._embedders[images.view]
        side = decode_side(self.config.input_size)

        def embedded(pixels_N3SS: NDArray[np.uint8]) -> Arrays:
            found = embedder.embed_query_pixels(pixels_N3SS)
            return _arrays([as_query(embedding) for embedding in found])

        variant = f"query:{self.config.query_turns} views:{perturbation and perturbation.name}"
        found = self._kept(
            images, variant, lambda: self._over(images, perturbation, side, embedded)
        )
        zoom = self.config.turn_zoom if self.config.local_dim else 1.0
        return _queries(found, zoom)

    def _kept(self, images: ImageSet, variant: str, make: Callable[[], Arrays]) -> Arrays:
        if self._cache is None:
            return make()
        view = "" if self.config.shared_backbone else images.view
        variant += f":{view}:{self.config.input_size}:{self.config.turn_zoom:g}:{self.runtime}"
        return self._cache.get(self.sha256, f"{CACHE_FORMAT}:{variant}", images.files, make)

    def _over(
        self,
        images: ImageSet,
        perturbation: Perturbation | None,
        decoded_side: int,
        embed: Callable[[NDArray[np.uint8]], Arrays],
    ) -> Arrays:
        """Embed an image set batch by batch."""
        side = (perturbation and perturbation.decoded_px) or self.config.input_size
        loader: DataLoader[Tensor] = DataLoader(
            FileDataset(images.files, side, decoded_side),
            batch_size=EMBED_BATCH,
            num_workers=min(self._workers, len(images) // EMBED_BATCH),
        )
        steps = -(-len(images) // EMBED_BATCH)
        title = f"embedding {images.role}{f', {perturbation.name}' if perturbation else ''}"
        batches: Iterable[Tensor] = Progress(title, steps, unit="batch").over(loader)
        try:
            parts = [
                embed(perturbed(pixels, perturbation, seed).numpy())
                for seed, pixels in enumerate(batches)
            ]
        except DataError as error:
            raise DataError(one_line(error)) from None
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def perturbed(pixels_N3SS: Tensor, perturbation: Perturbation | None, seed: int) -> Tensor:
    """Return 8-bit pixels after a perturbation that is seeded by `seed`."""
    if perturbation is None:
        return pixels_N3SS
    generator = torch.Generator().manual_seed(seed)
    images_N3SS = perturbation.apply(unit_range(pixels_N3SS), generator)
    return (images_N3SS.clamp(0, 1) * 255.0).round().to(torch.uint8)


def _arrays(queries: list[FusedQuery]) -> Arrays:
    """Return queries of one image each as arrays for the cache."""
    arrays: Arrays = {
        "descriptors": np.stack([query.descriptors_SD for query in queries]),
        "steadiness": np.array([query.steadiness for query in queries]),
    }
    local = [query.local_NSL[0] for query in queries if query.local_NSL is not None]
    return arrays | ({"local": np.stack(local)} if local else {})


def _queries(arrays: Arrays, zoom: float) -> list[FusedQuery]:
    descriptors_NSD, local_NSL = arrays["descriptors"], arrays.get("local")
    return [
        FusedQuery(
            descriptors_SD,
            float(steadiness),
            None if local_NSL is None else local_NSL[row : row + 1],
            zoom,
        )
        for row, (descriptors_SD, steadiness) in enumerate(
            zip(descriptors_NSD, arrays["steadiness"], strict=True)
        )
    ]
