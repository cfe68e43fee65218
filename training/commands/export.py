"""`safenet-export`: weights as a file that runs without PyTorch."""

from pathlib import Path
from typing import Annotated

import typer

from console.errors import one_line_errors
from console.usage import OneLineCommand
from model.checkpoint import load_checkpoint
from model.errors import ConfigError
from model.exporting import export_onnx
from model.runtime.exported import export_path

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=OneLineCommand)
def main(
    weights: Annotated[Path, typer.Argument(help="A .safetensors file with its JSON.")],
    out: Annotated[
        Path | None,
        typer.Argument(help="What to write; default: beside the weights, where a CPU looks."),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="How the weights are stored: fp16 or fp32; computed in fp32.")
    ] = "fp16",
) -> None:
    """Write an ONNX file with any batch size, checked against PyTorch first.

    Example: safenet-export runs/mine/weights.safetensors
    """
    with one_line_errors():
        if precision not in ("fp16", "fp32"):
            raise ConfigError(f"--precision {precision!r}: choose fp16 or fp32")
        checkpoint = load_checkpoint(weights)
        if not checkpoint.config.shared_backbone:
            raise ConfigError(f"weights {checkpoint.name} have one backbone per view; export one")
        target = out or export_path(weights)
        card = export_onnx(checkpoint, target, half=precision == "fp16")
        print(
            f"{target}: {target.stat().st_size / 1e6:.1f} MB, least cosine with PyTorch "
            f"{card.least_cosine:.7f} over {card.checked_images} images"
        )


if __name__ == "__main__":
    app()
