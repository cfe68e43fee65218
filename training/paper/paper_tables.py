"""Tables I to X of the paper: their rows, the paper's numbers, and what each row trains.

A row's `changes` are values as for `--set`; a row with None is quoted from the paper only.
Figures are R@1 and mAP drone→satellite, then R@1 and mAP satellite→drone, in percent.
"""

from dataclasses import dataclass

Numbers = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class PaperCost:
    """Costs that the paper gives for a row; None where it gives none."""

    parameters_m: float | None = None
    """Number of parameters in units of 2^20."""
    operations_g: float | None = None
    """Operations of an image pair in units of 2^30, without the products of attention."""
    train_ratio: float | None = None
    """Training time relative to the table's first row."""
    test_ratio: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of a table."""

    label: tuple[str, ...]
    paper: Numbers
    changes: tuple[str, ...] | None = ()
    """None: another paper's method, which is only quoted."""
    height_m: int | None = None
    """SUES-200: train and test at this height only."""
    views: int = 1
    """Number of drone views averaged into one query."""
    cost: PaperCost | None = None


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """One table of the paper, with peers of the same network added to its first."""

    number: str
    title: str
    labels: tuple[str, ...]
    rows: tuple[Row, ...]
    complexity: bool = False
    """Whether parameters and operations are columns too."""
    timing: bool = False
    """Whether training and testing time relative to the first row are columns too."""
    layout: str = "University-1652"


COLUMNS = ("D→S R@1", "D→S mAP", "S→D R@1", "S→D mAP")

OURS: Numbers = (86.98, 88.85, 91.22, 86.06)
_GLOBAL = ("model.alignment=false", "model.partition=none")
_RESNET = "model.backbone=resnet50"


def _quoted(name: str, backbone: str, *numbers: float) -> Row:
    return Row(label=(name, backbone), paper=numbers, changes=None)


TABLE_I = PaperTable(
    number="I",
    title="Comparison on University-1652; baseline, LPN and FSRA as partitions of one network",
    labels=("method", "backbone"),
    rows=(
        _quoted("Contrastive [1]", "ResNet-50", 52.39, 57.44, 63.91, 52.24),
        _quoted("Soft Margin Triplet [32]", "ResNet-50", 53.21, 58.03, 65.62, 54.47),
        _quoted("Triplet M=0.5 [49]", "ResNet-50", 53.58, 58.60, 64.48, 53.15),
        _quoted("Triplet M=0.3 [49]", "ResNet-50", 55.18, 59.97, 63.62, 53.85),
        Row(
            label=("Zheng et al. [18]: global", "ResNet-50"),
            paper=(58.49, 63.13, 71.18, 58.74),
            changes=(_RESNET, *_GLOBAL),
        ),
        _quoted("RK-Net [20]", "ResNet-50", 65.63, 69.68, 78.32, 64.87),
        _quoted("LCM [19]", "ResNet-50", 66.65, 70.82, 79.89, 65.38),
        Row(
            label=("LPN [21]: fixed rings", "ResNet-50"),
            paper=(74.18, 77.39, 85.16, 73.68),
            changes=(_RESNET, "model.alignment=false", "model.partition=rings"),
        ),
        _quoted("PCL [22]", "ResNet-50", 79.47, 83.63, 87.69, 78.51),
        _quoted("SGM [25]", "Swin-Tiny", 82.14, 84.72, 88.16, 81.81),
        _quoted("MSBA [24]", "ResNet-50", 82.33, 84.78, 90.58, 81.61),
        Row(
            label=("FSRA [23]: heatmap", "ViT-S"),
            paper=(84.51, 86.71, 88.45, 83.37),
            changes=("model.alignment=false", "model.partition=heatmap"),
        ),
        _quoted("PAAN [45]", "SEResNet-50", 84.51, 86.78, 91.01, 82.28),
        Row(label=("Ours", "ResNet-50"), paper=(83.85, 86.12, 90.01, 82.31), changes=(_RESNET,)),
        Row(label=("Ours", "ViT-S"), paper=OURS),
    ),
)

_SUES_NUMBERS: dict[str, tuple[Numbers, Numbers, Numbers, Numbers]] = {
    "LCM [19]": (
        (43.42, 49.65, 57.50, 38.11),
        (49.42, 55.91, 68.75, 49.19),
        (54.47, 60.31, 72.50, 47.94),
        (60.43, 65.78, 75.00, 59.36),
    ),
    "SUES-200 baseline [26]: global": (
        (59.32, 64.93, 82.50, 58.95),
        (62.30, 67.24, 85.00, 62.56),
        (71.35, 75.49, 88.75, 69.96),
        (77.17, 80.67, 96.25, 84.16),
    ),
    "LPN [21]: fixed rings": (
        (61.58, 67.23, 83.75, 66.78),
        (70.85, 75.96, 88.75, 75.01),
        (80.38, 83.80, 92.50, 81.34),
        (81.47, 84.53, 92.50, 85.72),
    ),
    "FSRA [23]: heatmap": (
        (76.45, 80.80, 90.00, 77.61),
        (86.08, 88.75, 92.50, 86.10),
        (89.70, 91.75, 93.75, 91.08),
        (94.15, 95.34, 97.75, 94.61),
    ),
    "Ours": (
        (81.05, 84.76, 97.50, 86.36),
        (91.10, 93.04, 96.25, 92.61),
        (94.52, 95.74, 97.50, 94.98),
        (94.57, 95.60, 98.75, 95.67),
    ),
}
_SUES_CHANGES: dict[str, tuple[str, ...] | None] = {
    "LCM [19]": None,
    "SUES-200 baseline [26]: global": _GLOBAL,
    "LPN [21]: fixed rings": ("model.alignment=false", "model.partition=rings"),
    "FSRA [23]: heatmap": ("model.alignment=false", "model.partition=heatmap"),
    "Ours": (),
}

TABLE_II = PaperTable(
    number="II",
    title="Comparison on SUES-200, one model per height; peers as partitions of one network",
    labels=("method", "height"),
    rows=tuple(
        Row(
            label=(method, f"{height} m"),
            paper=numbers,
            changes=_SUES_CHANGES[method],
            height_m=height,
        )
        for method, by_height in _SUES_NUMBERS.items()
        for height, numbers in zip((150, 200, 250, 300), by_height, strict=True)
    ),
    layout="SUES-200",
)

_COMPONENTS: dict[tuple[str, str], tuple[Numbers, Numbers, tuple[str, ...]]] = {
    ("-", "-"): ((71.15, 74.64, 80.88, 70.90), (45.9939, 1.0, 1.0), _GLOBAL),
    ("✓", "-"): (
        (80.70, 83.24, 86.16, 80.31),
        (46.4650, 1.015, 1.032),
        ("model.partition=none",),
    ),
    ("-", "✓"): (
        (85.99, 87.99, 90.44, 85.12),
        (47.4998, 1.742, 1.067),
        ("model.alignment=false",),
    ),
    ("✓", "✓"): (OURS, (47.5944, 1.871, 1.069), ()),
}

TABLE_III = PaperTable(
    number="III",
    title="Components of Safe-Net, and peers as partitions of the same network",
    labels=("FAM", "FPM"),
    rows=tuple(
        Row(
            label=label,
            paper=numbers,
            changes=changes,
            cost=PaperCost(parameters_m=parameters, train_ratio=train, test_ratio=test),
        )
        for label, (numbers, (parameters, train, test), changes) in _COMPONENTS.items()
    )
    + tuple(
        Row(
            label=("-", name),
            paper=(),
            changes=("model.alignment=false", f"model.partition={partition}"),
        )
        for name, partition in (("LPN: fixed rings", "rings"), ("FSRA: heatmap", "heatmap"))
    ),
    complexity=True,
    timing=True,
)


def _pooling(aggregate: str, saliency: str, part: str, *numbers: float) -> Row:
    names = ("aggregate_pool", "saliency_pool", "part_pool")
    values = (aggregate, saliency, part)
    return Row(
        label=tuple(value.upper() for value in values),
        paper=numbers,
        changes=tuple(f"model.{name}={value}" for name, value in zip(names, values, strict=True)),
    )


TABLE_IV = PaperTable(
    number="IV",
    title="Pooling methods of the feature partition",
    labels=("AggFeat-f_g", "SaliVal-S", "PartFeat-r"),
    rows=(
        _pooling("max", "avg", "avg", *OURS),
        _pooling("max", "avg", "max", 84.58, 86.79, 89.87, 84.59),
        _pooling("max", "max", "avg", 84.59, 86.81, 89.16, 83.99),
        _pooling("max", "max", "max", 82.43, 84.94, 86.59, 81.78),
        _pooling("avg", "avg", "avg", 85.06, 87.24, 90.16, 85.00),
        _pooling("avg", "avg", "max", 83.55, 85.95, 88.16, 83.32),
        _pooling("avg", "max", "avg", 85.14, 87.25, 89.59, 84.51),
        _pooling("avg", "max", "max", 82.92, 85.34, 87.59, 82.69),
    ),
)

TABLE_V = PaperTable(
    number="V",
    title="Input image size",
    labels=("size",),
    rows=tuple(
        Row(label=(f"{size}*{size}",), paper=numbers, changes=(f"model.input_size={size}",))
        for size, numbers in {
            224: (85.89, 87.91, 91.01, 85.10),
            256: OURS,
            320: (88.82, 90.33, 92.58, 87.64),
            384: (89.12, 91.10, 92.87, 88.52),
            512: (88.40, 90.09, 90.58, 87.20),
        }.items()
    ),
)

TABLE_VI = PaperTable(
    number="VI",
    title="Multiple queries",
    labels=("queries",),
    rows=tuple(
        Row(label=(str(views),), paper=numbers, views=views)
        for views, numbers in {
            1: (86.98, 88.85),
            2: (87.38, 89.20),
            3: (88.14, 89.83),
            6: (89.27, 90.80),
            9: (90.25, 91.65),
            18: (90.94, 92.31),
            27: (91.25, 92.51),
            54: (92.30, 93.36),
        }.items()
    ),
)

TABLE_VII = PaperTable(
    number="VII",
    title="Backbone weights shared between the views",
    labels=("setting",),
    rows=(
        Row(
            label=("not shared",),
            paper=(85.09, 87.23, 88.87, 83.73),
            changes=("model.shared_backbone=false",),
        ),
        Row(label=("shared",), paper=OURS),
    ),
)

_BACKBONES: dict[str, tuple[str, Numbers, Numbers]] = {
    "EfficientNet-B0": (
        "efficientnet_b0",
        (61.06, 65.90, 8.53, 1.8559),
        (70.14, 72.99, 11.39, 1.8596),
    ),
    "DenseNet-121": (
        "densenet121",
        (63.45, 68.12, 13.95, 7.6566),
        (72.33, 75.98, 16.30, 7.6597),
    ),
    "ResNet-50": ("resnet50", (59.84, 63.32, 46.18, 15.1640), (68.87, 72.59, 50.54, 15.1696)),
    "SE-ResNet-50": (
        "seresnet50",
        (58.21, 63.09, 51.01, 15.1687),
        (66.95, 71.63, 55.36, 15.1743),
    ),
    "ResNeXt-50": (
        "resnext50_32x4d",
        (62.34, 67.04, 45.18, 15.1857),
        (71.70, 75.41, 49.53, 15.1913),
    ),
    "ViT-S": (
        "safenet_vit_small",
        (71.15, 74.64, 45.99, 22.8949),
        (80.70, 83.24, 46.47, 22.8958),
    ),
    "VGG-16": ("vgg16", (59.73, 64.76, 28.68, 37.4360), (66.79, 71.07, 30.03, 37.4379)),
}
"""timm's name, then R@1, mAP, parameters (2^20), operations (2^30) without and with alignment."""

TABLE_VIII = PaperTable(
    number="VIII",
    title="Alignment on other backbones, without partition",
    labels=("backbone", "alignment"),
    rows=tuple(
        Row(
            label=(name, word),
            paper=numbers[:2],
            changes=(
                f"model.backbone={timm_name}",
                f"model.alignment={flag}",
                "model.partition=none",
            ),
            cost=PaperCost(parameters_m=numbers[2], operations_g=numbers[3]),
        )
        for name, (timm_name, without, with_alignment) in _BACKBONES.items()
        for word, flag, numbers in (
            ("w/o", "false", without),
            ("w/", "true", with_alignment),
        )
    ),
    complexity=True,
)

_LOSSES: dict[str, tuple[str, Numbers, Numbers]] = {
    "Cross-Entropy": ("none", (86.98, 88.85), (83.88, 86.09)),
    "+ Triplet (M=0.3)": ("triplet", (86.87, 88.74), (84.87, 86.86)),
    "+ KL": ("kl", (86.04, 88.01), (79.47, 82.24)),
    "+ Contrastive": ("contrastive", (85.67, 87.73), (84.29, 86.52)),
    "+ Verification": ("verification", (86.03, 87.99), (84.18, 86.33)),
}

TABLE_IX = PaperTable(
    number="IX",
    title="Loss functions",
    labels=("method", "backbone"),
    rows=tuple(
        Row(label=(name, shown), paper=numbers, changes=(*backbone, f"metric_loss={loss}"))
        for name, (loss, vit, resnet) in _LOSSES.items()
        for shown, backbone, numbers in (("ViT-S", (), vit), ("ResNet-50", (_RESNET,), resnet))
    ),
)

TABLE_X = PaperTable(
    number="X",
    title="Backbone fixed or fine-tuned",
    labels=("backbone",),
    rows=(
        Row(label=("fine-tuned",), paper=OURS),
        Row(
            label=("fixed",),
            paper=(72.65, 76.19, 87.45, 72.54),
            changes=("model.freeze_backbone=true",),
        ),
    ),
)

FIGURE_8 = PaperTable(
    number="F8",
    title="Number of parts (Fig. 8; the paper plots it, the text gives 4 parts alone)",
    labels=("parts",),
    rows=tuple(
        Row(
            label=(str(parts),),
            paper=OURS if parts == 4 else (),
            changes=(f"model.parts={parts}",),
        )
        for parts in (1, 2, 4, 8)
    ),
)

TABLES = {
    table.number: table
    for table in (
        TABLE_I,
        TABLE_II,
        TABLE_III,
        TABLE_IV,
        TABLE_V,
        TABLE_VI,
        TABLE_VII,
        TABLE_VIII,
        TABLE_IX,
        TABLE_X,
        FIGURE_8,
    )
}
