"""Recipes by name, and changes of their settings.

Change any value with `--set`: `--set epochs=20 --set model.backbone=resnet50`.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from model.config import ModelConfig
from model.errors import ConfigError
from training.errors import RecipeError
from training.learning.recipe import (
    Images,
    Objective,
    Optimization,
    Recipe,
    Sampling,
    Settings,
)


def paper() -> Recipe:
    """Return the paper's training, Sec. IV-B, as in the authors' code; ViT-S."""
    return Recipe(name="paper")


def modern() -> Recipe:
    """Return symmetric InfoNCE, AdamW, cosine schedule and strong warps; EfficientNet-Lite0.

    Source: Sample4Geo for the loss. The warps are our choice, for imagery that was never flown. Of
    local features, 32 find a point less on real imagery and 128 no more.
    """
    return Recipe(
        name="modern",
        model=ModelConfig(
            backbone="tf_efficientnet_lite0", normalisation="inception", local_dim=64
        ),
        objective=Objective(loss="infonce", label_smoothing=0.1, head_whitening="pairs"),
        images=Images(augmentation="strong"),
        sampling=Sampling(batch=32, repeats=1, joint_batch=True),
        optimization=Optimization(
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
        ),
    )


_TOP, _MODEL_PREFIX = "", "model."
RECIPES: dict[str, Callable[[], Recipe]] = {"paper": paper, "modern": modern}


def recipe(name: str, changes: Iterable[str] = ()) -> Recipe:
    """Return a named recipe with `key=value` changes; `model.key=value` changes the network.

    All changes are made before settings are checked against each other, so their order is free.

    Raises:
        RecipeError: the recipe or a key is unknown, or a value has another type or is refused.
    """
    if name not in RECIPES:
        raise RecipeError(f"recipe {name!r} is unknown; choose from {', '.join(RECIPES)}")
    return _with_changes(RECIPES[name](), changes)


def _with_changes(chosen: Recipe, changes: Iterable[str]) -> Recipe:
    replaced: dict[str, dict[str, Any]] = {}
    for change in changes:
        key, separator, text = change.partition("=")
        if not separator:
            raise RecipeError(f"--set {change!r}: write it as key=value")
        group, setting = _home(chosen, key)
        owner = chosen if group == _TOP else getattr(chosen, group)
        replaced.setdefault(group, {})[setting] = _parsed(getattr(owner, setting), key, text)
    top = replaced.pop(_TOP, {})
    try:
        groups = {
            group: dataclasses.replace(getattr(chosen, group), **values)
            for group, values in replaced.items()
        }
    except ConfigError as error:
        raise RecipeError(f"--set model.{error}") from error
    return dataclasses.replace(chosen, **top, **groups)


def _home(chosen: Recipe, key: str) -> tuple[str, str]:
    """Return the group that holds a setting, and the setting's name in it."""
    setting = key.removeprefix(_MODEL_PREFIX)
    groups = {
        field.name: getattr(chosen, field.name)
        for field in dataclasses.fields(chosen)
        if isinstance(getattr(chosen, field.name), Settings)
    }
    if setting != key:
        groups = {"model": chosen.model}
    elif key in ("name", "seed"):
        return _TOP, key
    for group, values in groups.items():
        if setting in {field.name for field in dataclasses.fields(values)}:
            return group, setting
    raise RecipeError(f"--set {key}: no such setting")


def _parsed(present: Any, key: str, text: str) -> Any:
    """Return the text as a value of the type that the setting has at present."""
    try:
        if isinstance(present, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(present, tuple):
            return tuple(int(part) for part in text.split(",") if part)
        return type(present)(text)
    except (KeyError, ValueError) as error:
        raise RecipeError(f"--set {key}={text}: not a {type(present).__name__}") from error
