"""Which runtime serves which weights on which device."""

import ctypes
import importlib.util
from pathlib import Path

from model.errors import CheckpointError, ConfigError
from model.runtime.exported import Precision, export_path, find_export, precision_of
from model.runtime.interface import Runtime
from model.weights_info import WeightsInfo, read_weights_info


def load_runtime(
    weights: Path, device: str, precision: str = "fp32", threads: int = 0
) -> tuple[WeightsInfo, Runtime]:
    """Return what is known about weights, and the runtime that holds them.

    On a CPU an exported network runs in OpenVINO; PyTorch runs on a GPU, and on a CPU for weights
    that were not exported.

    Args:
        weights: a .safetensors file with its JSON beside it.
        device: cpu, cuda, or `auto`: the GPU where there is one.
        precision: fp32, or bf16 where the processor has it.
        threads: CPU threads; 0 leaves the choice to the runtime.

    Raises:
        CheckpointError: the files are missing, damaged or do not fit together.
        ConfigError: the device or the precision does not exist here, PyTorch is missing, or the
            weights have one backbone per view.
    """
    wanted = precision_of(precision)
    info = read_weights_info(weights)
    if not info.config.shared_backbone:
        raise ConfigError(
            f"weights {info.name} have one backbone per view; "
            "an Embedder needs shared_backbone = true"
        )
    chosen = chosen_device(device)
    if chosen == "cpu":
        export = find_export(weights, info)
        if export is not None:
            from model.runtime.openvino_runtime import OpenVinoRuntime

            return info, OpenVinoRuntime(export, wanted, threads)
    return info, _torch_runtime(weights, chosen, wanted, threads)


def _torch_runtime(weights: Path, device: str, precision: Precision, threads: int) -> Runtime:
    if precision != "fp32":
        raise ConfigError(
            f"precision = {precision!r} needs a CPU and {export_path(weights).name} beside the "
            "weights; use fp32"
        )
    if not torch_is_installed():
        raise CheckpointError(
            f"{export_path(weights).name} not found beside {weights.name}; make it where PyTorch "
            f"is installed (pip install 'safenet-geo[training]'): safenet-export {weights}"
        )
    import torch

    from model.checkpoint import load_checkpoint
    from model.runtime.torch_runtime import TorchRuntime

    if threads:
        torch.set_num_threads(threads)
    return TorchRuntime(load_checkpoint(weights), device)


def chosen_device(device: str) -> str:
    """Return the device to use: `auto` becomes cuda or cpu.

    Raises:
        ConfigError: the device needs PyTorch, which is not installed.
    """
    if device == "cpu":
        return "cpu"
    if device == "auto":
        if not (torch_is_installed() and _has_nvidia_driver()):
            return "cpu"
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    if not torch_is_installed():
        raise ConfigError(
            f"device = {device!r} needs PyTorch: pip install 'safenet-geo[gpu]', or use cpu"
        )
    from model.runtime.torch_runtime import torch_device

    return str(torch_device(device))


def torch_is_installed() -> bool:
    """Return whether PyTorch can be imported, without importing it."""
    return importlib.util.find_spec("torch") is not None


def _has_nvidia_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
