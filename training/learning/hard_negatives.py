"""Batches of similar places, so that a batch is as hard as a gallery of one region.

Shapes: N places, D descriptor length.
"""

import torch
from torch import Tensor


def similar_runs(descriptors_ND: Tensor, length: int, generator: torch.Generator) -> list[int]:
    """Return all N places in an order in which each run of `length` places is similar.

    A random remaining place starts a run and takes its nearest remaining places; the runs are then
    shuffled. Source: Sample4Geo's dynamic similarity sampling, on the satellite view only.

    Args:
        descriptors_ND: unit descriptors of the places' satellite images.
        length: places in a run; the last run may be shorter.
        generator: source of random numbers.
    """
    count = len(descriptors_ND)
    free_N = torch.ones(count, dtype=torch.bool)
    runs: list[list[int]] = []
    for first in torch.randperm(count, generator=generator).tolist():
        if not free_N[first]:
            continue
        similarity_N = descriptors_ND @ descriptors_ND[first]
        similarity_N[first] = torch.inf
        similarity_N[~free_N] = -torch.inf
        run = similarity_N.topk(min(length, int(free_N.sum()))).indices
        free_N[run] = False
        runs.append(run.tolist())
    order = torch.randperm(len(runs), generator=generator).tolist()
    return [place for index in order for place in runs[index]]
