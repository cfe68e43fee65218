"""Optimizer groups and learning-rate schedules of a run."""

import math

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from training.learning.recipe import Optimization


def build_optimizer(learner: nn.Module, chosen: Optimization) -> Optimizer:
    """Return an optimizer of three groups: backbone, localization net, rest. Source: Sec. IV-B.

    Weight decay also covers batch normalization and biases, as in the authors' code.
    """
    groups: dict[str, list[nn.Parameter]] = {"backbone": [], "localization": [], "rest": []}
    for name, parameter in learner.named_parameters():
        if not parameter.requires_grad:
            continue
        inside = name.removeprefix("network.")
        kind = "rest"
        if inside.startswith("backbones."):
            kind = "backbone"
        elif inside.startswith("alignment."):
            kind = "localization"
        groups[kind].append(parameter)
    rates = {
        "backbone": chosen.lr_backbone,
        "localization": chosen.lr_localization,
        "rest": chosen.lr_rest,
    }
    settings = [
        {"params": parameters, "lr": rates[kind]}
        for kind, parameters in groups.items()
        if parameters
    ]
    if chosen.optimizer == "sgd":
        return SGD(settings, momentum=0.9, nesterov=True, weight_decay=chosen.weight_decay)
    return AdamW(settings, weight_decay=chosen.weight_decay)


def build_scheduler(optimizer: Optimizer, chosen: Optimization, steps_per_epoch: int) -> LambdaLR:
    """Return a schedule of all learning rates: linear warm-up, then steps or half a cosine."""
    total = chosen.epochs * steps_per_epoch
    warmup = max(round(chosen.warmup_epochs * steps_per_epoch), 1) if chosen.warmup_epochs else 0

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if chosen.schedule == "cosine":
            done = (step - warmup) / max(total - warmup, 1)
            return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
        epoch = step // steps_per_epoch
        return 0.1 ** sum(epoch >= milestone for milestone in chosen.milestones)

    return LambdaLR(optimizer, factor)
