"""What a figure was measured with; goes beside every figure that is kept."""

from typing import Any

from training.evaluation.describing import Describer
from training.evaluation.evaluation import Rules
from training.learning.loop import git_commit


def facts_of(describer: Describer, rules: Rules) -> dict[str, Any]:
    """Protocol, weights and source commit, JSON-ready."""
    return {
        "protocol": rules.protocol,
        "multi_query": rules.multi_query,
        "verified": rules.verify and describer.config.local_dim > 0,
        "weights": describer.name,
        "sha256": describer.sha256,
        "gallery_turns": describer.config.gallery_turns,
        "query_turns": describer.config.query_turns,
        "turn_zoom": describer.config.turn_zoom,
        "input_size": describer.config.input_size,
        "commit": git_commit(),
    }
