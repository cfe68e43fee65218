"""From weights to OpenVINO's own files, for programs that read those."""

import tempfile
from pathlib import Path

import openvino as ov

from model.checkpoint import Checkpoint
from model.errors import ConfigError
from model.exporting import least_cosine, onnx_bytes, openvino_of, unwritable_named


def export_openvino(checkpoint: Checkpoint, out: Path, *, half: bool) -> float:
    """Write weights as OpenVINO IR: `out` and the .bin file beside it.

    Args:
        checkpoint: with one backbone for both views.
        out: the .xml file.
        half: store the weights in fp16.

    Returns:
        Least cosine with PyTorch's descriptors.

    Raises:
        ConfigError: `out` is no .xml file.
        CheckpointError: the exported network gives other descriptors, or cannot be written.
    """
    if out.suffix != ".xml":
        raise ConfigError(f"{out.name}: OpenVINO's files are NAME.xml and NAME.bin; name the .xml")
    network = ov.Core().read_model(onnx_bytes(checkpoint, half=False))
    with unwritable_named(out), tempfile.TemporaryDirectory(dir=out.parent) as folder:
        partial = Path(folder) / out.name
        ov.save_model(network, partial, compress_to_fp16=half)
        least = least_cosine(checkpoint, openvino_of(checkpoint, partial), out.name)
        for suffix in (".bin", ".xml"):
            partial.with_suffix(suffix).replace(out.with_suffix(suffix))
    return least
