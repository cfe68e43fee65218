"""`safenet-export`: weights as a file that runs without PyTorch."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from console.usage import OneLineCommand
from model.checkpoint import Checkpoint, load_checkpoint
from model.errors import ConfigError
from model.exporting import CHECKED_IMAGES, export_onnx

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "tensorrt": ".engine"}


@app.command(cls=OneLineCommand)
def main(
    weights: Annotated[Path, typer.Argument(help="A .safetensors file with its JSON.")],
    out: Annotated[
        Path | None,
        typer.Argument(help="What to write; default: beside the weights, where a CPU looks."),
    ] = None,
    to: Annotated[
        str,
        typer.Option(help="onnx, which this software reads; openvino or tensorrt, for others."),
    ] = "onnx",
    precision: Annotated[
        str,
        typer.Option(
            help="fp16 or fp32: how the weights are stored; a CPU computes in fp32, TensorRT in it."
        ),
    ] = "fp16",
) -> None:
    """Write a network that takes 8-bit pixels, checked against PyTorch first.

    Example: safenet-export runs/mine/weights.safetensors
    """
    with one_line_errors():
        if to not in SUFFIXES:
            raise ConfigError(f"--to {to!r}: choose {', '.join(SUFFIXES)}")
        if precision not in ("fp16", "fp32"):
            raise ConfigError(f"--precision {precision!r}: choose fp16 or fp32")
        checkpoint = load_checkpoint(weights)
        if not checkpoint.config.shared_backbone:
            raise ConfigError(f"weights {checkpoint.name} have one backbone per view; export one")
        target = out or weights.with_suffix(SUFFIXES[to])
        least = _written(checkpoint, target, to, half=precision == "fp16")
        files = [target, target.with_suffix(".bin")] if to == "openvino" else [target]
        size = sum(path.stat().st_size for path in files)
        print(
            f"{target}: {size / 1e6:.1f} MB, least cosine with PyTorch "
            f"{least:.7f} over {CHECKED_IMAGES} images"
        )


def _written(checkpoint: Checkpoint, target: Path, to: str, *, half: bool) -> float:
    """Write the file; return the least cosine with PyTorch."""
    if to == "openvino":
        from model.exporting_openvino import export_openvino

        return export_openvino(checkpoint, target, half=half)
    if to == "tensorrt":
        from model.exporting_tensorrt import export_tensorrt

        return export_tensorrt(checkpoint, target, half=half)
    return export_onnx(checkpoint, target, half=half).least_cosine


if __name__ == "__main__":
    app()
