"""Exponential moving average of a network's weights.

torch's AveragedModel deep-copies the module, and a copy would still run the patched convolutions of
the original (`cpu_speed`); a dictionary of tensors has no such tie.
"""

import torch
from torch import Tensor, nn


class Average:
    """Follows a network; does nothing at decay 0."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state: dict[str, Tensor] = {}
        if decay:
            self.state = {key: value.clone() for key, value in network.state_dict().items()}

    @torch.no_grad()
    def follow(self, network: nn.Module) -> None:
        """One step towards the network: average * decay + weights * (1 - decay); counters copy."""
        for key, value in network.state_dict().items() if self.decay else ():
            if value.is_floating_point():
                self.state[key] = self.state[key].to(value.device).lerp(value, 1.0 - self.decay)
            else:
                self.state[key] = value.clone()

    def put_into(self, network: nn.Module) -> None:
        """Give the network the averaged weights."""
        if self.decay:
            network.load_state_dict(self.state, strict=True)
