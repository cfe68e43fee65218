"""Recipes: everything a training run is made of, by name. A recipe is a function that returns one.

Change any value with `--set`: `--set epochs=20 --set model.backbone=resnet50`.
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from model.config import ModelConfig
from model.errors import ConfigError
from training.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training configuration; saved beside the weights it makes.

    Raises:
        RecipeError: a value is out of its bound.
    """

    name: str
    model: ModelConfig = field(default_factory=ModelConfig)
    pretrained: Literal["imagenet", "none"] = "imagenet"
    frozen_stages: int = 0
    """Leading CNN stages that keep their ImageNet weights, for time."""
    loss: Literal["cross-entropy", "infonce"] = "cross-entropy"
    metric_loss: Literal["none", "triplet", "kl", "contrastive", "verification"] = "none"
    """Added to cross-entropy (Table IX)."""
    auxiliary_cross_entropy: float = 0.0
    """Weight of a class layer's cross-entropy beside InfoNCE."""
    head_reduction: Literal["mean", "sum"] = "mean"
    """Cross-entropy over the heads: the authors' mean, or Eq. 6's sum."""
    label_smoothing: float = 0.0
    temperature: float = 0.07
    """InfoNCE's temperature at the start."""

    augmentation: Literal["paper", "strong"] = "paper"
    appearance: Literal["one-source", "two-sources"] = "one-source"
    """`two-sources` gives each view of a pair another picture's palette, a season, sun and
    compression of its own; goes with augmentation=strong."""
    palettes: int = 400
    """Pictures of the training data whose looks `two-sources` draws from."""
    bad_weather: float = 0.5
    """Share of drone views that `strong` puts in rain, snow, fog, wind, dusk or glare."""
    batch: int = 8
    """Satellite-drone pairs per step and rank."""
    repeats: int = 2
    """Multiple sampling: how often a place comes in a row, with fresh images each time."""
    joint_batch: bool = False
    """Both views in one forward pass, so that batch normalization sees them mixed."""
    flight_weight: int = 1
    """Times a place with flown images is drawn for each draw of a flat one, in distinct rounds."""
    hard_negatives: int = 0
    """Places in a row that look most alike to the network at each epoch's begin; 0: at random."""
    accumulate: int = 1
    """Batches whose gradients are added up before a step."""
    epochs: int = 120
    passes: int = 1
    """Times an epoch goes through the places."""

    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr_backbone: float = 0.003
    lr_localization: float = 0.0001
    lr_rest: float = 0.01
    weight_decay: float = 5e-4
    schedule: Literal["steps", "cosine"] = "steps"
    milestones: tuple[int, ...] = (70, 110)
    """Epochs after which every learning rate falls to a tenth."""
    warmup_epochs: float = 0.0
    max_grad_norm: float = 0.0
    """Clip the gradient to this norm; 0 leaves it."""
    ema_decay: float = 0.0
    """Weights that are exported follow the trained ones by this decay a step; 0 is off."""
    precision: Literal["mixed", "full"] = "mixed"
    """`mixed` is float16 on a GPU and bfloat16 on a CPU."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in _AT_LEAST.items():
            if getattr(self, name) < low:
                raise RecipeError(f"{name} = {getattr(self, name)}: must be at least {low}")
        for name, allowed in _choices().items():
            if getattr(self, name) not in allowed:
                words = " or ".join(allowed)
                raise RecipeError(f"{name} = {getattr(self, name)}: must be {words}")
        if self.appearance == "two-sources" and self.augmentation != "strong":
            raise RecipeError("appearance = two-sources: goes with augmentation=strong; set that")
        if self.bad_weather > 1.0:
            raise RecipeError(f"bad_weather = {self.bad_weather}: must be at most 1")
        if self.ema_decay >= 1.0:
            raise RecipeError(f"ema_decay = {self.ema_decay}: must be below 1")
        if self.loss == "infonce" and self.metric_loss != "none":
            raise RecipeError(
                f"metric_loss = {self.metric_loss}: goes with loss=cross-entropy; set that"
            )
        if self.loss == "cross-entropy" and self.auxiliary_cross_entropy:
            raise RecipeError(
                f"auxiliary_cross_entropy = {self.auxiliary_cross_entropy}: goes with loss=infonce"
            )
        if self.batch % self.repeats:
            raise RecipeError(f"batch = {self.batch}: must be a multiple of repeats {self.repeats}")
        if self.loss == "infonce" and self.repeats != 1:
            raise RecipeError(f"repeats = {self.repeats}: infonce needs distinct places; set 1")

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON-ready values."""
        return dataclasses.asdict(self)


def _choices() -> dict[str, tuple[str, ...]]:
    """Allowed words of every field that is a choice."""
    hints = get_type_hints(Recipe)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


_AT_LEAST: dict[str, float] = {
    "batch": 2,
    "repeats": 1,
    "frozen_stages": 0,
    "flight_weight": 1,
    "hard_negatives": 0,
    "accumulate": 1,
    "auxiliary_cross_entropy": 0.0,
    "palettes": 1,
    "bad_weather": 0.0,
    "ema_decay": 0.0,
    "epochs": 1,
    "passes": 1,
    "lr_backbone": 0.0,
    "lr_localization": 0.0,
    "lr_rest": 0.0,
    "weight_decay": 0.0,
    "warmup_epochs": 0.0,
    "max_grad_norm": 0.0,
    "temperature": 1e-3,
}


def paper() -> Recipe:
    """The paper's training, Sec. IV-B, as the authors' code has it; ViT-S."""
    return Recipe(name="paper")


def modern() -> Recipe:
    """Symmetric InfoNCE over distinct places, AdamW, cosine, strong warps; EfficientNet-Lite0.

    Source: Sample4Geo for the loss; the warps are ours, for imagery that was never flown. Of local
    features 32 find a point less on real imagery, 128 no more.
    """
    return Recipe(
        name="modern",
        model=ModelConfig(
            backbone="tf_efficientnet_lite0", normalisation="inception", local_dim=64
        ),
        loss="infonce",
        label_smoothing=0.1,
        augmentation="strong",
        batch=32,
        repeats=1,
        joint_batch=True,
        epochs=40,
        optimizer="adamw",
        lr_backbone=1e-3,
        lr_localization=1e-4,
        lr_rest=1e-3,
        weight_decay=0.01,
        schedule="cosine",
        milestones=(),
        warmup_epochs=0.5,
        max_grad_norm=5.0,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {"paper": paper, "modern": modern}


def recipe(name: str, changes: Iterable[str] = ()) -> Recipe:
    """A named recipe with `key=value` changes; `model.key=value` reaches into the network.

    Raises:
        RecipeError: no such recipe or key, or a value that its type or bound refuses.
    """
    if name not in RECIPES:
        raise RecipeError(f"recipe {name!r} is unknown; choose from {', '.join(RECIPES)}")
    chosen = RECIPES[name]()
    for change in changes:
        key, separator, value = change.partition("=")
        if not separator:
            raise RecipeError(f"--set {change!r}: write it as key=value")
        chosen = _changed(chosen, key, value)
    return chosen


def _changed(chosen: Recipe, key: str, value: str) -> Recipe:
    if key.startswith("model."):
        field_name = key.removeprefix("model.")
        typed = _typed(chosen.model, field_name, key, value)
        try:
            model = dataclasses.replace(chosen.model, **{field_name: typed})
        except ConfigError as error:
            raise RecipeError(f"--set {key}={value}: {error}") from error
        return dataclasses.replace(chosen, model=model)
    return dataclasses.replace(chosen, **{key: _typed(chosen, key, key, value)})


def _typed(owner: Recipe | ModelConfig, field_name: str, key: str, value: str) -> Any:
    """The text as the type of the field's present value."""
    if field_name not in {known.name for known in dataclasses.fields(owner)} - {"model"}:
        raise RecipeError(f"--set {key}: no such setting")
    present = getattr(owner, field_name)
    try:
        if isinstance(present, bool):
            return {"true": True, "false": False}[value.lower()]
        if isinstance(present, tuple):
            return tuple(int(part) for part in value.split(",") if part)
        return type(present)(value)
    except (KeyError, ValueError) as error:
        kind = type(present).__name__
        raise RecipeError(f"--set {key}={value}: not a {kind}") from error
