"""Settings that a figure was measured with, saved with every figure."""

from typing import Any

from training.evaluation.embedding import ImageSetEmbedder
from training.evaluation.evaluation import Rules
from training.learning.loop import git_commit


def facts_of(embedder: ImageSetEmbedder, rules: Rules) -> dict[str, Any]:
    """Return protocol, weights and source commit as JSON values."""
    return {
        "protocol": rules.protocol,
        "multi_query": rules.multi_query,
        "verified": rules.verify and embedder.config.local_dim > 0,
        "matcher": embedder.matcher.name if rules.verify and embedder.matcher else "none",
        "weights": embedder.name,
        "sha256": embedder.sha256,
        "gallery_turns": embedder.config.gallery_turns,
        "query_turns": embedder.config.query_turns,
        "turn_zoom": embedder.config.turn_zoom,
        "runtime": embedder.runtime,
        "input_size": embedder.config.input_size,
        "commit": git_commit(),
    }
