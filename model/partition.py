"""Feature partition: saliency-guided square rings (FPM), and its peers on the same map.

Source: Safe-Net, Sec. III-C; the peers are LPN (fixed square rings) and FSRA (heatmap bins).
Shapes: B batch, C channels, H rows = columns, L cells (H * H), R rings (H / 2), K regions or parts.
Ring 1 is the centre's 2 x 2 cells, ring R the margin. A boundary is the last ring of a part.
"""

import torch
from torch import Tensor, nn

from model.config import ModelConfig, Pool
from model.errors import ConfigError

TIE = 1e-5
"""Gaps closer than this share of the largest saliency are one gap.

Our choice: every ring outside the span of its region's ends has the same gap in exact
arithmetic, and rounding, which varies with the batch, must not choose between them.
"""


def ring_of_cell(side: int) -> Tensor:
    """Ring number 1..side/2 of every cell of a square map: int64 [side, side].

    Raises:
        ConfigError: the side is odd, so there is no 2 x 2 centre.
    """
    if side % 2:
        raise ConfigError(f"a feature map of side {side} has no 2 x 2 centre: choose an input size")
    offset_H = (torch.arange(side) - (side - 1) / 2).abs()
    return torch.maximum(offset_H[:, None], offset_H[None, :]).ceil().long()


def pool_rings(cells_BCL: Tensor, rings_LR: Tensor, pool: Pool) -> Tensor:
    """Sum ("avg") or maximum ("max") of the cells of each ring: [B, C, R]."""
    if pool == "avg":
        return cells_BCL @ rings_LR.to(cells_BCL.dtype)
    ring_L = rings_LR.argmax(dim=1)
    index_BCL = ring_L.expand_as(cells_BCL)
    empty_BCR = cells_BCL.new_full((*cells_BCL.shape[:2], rings_LR.shape[1]), -torch.inf)
    return empty_BCR.scatter_reduce(2, index_BCL, cells_BCL, "amax")


def boundaries_from_saliency(saliency_BR: Tensor, levels: int) -> Tensor:
    """Last ring (1-based) of each of the 2**levels parts, inner to outer: int64 [B, K].

    Each stage splits every region at the ring whose saliency is equally far from that of the
    region's centre and of its margin; the first such ring wins a tie, and the split is clamped so
    that no later part is empty. No gradient.

    Source: Eq. 5; the clamp and the first-wins rule are the authors' code's.
    """
    saliency_BR = saliency_BR.detach()
    batch, rings = saliency_BR.shape
    centre_BK = saliency_BR.new_zeros((batch, 1), dtype=torch.long)
    margin_BK = torch.full_like(centre_BK, rings - 1)
    for level in range(levels, 0, -1):
        split_BK = _split(saliency_BR, centre_BK, margin_BK, 2 ** (level - 1))
        centre_BK = torch.stack((centre_BK, split_BK), dim=2).flatten(1)
        margin_BK = torch.stack((split_BK - 1, margin_BK), dim=2).flatten(1)
    return margin_BK + 1


def _split(saliency_BR: Tensor, centre_BK: Tensor, margin_BK: Tensor, room: int) -> Tensor:
    """First ring (0-based) of each region's outer half: int64 [B, K]."""
    ring_R = torch.arange(saliency_BR.shape[1], device=saliency_BR.device)
    to_centre_BKR = (saliency_BR.gather(1, centre_BK)[:, :, None] - saliency_BR[:, None]).abs()
    to_margin_BKR = (saliency_BR.gather(1, margin_BK)[:, :, None] - saliency_BR[:, None]).abs()
    outside_BKR = (ring_R < centre_BK[:, :, None]) | (ring_R > margin_BK[:, :, None])
    gap_BKR = (to_centre_BKR - to_margin_BKR).abs().masked_fill(outside_BKR, torch.inf)
    tie_B11 = TIE * saliency_BR.abs().amax(dim=1)[:, None, None]
    tied_BKR = gap_BKR <= gap_BKR.amin(dim=2, keepdim=True) + tie_B11
    first_BK = tied_BKR.int().argmax(dim=2)
    return torch.clamp(first_BK, min=centre_BK + room, max=margin_BK - room + 1)


class FeaturePartition(nn.Module):
    """Cuts a square feature map into parts and pools each: the paper's FPM or a peer."""

    rings_LR: Tensor

    def __init__(self, config: ModelConfig, side: int) -> None:
        super().__init__()
        self.config = config
        rings = side // 2
        if rings < config.parts:
            raise ConfigError(
                f"parts = {config.parts}: a {side} x {side} map has {rings} rings; raise input_size"
            )
        ring_HH = ring_of_cell(side)
        one_hot_LR = nn.functional.one_hot(ring_HH.flatten() - 1, rings)
        self.register_buffer("rings_LR", one_hot_LR.float(), persistent=False)

    def saliency(self, map_BCHH: Tensor) -> Tensor:
        """Saliency S_1..S_R of the square rings, centre to margin: [B, R]."""
        config = self.config
        over_channels = map_BCHH.amax if config.aggregate_pool == "max" else map_BCHH.mean
        aggregate_B1L = over_channels(dim=1, keepdim=True).flatten(2)
        ring_BR = pool_rings(aggregate_B1L, self.rings_LR, config.saliency_pool)[:, 0]
        if config.saliency_pool == "max":
            return ring_BR if config.true_ring_saliency else _zero_filled(ring_BR)
        rank_R = self._ring_numbers(map_BCHH)
        cells_R = 8 * rank_R - 4 if config.true_ring_saliency else 4 * rank_R**2
        return ring_BR / cells_R

    def boundaries(self, map_BCHH: Tensor) -> Tensor:
        """Last ring of each part: int64 [B, K]; for LPN's fixed rings equal widths."""
        parts = self.config.parts
        if self.config.partition == "rings":
            rings = self.rings_LR.shape[1]
            steps_K = torch.arange(1, parts + 1, device=map_BCHH.device) * rings // parts
            return steps_K.expand(map_BCHH.shape[0], parts)
        return boundaries_from_saliency(self.saliency(map_BCHH), self.config.levels)

    def forward(self, map_BCHH: Tensor) -> Tensor:
        """Part features, inner to outer: float32 [B, C, K]."""
        with torch.autocast(map_BCHH.device.type, enabled=False):
            map_BCHH = map_BCHH.float()
            if self.config.partition == "heatmap":
                return self._heatmap_parts(map_BCHH)
            last_BK = self.boundaries(map_BCHH)
            if self.config.part_pool == "max":
                return self._max_parts(map_BCHH, last_BK)
            return self._mean_parts(map_BCHH, last_BK)

    def _mean_parts(self, map_BCHH: Tensor, last_BK: Tensor) -> Tensor:
        """(cum[b_k] - cum[b_(k-1)]) / (4 b_k^2), or over the region's own cells."""
        ring_BCR = pool_rings(map_BCHH.flatten(2), self.rings_LR, "avg")
        inside_BCR = ring_BCR.cumsum(dim=2)
        index_BCK = last_BK[:, None].expand(-1, map_BCHH.shape[1], -1) - 1
        inside_BCK = inside_BCR.gather(2, index_BCK)
        region_BCK = torch.diff(inside_BCK, dim=2, prepend=torch.zeros_like(inside_BCK[:, :, :1]))
        square_BK = 4 * last_BK**2
        if self.config.true_region_parts:
            square_BK = torch.diff(square_BK, dim=1, prepend=torch.zeros_like(square_BK[:, :1]))
        return region_BCK / square_BK[:, None]

    def _max_parts(self, map_BCHH: Tensor, last_BK: Tensor) -> Tensor:
        ring_BCR = pool_rings(map_BCHH.flatten(2), self.rings_LR, "max")
        rank_R = self._ring_numbers(map_BCHH)
        first_BK = torch.nn.functional.pad(last_BK[:, :-1], (1, 0))
        inside_BKR = (rank_R > first_BK[:, :, None]) & (rank_R <= last_BK[:, :, None])
        region_BCK = ring_BCR[:, :, None].masked_fill(~inside_BKR[:, None], -torch.inf).amax(dim=3)
        return region_BCK if self.config.true_region_parts else _zero_filled(region_BCK)

    def _heatmap_parts(self, map_BCHH: Tensor) -> Tensor:
        """Cells sorted by mean activation, cut in equal bins, hottest first. Source: FSRA."""
        cells_BCL = map_BCHH.flatten(2)
        order_BL = cells_BCL.mean(dim=1).argsort(dim=1, descending=True, stable=True)
        sorted_BCL = cells_BCL.gather(2, order_BL[:, None].expand_as(cells_BCL))
        bins = sorted_BCL.tensor_split(self.config.parts, dim=2)
        return torch.stack([part_BCl.mean(dim=2) for part_BCl in bins], dim=2)

    def _ring_numbers(self, like: Tensor) -> Tensor:
        return torch.arange(1, self.rings_LR.shape[1] + 1, device=like.device)


def _zero_filled(pooled: Tensor) -> Tensor:
    """Maximum over the zero-filled square: only the innermost region has no zeros around it."""
    return torch.cat((pooled[..., :1], pooled[..., 1:].clamp(min=0)), dim=-1)
