"""Backbones: image → feature map and global feature. The only module that imports timm.

Shapes: B batch, S input side, C channels, H rows = columns of the map, L tokens.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from model.config import PAPER_BACKBONE, ModelConfig
from model.errors import ConfigError


class Backbone(nn.Module):
    """A timm network, its map brought to stride 16 and its output to one shape."""

    def __init__(self, network: nn.Module, input_size: int) -> None:
        super().__init__()
        self.network = network
        self.prefix_tokens = int(getattr(network, "num_prefix_tokens", 0))
        with torch.no_grad():
            training = network.training
            network.eval()
            map_BCHH, global_BC = self(torch.zeros(1, 3, input_size, input_size))
            network.train(training)
        self.channels = int(global_BC.shape[1])
        self.map_side = int(map_BCHH.shape[2])

    def forward(self, pixels_B3SS: Tensor) -> tuple[Tensor, Tensor]:
        """The map [B, C, H, H] and the global feature [B, C]: class token, or the map's mean."""
        network: Any = self.network
        features = network.forward_features(pixels_B3SS)
        if features.ndim == 4:
            return features, features.float().mean(dim=(2, 3))
        patches_BLC = features[:, self.prefix_tokens :]
        side = round(patches_BLC.shape[1] ** 0.5)
        map_BCHH = patches_BLC.transpose(1, 2).unflatten(2, (side, side))
        global_BC = features[:, 0] if self.prefix_tokens else patches_BLC.mean(dim=1)
        return map_BCHH, global_BC


class _QueryScale(nn.Module):
    """Turns the attention scale head_dim^-0.5 into dim^-0.5 in fused and plain attention alike."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.factor = (dim / heads) ** 0.5 * dim**-0.5

    def forward(self, queries: Tensor) -> Tensor:
        scaled: Tensor = queries * self.factor
        return scaled


def build_backbone(config: ModelConfig, *, from_hub: bool = False) -> Backbone:
    """A backbone for the configuration: untrained, or with the weights of timm's hub (network).

    Raises:
        ConfigError: timm knows no such model, or it cannot take the input size.
    """
    try:
        return Backbone(_network(config, from_hub), config.input_size)
    except ConfigError:
        raise
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(
            f"backbone = {config.backbone!r} cannot take {config.input_size} px: {error}"
        ) from error


def _network(config: ModelConfig, from_hub: bool) -> nn.Module:
    name = config.backbone
    if name == PAPER_BACKBONE:
        return _paper_vit(config)
    if not timm.is_model(name):
        raise ConfigError(f"backbone = {name!r}: timm {timm.__version__} has no such model")
    create: Callable[..., nn.Module] = partial(
        timm.create_model, name, pretrained=from_hub, num_classes=0
    )
    if name.startswith("vgg"):
        return _MapOnly(create(features_only=True, out_indices=(4,), num_classes=1000))
    if name.startswith("densenet"):
        network: nn.Module = create()
        network.get_submodule("features.transition3").pool = nn.Identity()
        return network
    if any(family in name for family in ("vit_", "eva", "deit", "beit")):
        return create(img_size=config.input_size, drop_path_rate=config.drop_path_rate)
    return create(output_stride=16)


def _paper_vit(config: ModelConfig) -> nn.Module:
    """ViT-S of the paper: timm's former vit_small. Source: Sec. IV-B and the authors' code."""
    dim, heads = 768, 8
    network: Any = VisionTransformer(
        img_size=config.input_size,
        patch_size=16,
        num_classes=0,
        embed_dim=dim,
        depth=8,
        num_heads=heads,
        mlp_ratio=3.0,
        qkv_bias=False,
        drop_path_rate=config.drop_path_rate,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    )
    for block in network.blocks:
        block.attn.q_norm = _QueryScale(dim, heads)
    vit: nn.Module = network
    return vit


class _MapOnly(nn.Module):
    """A feature extractor whose single map is its `forward_features`."""

    def __init__(self, extractor: nn.Module) -> None:
        super().__init__()
        self.extractor = extractor

    def forward_features(self, pixels_B3SS: Tensor) -> Tensor:
        return self.extractor(pixels_B3SS)[0]  # type: ignore[no-any-return]
