"""Batches of places that look alike, so that a batch asks what a gallery of one region asks.

Shapes: N places, D descriptor length.
"""

import torch
from torch import Tensor


def in_alike_runs(descriptors_ND: Tensor, length: int, generator: torch.Generator) -> list[int]:
    """All N places in an order whose runs of `length` look alike; the runs come in random order.

    A random place not yet taken begins a run and brings its nearest ones that are left.
    Source: Sample4Geo's dynamic similarity sampling, on the satellite view alone.

    Args:
        descriptors_ND: unit descriptors of the places' satellite images.
        length: places in a run; the last run may be shorter.
        generator: whose numbers choose.
    """
    count = len(descriptors_ND)
    free_N = torch.ones(count, dtype=torch.bool)
    runs: list[list[int]] = []
    for first in torch.randperm(count, generator=generator).tolist():
        if not free_N[first]:
            continue
        alike_N = descriptors_ND @ descriptors_ND[first]
        alike_N[first] = torch.inf
        alike_N[~free_N] = -torch.inf
        run = alike_N.topk(min(length, int(free_N.sum()))).indices
        free_N[run] = False
        runs.append(run.tolist())
    order = torch.randperm(len(runs), generator=generator).tolist()
    return [place for index in order for place in runs[index]]
