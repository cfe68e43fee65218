"""The settings of a training run, in groups that check their own values.

A setting's name is unique over all groups: `--set batch=16` needs no group's name.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from model.config import ModelConfig
from training.errors import RecipeError


@dataclass(frozen=True)
class Bound:
    """Least and largest value of a setting; with `below`, the largest value is excluded."""

    least: float
    most: float = math.inf
    below: float = math.inf

    def refusal(self, value: float) -> str | None:
        """Return what a value must be, or None if it is within the bound."""
        if not value >= self.least:
            return f"must be at least {self.least:g}"
        if not value <= self.most:
            return f"must be at most {self.most:g}"
        return None if value < self.below else f"must be below {self.below:g}"


NotNegative = Annotated[float, Bound(0.0)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A group of settings: each is a choice, or a number with a bound.

    Raises:
        RecipeError: a value is not among the choices, or out of bounds.
    """

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            value = getattr(self, name)
            if get_origin(hint) is Literal and value not in get_args(hint):
                raise RecipeError(f"{name} = {value}: must be {' or '.join(get_args(hint))}")
            for bound in getattr(hint, "__metadata__", ()):
                refusal = bound.refusal(value)
                if refusal:
                    raise RecipeError(f"{name} = {value}: {refusal}")


@dataclass(frozen=True, kw_only=True)
class Start(Settings):
    """The weights that a run starts from."""

    pretrained: Literal["imagenet", "none"] = "imagenet"
    frozen_stages: Annotated[int, Bound(0)] = 0
    """Number of leading CNN stages that keep their ImageNet weights, which saves time."""


@dataclass(frozen=True, kw_only=True)
class Objective(Settings):
    """The loss."""

    loss: Literal["cross-entropy", "infonce"] = "cross-entropy"
    metric_loss: Literal["none", "triplet", "kl", "contrastive", "verification"] = "none"
    """Loss that is added to cross-entropy (Table IX)."""
    auxiliary_cross_entropy: NotNegative = 0.0
    """Weight of the cross-entropy of a class layer that is added to InfoNCE."""
    head_reduction: Literal["mean", "sum"] = "mean"
    """Cross-entropy over the heads: the authors' mean, or Eq. 6's sum."""
    label_smoothing: float = 0.0
    temperature: Annotated[float, Bound(1e-3)] = 0.07
    """InfoNCE's temperature at the start."""
    head_whitening: Literal["none", "pairs"] = "none"
    """`pairs`: at the end of a run, directions in which the views of one place differ count less
    (`training.learning.head_whitening`)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss == "infonce" and self.metric_loss != "none":
            raise RecipeError(
                f"metric_loss = {self.metric_loss}: goes with loss=cross-entropy; set that"
            )
        if self.loss == "cross-entropy" and self.auxiliary_cross_entropy:
            raise RecipeError(
                f"auxiliary_cross_entropy = {self.auxiliary_cross_entropy}: goes with loss=infonce"
            )


@dataclass(frozen=True, kw_only=True)
class Images(Settings):
    """Changes of the training images."""

    augmentation: Literal["paper", "strong"] = "paper"
    appearance: Literal["one-source", "two-sources"] = "one-source"
    """`two-sources` gives each view of a pair another image's palette, and a season, sun and
    compression of its own; goes with augmentation=strong."""
    one_source_pairs: Annotated[float, Bound(0.0, most=1.0)] = 0.0
    """Share of the pairs that `two-sources` leaves as they are."""
    palettes: Annotated[int, Bound(1)] = 400
    """Number of training images whose palettes `two-sources` draws from."""
    bad_weather: Annotated[float, Bound(0.0, most=1.0)] = 0.5
    """Share of drone views that `strong` puts in rain, snow, fog, wind, dusk or glare."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.appearance == "two-sources" and self.augmentation != "strong":
            raise RecipeError("appearance = two-sources: goes with augmentation=strong; set that")


@dataclass(frozen=True, kw_only=True)
class Sampling(Settings):
    """Which pairs make a batch and an epoch."""

    batch: Annotated[int, Bound(2)] = 8
    """Number of satellite-drone pairs per step and rank."""
    repeats: Annotated[int, Bound(1)] = 2
    """Multiple sampling: how often a place comes in a row, with new images each time."""
    joint_batch: bool = False
    """Both views in one forward pass, so that batch normalization mixes them."""
    flight_weight: Annotated[int, Bound(1)] = 1
    """How often a place with flown images is drawn for each draw of a flat one."""
    hard_negatives: Annotated[int, Bound(0)] = 0
    """Number of similar places in a row, by the network at the start of each epoch; 0: random."""
    passes: Annotated[int, Bound(1)] = 1
    """How often an epoch goes through the places."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch % self.repeats:
            raise RecipeError(f"batch = {self.batch}: must be a multiple of repeats {self.repeats}")


@dataclass(frozen=True, kw_only=True)
class Optimization(Settings):
    """Optimizer, schedule and length of a run."""

    epochs: Annotated[int, Bound(1)] = 120
    accumulate: Annotated[int, Bound(1)] = 1
    """Number of batches whose gradients are added up before a step."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr_backbone: NotNegative = 0.003
    lr_localization: NotNegative = 0.0001
    lr_rest: NotNegative = 0.01
    weight_decay: NotNegative = 5e-4
    schedule: Literal["steps", "cosine"] = "steps"
    milestones: tuple[int, ...] = (70, 110)
    """Epochs after which every learning rate falls to a tenth."""
    warmup_epochs: NotNegative = 0.0
    max_grad_norm: NotNegative = 0.0
    """The gradient is clipped to this norm; 0: not clipped."""
    ema_decay: Annotated[float, Bound(0.0, below=1.0)] = 0.0
    """Decay per step of the moving average of the weights that is exported; 0: no average."""
    precision: Literal["mixed", "full"] = "mixed"
    """`mixed` is float16 on a GPU and bfloat16 on a CPU."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All settings of a training run; saved with the weights.

    Raises:
        RecipeError: settings of two groups contradict each other.
    """

    name: str
    model: ModelConfig = field(default_factory=ModelConfig)
    start: Start = field(default_factory=Start)
    objective: Objective = field(default_factory=Objective)
    images: Images = field(default_factory=Images)
    sampling: Sampling = field(default_factory=Sampling)
    optimization: Optimization = field(default_factory=Optimization)
    seed: int = 0

    def __post_init__(self) -> None:
        repeats = self.sampling.repeats
        if self.objective.loss == "infonce" and repeats != 1:
            raise RecipeError(f"repeats = {repeats}: infonce needs distinct places; set 1")

    @property
    def pairs_per_update(self) -> int:
        """Number of pairs on one rank between two updates of the weights."""
        return self.sampling.batch * self.optimization.accumulate

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON values: all groups in one level, the model in its own."""
        flat: dict[str, Any] = {}
        for key, value in dataclasses.asdict(self).items():
            flat.update(value if isinstance(getattr(self, key), Settings) else {key: value})
        return flat
