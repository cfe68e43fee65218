"""What the README shows can be done: commands, flags, files, imports, requests."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_the_file_tree_is_the_tree() -> None:
    (tree,) = (text for kind, text in BLOCKS if kind == "" and text.startswith("model/"))
    folder = Path()
    for line in tree.splitlines():
        name = line.split()[0]
        if not line.startswith(" "):
            folder = Path(name)
            assert (ROOT / folder).is_dir(), name
        else:
            assert (ROOT / folder / name).exists(), f"{folder}/{name}"


def test_the_answer_shown_has_the_fields_that_the_service_gives() -> None:
    from service.schemas.answers import AnswerBody, EstimateBody
    from service.schemas.images import MatchBody

    (shown,) = (json.loads(text) for kind, text in BLOCKS if kind == "json")
    assert set(shown) <= set(AnswerBody.model_fields)
    assert set(shown["estimate"]) == set(EstimateBody.model_fields)
    EstimateBody.model_validate(shown["estimate"])
    for match in shown["matches"]:
        assert set(match) == set(MatchBody.model_fields)
        MatchBody.model_validate(match)
