"""Faster training steps on a CPU: memory reuse and depthwise convolutions."""

import ctypes
import platform

import torch
from torch import Tensor, nn
from torch.nn import functional

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> None:
    """Keep the memory of freed tensors in this process instead of returning it to the system.

    Our choice: glibc returns large blocks at once, and every step needs fresh pages again. With the
    memory kept, a step of EfficientNet-Lite0 at 224 px takes half the time (one thread, 64 images:
    3.6 instead of 7.1 s). Other C libraries are not changed.
    """
    if platform.libc_ver()[0] == "glibc":
        c_library = ctypes.CDLL(None)
        c_library.mallopt(_M_MMAP_MAX, 0)
        c_library.mallopt(_M_TRIM_THRESHOLD, -1)
        c_library.mallopt(_M_ARENA_MAX, 1)


def speed_up_depthwise(network: nn.Module) -> None:
    """Run depthwise convolutions on a CPU in float32, and dilated ones as plain ones.

    Our choice: their backward pass takes twice as long in bfloat16 as in float32, and three times
    as long with dilation. A convolution dilated by d equals d x d plain ones, each over every
    d-th cell.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            _speed_up(module)


def _speed_up(convolution: nn.Conv2d) -> None:
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
    """Return whether the output has the input's size, and all phases equally many cells."""
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
    """Return the dilated convolution, by plain ones over every d-th row and column, in float32."""
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
