"""Exponential moving average of a network's weights.

torch's AveragedModel deep-copies the module, and the copy would still run the patched convolutions
of the original (`cpu_speed`). A dictionary of tensors does not have this problem.
"""

import torch
from torch import Tensor, nn


class Average:
    """Moving average of a network's weights; a decay of 0 switches it off."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state: dict[str, Tensor] = {}
        if decay:
            self.state = {key: value.clone() for key, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Update: average * decay + weights * (1 - decay); integer buffers are copied."""
        for key, value in network.state_dict().items() if self.decay else ():
            if value.is_floating_point():
                self.state[key] = self.state[key].to(value.device).lerp(value, 1.0 - self.decay)
            else:
                self.state[key] = value.clone()

    def copy_into(self, network: nn.Module) -> None:
        """Replace the network's weights by the averaged ones."""
        if self.decay:
            network.load_state_dict(self.state, strict=True)
