"""Which runtime serves which weights on which device."""

from pathlib import Path

from model.checkpoint import load_checkpoint
from model.errors import ConfigError
from model.runtime.interface import Runtime
from model.runtime.torch_runtime import TorchRuntime
from model.weights_info import WeightsInfo


def load_runtime(weights: Path, device: str) -> tuple[WeightsInfo, Runtime]:
    """Return what is known about weights, and the runtime that holds them.

    Args:
        weights: a .safetensors file with its JSON beside it.
        device: cpu, cuda, or `auto`: the GPU where there is one.

    Raises:
        CheckpointError: the files are missing, damaged or do not fit together.
        ConfigError: the device does not exist here, or the weights have one backbone per view.
    """
    checkpoint = load_checkpoint(weights)
    if not checkpoint.config.shared_backbone:
        raise ConfigError(
            f"weights {checkpoint.name} have one backbone per view; "
            "an Embedder needs shared_backbone = true"
        )
    return checkpoint, TorchRuntime(checkpoint, device)
