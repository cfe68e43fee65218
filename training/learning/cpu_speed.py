"""What makes a training step on a CPU affordable; nothing here changes the network's shape."""

import ctypes
import platform
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

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


def quicken_depthwise(network: nn.Module) -> None:
    """Run depthwise convolutions on a CPU in float32, dilated ones without their dilation.

    Ours: their bfloat16 backward pass takes twice the time of float32's there, and a dilated one
    three times a plain one's. A convolution dilated by d is d x d plain ones, each over every d-th
    cell.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            _quickened(module)


def _quickened(convolution: nn.Conv2d) -> None:
    inner = convolution.forward

    def forward(input: Tensor) -> Tensor:
        if input.device.type != "cpu":
            return inner(input)
        with torch.autocast("cpu", enabled=False):
            if _splits_into_phases(convolution, input):
                return _by_phases(convolution, input).to(input.dtype)
            return inner(input.float()).to(input.dtype)

    convolution.forward = forward  # type: ignore[method-assign]


def _splits_into_phases(convolution: nn.Conv2d, input: Tensor) -> bool:
    """Whether the output has the input's size, and every phase the same number of cells."""
    step, kernel = convolution.dilation[0], convolution.kernel_size[0]
    return (
        step > 1
        and kernel % 2 == 1
        and convolution.dilation == (step, step)
        and convolution.kernel_size == (kernel, kernel)
        and convolution.out_channels == convolution.in_channels
        and convolution.padding_mode == "zeros"
        and convolution.stride == (1, 1)
        and convolution.padding == (step * (kernel // 2),) * 2
        and input.shape[2] % step == input.shape[3] % step == 0
    )


def _by_phases(convolution: nn.Conv2d, input_BCHW: Tensor) -> Tensor:
    """The dilated convolution as plain ones over every d-th row and column, in float32."""
    step, kernel = convolution.dilation[0], convolution.kernel_size[0]
    batch, channels, height, width = input_BCHW.shape
    grid = (batch, height // step, step, width // step, step, channels)
    phases = input_BCHW.permute(0, 2, 3, 1).reshape(grid).permute(0, 2, 4, 1, 3, 5).float()
    small = (-1, height // step, width // step, channels)
    output = functional.conv2d(
        phases.reshape(small).permute(0, 3, 1, 2),
        convolution.weight,
        convolution.bias,
        padding=kernel // 2,
        groups=channels,
    )
    back = output.permute(0, 2, 3, 1).reshape(batch, step, step, *small[1:3], channels)
    cells = back.permute(0, 3, 1, 4, 2, 5).reshape(batch, height, width, channels)
    return cells.permute(0, 3, 1, 2)


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
