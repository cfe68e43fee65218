"""The exported network without PyTorch: the same numbers, and what is refused."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from indexer_samples import picture, tile_folder
from typer.testing import CliRunner

from indexer import Gallery
from indexer.building import operations
from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from model.checkpoint import load_checkpoint, save_checkpoint
from model.config import ModelConfig
from model.dense import dense_tiles
from model.embedder import SHIPPED_WEIGHTS, Embedder
from model.errors import CheckpointError, ConfigError
from model.exporting import sample_pixels
from model.fusion import fuse
from model.network import SafeNet
from model.runtime.exported import ExportCard, card_path, export_path
from model.runtime.openvino_runtime import has_bf16
from model.runtime.torch_runtime import TorchRuntime
from training.commands.export import app

WITHOUT_TORCH = (
    "import sys\nfor name in ('torch', 'timm', 'torchvision'): sys.modules[name] = None\n"
)


def without_torch(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process that cannot import PyTorch."""
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TORCH + code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def shipped() -> tuple[Embedder, Embedder]:
    """The shipped weights in OpenVINO and in PyTorch."""
    exported = Embedder.load(device="cpu")
    checkpoint = load_checkpoint(SHIPPED_WEIGHTS)
    return exported, Embedder(checkpoint, TorchRuntime(checkpoint, "cpu"))


def test_the_shipped_weights_give_the_same_in_either_runtime(
    shipped: tuple[Embedder, Embedder],
) -> None:
    exported, plain = shipped
    assert exported.runtime.name.startswith("openvino")
    assert export_path(SHIPPED_WEIGHTS).stat().st_size <= 16e6
    pixels = sample_pixels(exported.input_size, 20)
    one, other = (embedder.embed_gallery_pixels(pixels) for embedder in shipped)
    cosines = (one.descriptors_ND * other.descriptors_ND).sum(axis=1)
    assert cosines.min() >= 0.9999
    steps = one.local_NL.astype(int) - other.local_NL.astype(int)
    assert np.abs(steps).max() <= 1
    assert exported.sha256 == plain.sha256


def test_a_gallery_of_either_runtime_answers_queries_of_the_other(
    shipped: tuple[Embedder, Embedder], tmp_path: Path
) -> None:
    tiles = open_source(tile_folder(tmp_path / "tiles", 3, 2), SourceOptions())
    scores = []
    for number, (builder, asker) in enumerate((shipped, shipped[::-1])):
        operations.build(tmp_path / "store", f"g{number}", tiles, builder)
        gallery = Gallery.open(tmp_path / "store", f"g{number}", embedder=asker)
        query = fuse(asker.embed_query_pixels(asker.preprocess(picture(1001))[None]))
        matches = gallery.search(query, top_k=6)
        scores.append({match.record.image_id: match.score for match in matches})
        gallery.close()
    assert scores[0].keys() == scores[1].keys()
    for image_id, score in scores[0].items():
        assert score == pytest.approx(scores[1][image_id], abs=1e-3)


@pytest.mark.skipif(not has_bf16(), reason="this processor has no bf16 arithmetic")
def test_bf16_gives_nearly_the_descriptors_of_fp32(shipped: tuple[Embedder, Embedder]) -> None:
    pixels = np.stack([shipped[0].preprocess(picture(seed, 300)) for seed in range(16)])
    quick = Embedder.load(device="cpu", precision="bf16")
    assert quick.runtime.name.endswith("bf16")
    found, expected = (
        embedder.embed_gallery_pixels(pixels).descriptors_ND for embedder in (quick, shipped[0])
    )
    assert np.median((found * expected).sum(axis=1)) >= 0.995


def test_bf16_is_refused_in_one_line_where_the_processor_lacks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("model.runtime.openvino_runtime.has_bf16", lambda: False)
    with pytest.raises(ConfigError, match="this processor has no bf16 arithmetic"):
        Embedder.load(device="cpu", precision="bf16")


def test_an_explanation_is_the_same_in_either_runtime(shipped: tuple[Embedder, Embedder]) -> None:
    one, other = (embedder.explain(picture(7, 300)) for embedder in shipped)
    np.testing.assert_allclose(one.theta_23, other.theta_23, atol=1e-4)
    np.testing.assert_allclose(one.heat_HH, other.heat_HH, atol=1e-3)
    assert one.ring_half_sides == other.ring_half_sides


def test_serving_and_indexing_load_no_torch() -> None:
    result = without_torch(
        "import service.app, service.cli, indexer.commands.app, indexer.building.operations\n"
        "import training.world.cli, service.demo.__main__\n"
        "from indexer import localize\n"
        "from model import Embedder\n"
        "from PIL import Image\n"
        "embedder = Embedder.load()\n"
        "print(embedder.embed([Image.new('RGB', (99, 64))]).shape, embedder.runtime.name)\n"
        "embedder.explain(Image.new('RGB', (99, 64)))\n"
    )
    assert result.returncode == 0, result.stderr
    assert "(1, 2560) openvino" in result.stdout


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("Embedder.load(device='cuda')", "pip install 'safenet-geo[gpu]'"),
        ("Embedder.load(Path(sys.argv[1]))", "safenet-export"),
    ],
)
def test_without_torch_the_remedy_is_named(tiny_weights: Path, call: str, words: str) -> None:
    code = f"from pathlib import Path\nfrom model import Embedder\n{call}\n"
    result = without_torch(code.replace("sys.argv[1]", repr(str(tiny_weights))))
    assert words in result.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of another configuration, and their export."""
    torch.manual_seed(0)
    config = ModelConfig(
        backbone="test_efficientnet",
        input_size=128,
        embedding_dim=16,
        alignment=False,
        partition="rings",
        query_turns=4,
    )
    path = tmp_path_factory.mktemp("exported") / "weights.safetensors"
    save_checkpoint(path, SafeNet(config).eval(), {})
    result = CliRunner().invoke(app, [str(path), "--precision", "fp32"])
    assert result.exit_code == 0, result.output
    assert "least cosine with PyTorch 1.0" in result.output or "0.99999" in result.output
    return path


def test_any_weights_are_exported_with_a_dynamic_batch(exported: Path) -> None:
    checkpoint, pixels = load_checkpoint(exported), sample_pixels(128, 5)
    served = Embedder.load(exported, device="cpu")
    assert served.runtime.name.startswith("openvino")
    plain = Embedder(checkpoint, TorchRuntime(checkpoint, "cpu"))
    for count in (1, 5):
        found, expected = (
            np.stack([one.descriptors_STD for one in each.embed_query_pixels(pixels[:count])])
            for each in (served, plain)
        )
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert served.explain(picture(1)).ring_half_sides == (0.25, 0.5, 0.75, 1.0)


def test_a_network_that_has_no_halves_is_refused_with_dense(
    exported: Path, tiny_weights: Path
) -> None:
    with pytest.raises(ConfigError, match="it has no alignment"):
        dense_tiles(exported)
    with pytest.raises(ConfigError, match="safenet-export"):
        dense_tiles(tiny_weights)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("flipped byte", "is damaged"),
        ("other weights", "exported from other weights"),
        ("no card", "missing or damaged"),
        ("newer card", "missing or damaged"),
    ],
)
def test_an_export_that_cannot_be_trusted_is_refused(
    exported: Path, tmp_path: Path, damage: str, words: str
) -> None:
    folder = shutil.copytree(exported.parent, tmp_path / "copy")
    path = folder / exported.name
    export = export_path(path)
    card = json.loads(card_path(export).read_text())
    if damage == "flipped byte":
        data = bytearray(export.read_bytes())
        data[len(data) // 2] ^= 1
        export.write_bytes(data)
    if damage == "other weights":
        card["weights_sha256"] = "0" * 64
    if damage == "newer card":
        card["colour"] = "blue"
    card_path(export).write_text(json.dumps(card))
    if damage == "no card":
        card_path(export).unlink()
    with pytest.raises(CheckpointError, match=words):
        Embedder.load(path, device="cpu")


def test_a_file_that_openvino_cannot_run_is_refused_in_one_line(
    exported: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(exported.parent, tmp_path / "copy")
    export = export_path(folder / exported.name)
    export.write_bytes(b"no network")
    card = ExportCard(**json.loads(card_path(export).read_text()))
    from model.files import file_sha256
    from model.runtime.exported import write_card

    write_card(export, dataclasses.replace(card, sha256=file_sha256(export)))
    with pytest.raises(CheckpointError, match="cannot run on this processor"):
        Embedder.load(folder / exported.name, device="cpu")


@pytest.mark.parametrize(("precision", "words"), [("fp8", "fp32 or bf16"), ("bf16", "needs a CPU")])
def test_a_precision_that_is_not_there_is_refused(
    tiny_weights: Path, precision: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        Embedder.load(tiny_weights, device="cpu", precision=precision)
