"""What makes a training step on a CPU affordable; nothing here changes the network's shape."""

import ctypes
import platform
from typing import Any

import torch
from torch import Tensor, nn

from training.errors import RecipeError

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> None:
    """Let this process keep the memory of freed tensors instead of giving it back after each.

    Ours: glibc returns large blocks to the system at once, and every step pays for fresh pages
    again; kept, a step of EfficientNet-Lite0 at 224 px takes half the time (one thread, 64
    images: 7.1 against 3.6 s). Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] == "glibc":
        c_library = ctypes.CDLL(None)
        c_library.mallopt(_M_MMAP_MAX, 0)
        c_library.mallopt(_M_TRIM_THRESHOLD, -1)
        c_library.mallopt(_M_ARENA_MAX, 1)


def keep_depthwise_in_float32(network: nn.Module) -> None:
    """Run depthwise convolutions outside bfloat16 autocast on a CPU.

    Ours: their bfloat16 backward pass takes twice the time of float32's there; with this the
    whole step of EfficientNet-Lite0 at 192 px fell from 87 to 56 ms an image (one thread).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            _outside_autocast(module)


def _outside_autocast(convolution: nn.Conv2d) -> None:
    inner = convolution.forward

    def forward(input: Tensor) -> Tensor:
        if input.device.type != "cpu":
            return inner(input)
        with torch.autocast("cpu", enabled=False):
            return inner(input.float())

    convolution.forward = forward  # type: ignore[method-assign]


def freeze_stages(backbone: nn.Module, stages: int) -> None:
    """Keep a timm CNN's stem and its first stages as they are, running statistics included.

    Raises:
        RecipeError: the backbone has no such stages.
    """
    if not stages:
        return
    network: Any = getattr(backbone, "network", None)
    if not hasattr(network, "blocks") or not hasattr(network, "conv_stem"):
        raise RecipeError(f"frozen_stages = {stages}: only EfficientNet-like backbones have stages")
    frozen = nn.ModuleList([network.conv_stem, network.bn1, *network.blocks[:stages]])
    frozen.requires_grad_(False)
    for module in frozen.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
