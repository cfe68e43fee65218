"""`safenet-export` writes what other runtimes read, after comparing it with PyTorch."""

import importlib.util
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from typer.testing import CliRunner

from model.checkpoint import load_checkpoint
from model.errors import CheckpointError
from model.exporting import least_cosine, sample_pixels
from model.runtime.torch_runtime import TorchRuntime
from training.commands.export import app


def test_openvinos_own_files_give_pytorchs_descriptors(tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny.xml"
    result = CliRunner().invoke(app, [str(tiny_weights), str(out), "--to", "openvino"])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.bin", "tiny.xml"]
    pixels = sample_pixels(128, 3)
    found = ov.Core().compile_model(out, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(pixels)["rows"]
    expected = TorchRuntime(load_checkpoint(tiny_weights), "cpu").describe(pixels)
    assert (found * expected).sum(axis=1).min() > 0.9999


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", "coreml"], "choose onnx, openvino, tensorrt"),
        (["--precision", "int4"], "choose fp16 or fp32"),
        (["{}/weights.onnx", "--to", "openvino"], "name the .xml"),
        (["{}/nowhere/weights.xml", "--to", "openvino"], "cannot be written"),
    ],
)
def test_an_export_that_cannot_be_made_is_one_line(
    tiny_weights: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    given = [option.format(tmp_path) for option in options]
    result = CliRunner().invoke(app, [str(tiny_weights), *given])
    assert result.exit_code == 1
    assert words in result.stderr.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    importlib.util.find_spec("tensorrt") is not None and torch.cuda.is_available(),
    reason="TensorRT and a GPU are here",
)
def test_a_tensorrt_engine_without_tensorrt_or_gpu_names_what_is_missing(
    tiny_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tiny.engine"
    result = CliRunner().invoke(app, [str(tiny_weights), str(out), "--to", "tensorrt"])
    assert result.exit_code == 1
    assert "--to tensorrt needs" in result.stderr
    assert not out.exists()


def test_a_network_whose_descriptors_differ_is_not_written(tiny_weights: Path) -> None:
    class Turned(TorchRuntime):
        """The same network, given each image upside down."""

        def describe(self, pixels_N3SS: np.ndarray) -> np.ndarray:
            return super().describe(np.ascontiguousarray(pixels_N3SS[:, :, ::-1]))

    checkpoint = load_checkpoint(tiny_weights)
    with pytest.raises(CheckpointError, match="is not written: its descriptors differ"):
        least_cosine(checkpoint, Turned(checkpoint, "cpu"), "tiny.onnx")
