"""A checkpoint of the authors' code gives the same descriptors here; others are refused."""

from pathlib import Path

import pytest
import torch
from authors_network import AuthorsNetwork
from torch import Tensor
from typer.testing import CliRunner

from model.checkpoint import load_checkpoint
from model.conversion import network_from_authors, read_authors
from model.errors import CheckpointError
from training.commands.convert import app

SIDE_PX = 192


@pytest.fixture(scope="module")
def authors() -> AuthorsNetwork:
    """Random weights in which every parameter matters: no identity alignment, lively statistics."""
    torch.manual_seed(3)
    network = AuthorsNetwork(classes=7, parts=4, side_px=SIDE_PX)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    last = network.loc_model.loc_net.fc_loc[2]
    last.bias.data.copy_(torch.tensor([0.8, 0.1, 0.05, -0.1, 0.9, 0.1]))
    return network.eval()


@pytest.fixture(scope="module")
def checkpoint(authors: AuthorsNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authors") / "net_119.pth"
    torch.save(authors.state_dict(), path)
    return path


def test_converted_weights_give_the_authors_descriptors(
    authors: AuthorsNetwork, checkpoint: Path, tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, [str(checkpoint), str(tmp_path)])
    assert result.exit_code == 0, result.output
    loaded = load_checkpoint(tmp_path / "net_119.safetensors")
    assert (loaded.config.input_size, loaded.config.sampler) == (SIDE_PX, "nearest")
    images = torch.randn(3, 3, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours = loaded.network().describe(images)
        theirs = authors.descriptors(images)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert (ours[0] - ours[1]).abs().max() > 1e-3


def changed(checkpoint: Path, tmp_path: Path, change: dict[str, Tensor | None]) -> Path:
    state = torch.load(checkpoint, weights_only=True)
    for key, value in change.items():
        state.pop(key, None)
        if value is not None:
            state[key] = value
    path = tmp_path / "changed.pth"
    torch.save(state, path)
    return path


def test_the_prefix_of_several_gpus_is_taken_off(checkpoint: Path, tmp_path: Path) -> None:
    state = torch.load(checkpoint, weights_only=True)
    path = tmp_path / "parallel.pth"
    torch.save({f"module.{key}": value for key, value in state.items()}, path)
    assert read_authors(path).keys() == read_authors(checkpoint).keys()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loc_model.transformer.norm.weight": None}, "norm.weight"),
        ({"loc_model.surplus.weight": torch.zeros(1)}, "surplus.weight is unknown"),
        ({"loc_model.part_classifier2.add_block.0.weight": torch.zeros(5, 5)}, "part_heads.1"),
    ],
)
def test_a_tensor_too_few_too_many_or_misshapen_is_named(
    checkpoint: Path, tmp_path: Path, change: dict[str, Tensor | None], words: str
) -> None:
    state = read_authors(changed(checkpoint, tmp_path, change))
    with pytest.raises(CheckpointError, match=words):
        network_from_authors(state)


def test_a_file_of_something_else_is_one_line_on_stderr(tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    other.write_bytes(b"not a checkpoint")
    for path in (other, tmp_path / "absent.pth"):
        result = CliRunner().invoke(app, [str(path), str(tmp_path)])
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert path.name in result.stderr
    torch.save({"weight": torch.zeros(1)}, other)
    with pytest.raises(CheckpointError, match=r"no loc_net\.fc_loc"):
        read_authors(other)
