"""Descriptors of image sets for evaluation: either view's backbone, any input size, flips, changes.

Shapes: P turns, N images, S input side (in [N, S, D]: scales), D descriptor length, E embedding
width, V views (one), L length of the local features.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from console.progress import Progress
from model.checkpoint import Checkpoint, load_checkpoint
from model.embedder import SHIPPED_WEIGHTS, quick_network
from model.local_features import unit_cells, upright
from model.network import View, descriptor, turned
from model.preprocessing import normalise
from model.runtime.parallel_slices import CpuThreads
from training.data.image_sets import ImageSet
from training.errors import DataError
from training.evaluation.descriptor_cache import DescriptorCache
from training.learning.loading import EMBED_BATCH, FileDataset, one_line


@dataclass(frozen=True)
class Change:
    """Something done to decoded images before they are embedded."""

    name: str
    """Tells cached descriptors apart."""
    apply: Callable[[Tensor, torch.Generator], Tensor]
    """float32 [N, 3, S, S] in 0..1 and a generator seeded by the batch → the network's input."""
    decoded_px: int | None = None
    """Side that `apply` wants; None: the network's."""


@dataclass(frozen=True)
class Features:
    """What the network made of an image set."""

    descriptors: Tensor
    """Unit descriptors, float32: [N, D] to be searched, [N, S, D] that ask, one a scale."""
    local: Sequence[Tensor] | None
    """Local features of every image, float16 [V, S, L]; None: the weights have none."""


class Describer:
    """Weights that turn image sets into unit descriptors, remembering what they did."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        input_size: int | None = None,
        flip: bool = False,
        gallery_turns: int | None = None,
        query_turns: int | None = None,
        turn_zoom: float | None = None,
        workers: int = 2,
        cache: DescriptorCache | None = None,
    ) -> None:
        if input_size is not None and input_size != checkpoint.config.input_size:
            checkpoint = at_input_size(checkpoint, input_size)
        self.name, self.sha256, self.config = checkpoint.name, checkpoint.sha256, checkpoint.config
        if gallery_turns is not None:
            self.config = dataclasses.replace(self.config, gallery_turns=gallery_turns)
        if query_turns is not None:
            self.config = dataclasses.replace(self.config, query_turns=query_turns)
        if turn_zoom is not None:
            self.config = dataclasses.replace(self.config, turn_zoom=turn_zoom)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = quick_network(checkpoint).to(self.device)
        self._map = CpuThreads().map if self.device.type == "cpu" else _at_once
        self.flip, self.workers, self.cache = flip, workers, cache

    @classmethod
    def load(
        cls,
        weights: Path | None = None,
        *,
        input_size: int | None = None,
        flip: bool = False,
        gallery_turns: int | None = None,
        query_turns: int | None = None,
        turn_zoom: float | None = None,
        workers: int = 2,
        cache: DescriptorCache | None = None,
    ) -> "Describer":
        """Load weights from a .safetensors file; None for the shipped ones.

        Raises:
            CheckpointError: the files are missing, damaged or do not fit together.
            ConfigError: the network cannot take the input size, or no such turns.
        """
        checkpoint = load_checkpoint(weights or SHIPPED_WEIGHTS)
        return cls(
            checkpoint,
            input_size=input_size,
            flip=flip,
            gallery_turns=gallery_turns,
            query_turns=query_turns,
            turn_zoom=turn_zoom,
            workers=workers,
            cache=cache,
        )

    def gallery(self, images: ImageSet) -> Features:
        """Features of images to be searched, from the cache if it can.

        Raises:
            DataError: an image is unreadable; names it.
        """
        means_NSD, local = self._parts(self._kept(images, None, self.config.gallery_turns))
        return Features(functional.normalize(means_NSD.mean(dim=1)), local)

    def queries(self, images: ImageSet, change: Change | None = None) -> Features:
        """Features of images that ask.

        Args:
            images: what to describe.
            change: done to every image first.

        Raises:
            DataError: an image is unreadable; names it.
        """
        means_NSD, local = self._parts(self._kept(images, change, self.config.query_turns))
        return Features(functional.normalize(means_NSD, dim=2), local)

    def _parts(self, rows_NSR: Tensor) -> tuple[Tensor, Sequence[Tensor] | None]:
        """Means of descriptors [N, S, D] and every image's unit local features."""
        dim = self.config.descriptor_dim
        if not self.config.local_dim:
            return rows_NSR, None
        local = [unit_cells(rows_SR[None, :, dim:]).half() for rows_SR in rows_NSR]
        return rows_NSR[:, :, :dim], local

    def _kept(self, images: ImageSet, change: Change | None, turns: int) -> Tensor:
        """Means over headings [N, S, R], not of unit length: descriptors, then local features."""
        if self.cache is None:
            return self._describe(images, change, turns)
        shared = "" if self.config.shared_backbone else images.view
        variant = f"{self.config.input_size}:{self.flip}:{shared}:{change.name if change else ''}"
        variant += f":{turns} turns, zoom {self.config.turn_zoom:g}" if turns > 1 else ""
        return self.cache.get(
            self.sha256,
            f"{variant}:by scale, then local",
            images.files,
            lambda: self._describe(images, change, turns),
        )

    def _describe(self, images: ImageSet, change: Change | None, turns: int) -> Tensor:
        side = (change and change.decoded_px) or self.config.input_size
        loader: DataLoader[Tensor] = DataLoader(
            FileDataset(images.files, side),
            batch_size=EMBED_BATCH,
            num_workers=min(self.workers, len(images) // EMBED_BATCH),
        )
        steps = -(-len(images) // EMBED_BATCH)
        title = f"embedding {images.role}{f', {change.name}' if change else ''}"
        shown = Progress(title, steps, unit="batch").over(loader)
        try:
            rows = [
                self._batch(changed(pixels, change, seed), images.view, turns)
                for seed, pixels in enumerate(shown)
            ]
        except DataError as error:
            raise DataError(one_line(error)) from None
        return torch.cat(rows)

    def _batch(self, pixels_N3SS: Tensor, view: View, turns: int) -> Tensor:
        """[N, S, R]: the turns take the scales in turn; each scale's mean over its headings."""
        scales = self.config.scales(turns)
        pixels_N3SS = normalise(pixels_N3SS.to(self.device), self.config.normalisation)
        plain = partial(self._plain, view=view)
        shown = turned(pixels_N3SS, turns, self.config.turn_zoom)
        turned_NPR = torch.stack([self._map(plain, one) for one in shown], dim=1)
        dim = self.config.descriptor_dim
        means = [turned_NPR[:, k::scales, :dim].mean(dim=1) for k in range(scales)]
        local_NSL = upright(turned_NPR[:, :, dim:], scales)
        return torch.cat((torch.stack(means, dim=1), local_NSL), dim=2).cpu()

    @torch.inference_mode()
    def _plain(self, pixels_N3SS: Tensor, view: View) -> Tensor:
        rows_NR = self.network.describe_with_local(pixels_N3SS, view)
        if self.flip:
            pair = self.network(pixels_N3SS, view), self.network(pixels_N3SS.flip(3), view)
            rows_NR[:, : self.config.descriptor_dim] = descriptor(pair[0] + pair[1])
        return rows_NR


def _at_once(describe: Callable[[Tensor], Tensor], images_N3SS: Tensor) -> Tensor:
    return describe(images_N3SS)


def changed(pixels_N3SS: Tensor, change: Change | None, seed: int) -> Tensor:
    """Pixels 0..255 after a change whose chance is drawn from the batch's number alone."""
    if change is None:
        return pixels_N3SS
    generator = torch.Generator().manual_seed(seed)
    return change.apply(pixels_N3SS.float() / 255.0, generator) * 255.0


def at_input_size(checkpoint: Checkpoint, input_size: int) -> Checkpoint:
    """The same weights for another input side; position embeddings are resampled bilinearly.

    Source: Table V's way to other sizes, and the authors' resizing of ImageNet's embedding.
    """
    state = {
        key: _resampled(value, input_size // 16) if key.endswith("pos_embed") else value
        for key, value in checkpoint.state.items()
    }
    config = dataclasses.replace(checkpoint.config, input_size=input_size)
    return dataclasses.replace(checkpoint, config=config, state=state)


def _resampled(embedding_1LC: Tensor, side: int) -> Tensor:
    """A ViT's position embedding on a side x side grid; its class token's stays."""
    tokens = embedding_1LC.shape[1]
    old = int(tokens**0.5)
    prefix = tokens - old * old
    cells = embedding_1LC[:, prefix:].float().transpose(1, 2)
    grid = cells.reshape(1, -1, old, old)
    grid = functional.interpolate(grid, size=side, mode="bilinear", align_corners=False)
    return torch.cat((embedding_1LC[:, :prefix].float(), grid.flatten(2).transpose(1, 2)), dim=1)
