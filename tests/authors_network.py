"""The authors' network, plainly rewritten: their parameter names, loops instead of batches."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Mlp(nn.Module):
    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class Attention(nn.Module):
    """Scale of the whole width, not of a head; no bias on q, k, v."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, dim**-0.5
        self.qkv = nn.Linear(dim, dim * 3, bias=False)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, dim = x.shape
        shaped = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads)
        q, k, v = shaped.permute(2, 0, 3, 1, 4)
        weights = ((q @ k.transpose(-2, -1)) * self.scale).softmax(dim=-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


class Block(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attn, self.mlp = Attention(dim, heads), Mlp(dim, dim * 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, 16, 16)


class Transformer(nn.Module):
    def __init__(self, side_px: int, dim: int = 768, depth: int = 8, heads: int = 8) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(dim)
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.pos_embed = nn.Parameter(torch.randn(1, (side_px // 16) ** 2 + 1, dim) * 0.02)
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.fc = nn.Linear(dim, 1000)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embed.proj(images).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.cls_token.expand(len(images), -1, -1), patches), dim=1)
        tokens = tokens + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)


class ClassBlock(nn.Module):
    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.add_block = nn.Sequential(nn.Linear(dim, 512), nn.BatchNorm1d(512), nn.Dropout(0.5))
        self.classifier = nn.Sequential(nn.Linear(512, classes))


class LocNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc_loc = nn.Sequential(nn.Linear(768, 128), nn.ReLU(), nn.Linear(128, 6))


class LocModel(nn.Module):
    def __init__(self, classes: int, parts: int, side_px: int) -> None:
        super().__init__()
        self.parts = parts
        self.transformer = Transformer(side_px)
        self.global_classifier = ClassBlock(768, classes)
        for part in range(parts):
            setattr(self, f"part_classifier{part + 1}", ClassBlock(768, classes))
        self.loc_net = LocNet()

    def forward(self, images: Tensor) -> Tensor:
        """[B, 512, parts + 1], as their test code receives it."""
        tokens = self.transformer(images)
        side = math.isqrt(tokens.shape[1] - 1)
        maps = tokens[:, 1:].reshape(len(images), side, side, -1).permute(0, 3, 1, 2)
        theta = self.loc_net.fc_loc(tokens[:, 0]).view(-1, 2, 3)
        grid = functional.affine_grid(theta, list(maps.shape), align_corners=True)
        maps = functional.grid_sample(
            maps, grid, mode="nearest", padding_mode="border", align_corners=True
        )
        features = [
            getattr(self, f"part_classifier{part + 1}").add_block(
                torch.stack([self.part(one, part) for one in maps])
            )
            for part in range(self.parts)
        ]
        return torch.stack([*features, self.global_classifier.add_block(tokens[:, 0])], dim=2)

    def part(self, one: Tensor, part: int) -> Tensor:
        """Mean of a region over its zero-filled square, for one map [C, H, H]."""
        half = one.shape[1] // 2
        saliency = []
        for ring in range(1, half + 1):
            total = square(one, ring).amax(dim=0).sum()
            inner = square(one, ring - 1).amax(dim=0).sum() if ring > 1 else 0.0
            saliency.append(float(total - inner) / (4 * ring * ring))
        last = [*divide(saliency, 0, half - 1, int(math.log2(self.parts))), half]
        total = square(one, last[part]).sum(dim=(1, 2))
        if part:
            total = total - square(one, last[part - 1]).sum(dim=(1, 2))
        return total / (4 * last[part] ** 2)


def square(one: Tensor, ring: int) -> Tensor:
    half = one.shape[1] // 2
    return one[:, half - ring : half + ring, half - ring : half + ring]


def divide(saliency: list[float], centre: int, margin: int, stages: int) -> list[int]:
    if not stages:
        return []
    gaps = [
        abs(abs(value - saliency[centre]) - abs(value - saliency[margin]))
        for value in saliency[centre : margin + 1]
    ]
    room = 2 ** (stages - 1)
    cut = min(max(centre + gaps.index(min(gaps)), centre + room), margin - room + 1)
    inner = divide(saliency, centre, cut - 1, stages - 1)
    return [*inner, cut, *divide(saliency, cut, margin, stages - 1)]


class AuthorsNetwork(nn.Module):
    def __init__(self, classes: int, parts: int, side_px: int) -> None:
        super().__init__()
        self.loc_model = LocModel(classes, parts, side_px)

    def descriptors(self, images: Tensor) -> Tensor:
        """Their test code: every part to unit length over channels, by sqrt(parts), flattened."""
        features = self.loc_model(images)
        norms = features.norm(p=2, dim=1, keepdim=True) * features.shape[2] ** 0.5
        return (features / norms).flatten(1)
