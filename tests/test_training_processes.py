"""Several training processes together: the loss and the gradients of one at the same batch."""

import socket
from pathlib import Path

import torch
from torch import distributed, multiprocessing

from training.learning.losses import SymmetricInfoNCE

PLACES, HEADS, WIDTH = 8, 3, 5


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings of both views of 8 places: 2 x [B, P, E]."""
    drawn = torch.Generator().manual_seed(3)
    above = torch.randn((PLACES, HEADS, WIDTH), generator=drawn)
    return above, above + 0.3 * torch.randn(above.shape, generator=drawn)


def loss_and_gradients(rank: int, ranks: int) -> dict[str, torch.Tensor]:
    """The loss, and the gradients as DistributedDataParallel would average them, of one share."""
    criterion = SymmetricInfoNCE(0.07, 0.1)
    mix = torch.nn.Linear(WIDTH, WIDTH, bias=False)
    torch.nn.init.eye_(mix.weight)
    own = slice(rank * PLACES // ranks, (rank + 1) * PLACES // ranks)
    above, flown = (mix(view[own]) for view in batch())
    loss = criterion(above, flown)
    loss.backward()
    gradients = {"weight": mix.weight.grad, "scale": criterion.log_scale.grad}
    for gradient in gradients.values():
        if ranks > 1:
            distributed.all_reduce(gradient)
            gradient /= ranks
    return {"loss": loss.detach(), **gradients}


def process(rank: int, ranks: int, port: int, folder: Path) -> None:
    """One of several processes; writes what it computed."""
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=ranks
    )
    torch.save(loss_and_gradients(rank, ranks), folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_have_the_loss_and_gradients_of_one(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    multiprocessing.spawn(process, (2, port, tmp_path), nprocs=2)
    alone = loss_and_gradients(0, 1)
    for rank in range(2):
        shared = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for key, value in alone.items():
            torch.testing.assert_close(shared[key], value)
