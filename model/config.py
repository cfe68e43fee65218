"""Every choice that shapes the network, as one frozen configuration."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

from model.errors import ConfigError

Pool = Literal["max", "avg"]
Partition = Literal["saliency", "rings", "heatmap", "none"]
Sampler = Literal["bilinear", "nearest"]
Normalisation = Literal["imagenet", "inception", "image"]

LOCAL_SIDE = 7
"""Cells along a side of the local features' grid.

Our choice: 14 find no more images and take four times the room.
"""

PAPER_BACKBONE = "safenet_vit_small"
"""The paper's ViT-S: 768-d, 8 layers, 8 heads. Every other name is timm's own."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The network's shape. Defaults are the paper's, as Sec. IV-B and its tables give them.

    Raises:
        ConfigError: a value is out of its bound.
    """

    backbone: str = PAPER_BACKBONE
    """`safenet_vit_small`, or any timm model name that gives a map or patch tokens."""
    input_size: int = 256
    """Side of the square input, px (Table V tries 224 to 512)."""
    normalisation: Normalisation = "imagenet"
    """Pixel mean and standard deviation the backbone was trained with; `image`: each image is first
    brought to the usual ones of overhead imagery, then as `inception`."""
    shared_backbone: bool = True
    """One backbone for both views, or one each."""
    freeze_backbone: bool = False
    """Table X, row "Fixed"."""
    drop_path_rate: float = 0.1
    """Stochastic depth of the last block, linear from 0 (ViT only)."""

    alignment: bool = True
    """Global representation-guided feature alignment (FAM), Sec. III-B."""
    alignment_hidden: int = 128
    """Width of the localization net's hidden layer."""
    sampler: Sampler = "bilinear"
    """`nearest` gives the localization net no gradient: only for the authors' released weights."""

    partition: Partition = "saliency"
    """`saliency` is FPM (Sec. III-C), `rings` LPN's fixed rings, `heatmap` FSRA's bins."""
    parts: int = 4
    """Number of parts: 1, 2, 4 or 8 (Fig. 8)."""
    aggregate_pool: Pool = "max"
    """Table IV, AggFeat-f_g: over channels."""
    saliency_pool: Pool = "avg"
    """Table IV, SaliVal-S: over each square ring."""
    part_pool: Pool = "avg"
    """Table IV, PartFeat-r: over each region."""
    true_ring_saliency: bool = False
    """Mean over the ring's own cells instead of its zero-filled square."""
    true_region_parts: bool = False
    """Mean over the region's own cells instead of its zero-filled square."""

    gallery_turns: int = 1
    """Quarter turns of a gallery image whose descriptors are averaged: 1, 2 or 4.

    Ours, for queries of any heading. It costs a gallery's build so many passes, a query none.
    """
    query_turns: int = 1
    """The same for an image that asks: 1, 2 or 4 passes a query."""
    turn_zoom: float = 1.0
    """Share of the side that every second turn shows, about the centre: it looks nearer.

    Ours, for queries of another scale than the tiles; it costs no further pass. A gallery image's
    descriptor is the mean over both scales, a query asks with each and the better one counts.
    """

    embedding_dim: int = 512
    """Width of each embedding head."""
    local_dim: int = 0
    """Features of a cell of the local features that verify a match; 0: none (the paper)."""
    leaky_relu: bool = False
    """LeakyReLU(0.1) between an embedding and its class layer."""

    def __post_init__(self) -> None:
        self._check(self.parts in (1, 2, 4, 8), "parts", "1, 2, 4 or 8")
        self._check(self.gallery_turns in (1, 2, 4), "gallery_turns", "1, 2 or 4")
        self._check(self.query_turns in (1, 2, 4), "query_turns", "1, 2 or 4")
        self._check(0.3 <= self.turn_zoom <= 1.0, "turn_zoom", "0.3 to 1")
        self._check(64 <= self.input_size <= 1024, "input_size", "64 to 1024")
        self._check(1 <= self.embedding_dim <= 4096, "embedding_dim", "1 to 4096")
        self._check(0 <= self.local_dim <= 512, "local_dim", "0 to 512")
        self._check(1 <= self.alignment_hidden <= 4096, "alignment_hidden", "1 to 4096")
        self._check(0.0 <= self.drop_path_rate < 1.0, "drop_path_rate", "0 up to, not with, 1")
        for name, allowed in _CHOICES.items():
            self._check(getattr(self, name) in allowed, name, " or ".join(allowed))

    def _check(self, good: bool, field: str, bound: str) -> None:
        if not good:
            raise ConfigError(f"{field} = {getattr(self, field)!r}: must be {bound}")

    def scales(self, turns: int) -> int:
        """Scales that so many turns show, 1 or 2; the turns take them in turn."""
        return 2 if self.turn_zoom < 1.0 and turns > 1 else 1

    @property
    def part_heads(self) -> int:
        """Number of part embeddings; alignment alone still pools the aligned map as one part.

        Source: Table III's parameter counts.
        """
        if self.partition == "none":
            return 1 if self.alignment else 0
        return self.parts

    @property
    def heads(self) -> int:
        """Number of embeddings: the parts, then the global one."""
        return self.part_heads + 1

    @property
    def descriptor_dim(self) -> int:
        """Length of the descriptor: 2560 in the paper's setting."""
        return self.heads * self.embedding_dim

    def local_length(self, turns: int) -> int:
        """Numbers in the local features of an image described in so many turns."""
        return self.scales(turns) * LOCAL_SIDE**2 * self.local_dim

    @property
    def levels(self) -> int:
        """Division stages of the partition: log2 of the parts."""
        return int(math.log2(self.parts))

    def to_dict(self) -> dict[str, Any]:
        """The configuration as JSON-ready values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelConfig":
        """The configuration a checkpoint carries.

        Raises:
            ConfigError: an unknown field, or a value out of its bound.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(f"unknown model setting {', '.join(unknown)}: update safenet-geo")
        return cls(**values)


_CHOICES: dict[str, tuple[str, ...]] = {
    "normalisation": ("imagenet", "inception", "image"),
    "sampler": ("bilinear", "nearest"),
    "partition": ("saliency", "rings", "heatmap", "none"),
    "aggregate_pool": ("max", "avg"),
    "saliency_pool": ("max", "avg"),
    "part_pool": ("max", "avg"),
}
