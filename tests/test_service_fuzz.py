"""Every route of the OpenAPI document, fuzzed: no 5xx, every answer in its schema."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from conftest import ColourEmbedder
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from service_live import encoded, picture, serving, settings_of

from service.app import create_app
from service.middleware.api_keys import key_digest, new_key
from service.settings import Settings

EXAMPLES = 25
"""Generated requests per route; raise it for a longer search."""

KEY = new_key()
REACHED: dict[str, set[int]] = defaultdict(set)
"""Statuses that requests about existing things got, by path."""

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
)


@pytest.fixture(scope="module")
def running(store: Path) -> Iterator[httpx.Client]:
    chosen = settings_of(store, api_keys=f"fuzz=sha256:{key_digest(KEY)}")
    with serving(create_app(chosen, ColourEmbedder()), chosen) as client:
        yield client


schema = schemathesis.openapi.from_dict(create_app(Settings(), ColourEmbedder()).openapi())


generated = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@schema.parametrize()
@generated
def test_every_answer_fits_the_document(case: schemathesis.Case, running: httpx.Client) -> None:
    case.call_and_validate(
        base_url=str(running.base_url), checks=list(CHECKS), headers={"X-API-Key": KEY}
    )


@schema.include(path_regex="galleries/|localize|navigate").parametrize()
@generated
def test_every_answer_about_what_is_there_fits_the_document(
    case: schemathesis.Case, running: httpx.Client
) -> None:
    """As above, with names that exist and an image that decodes, so that 200 is reached."""
    known = {"name": "map", "image_id": "satellite-001", "zoom": 15, "x": 17657, "y": 11109}
    case.path_parameters.update({k: v for k, v in known.items() if k in case.path_parameters})
    if case.method == "POST":
        case.media_type = "multipart/form-data"
        case.body = {"image": [encoded(picture(1))]}
        case.query.pop("gallery", None)
        case.query.pop("explain", None)
    response = case.call_and_validate(
        base_url=str(running.base_url), checks=list(CHECKS), headers={"X-API-Key": KEY}
    )
    REACHED[case.operation.path].add(response.status_code)


def test_fuzzing_reached_real_answers() -> None:
    assert len(REACHED) == 10
    for path, statuses in REACHED.items():
        assert statuses & {200, 204}, path


def test_service_lives_after_the_fuzzing(running: httpx.Client) -> None:
    assert running.get("/readyz").json() == {"status": "ready"}
