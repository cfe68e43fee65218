"""What the Kubernetes manifests name exists: settings, routes, ports and metrics."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ColourEmbedder

from indexer.gallery.milvus.address import TOKEN_VARIABLE, MilvusAddress
from service.app import create_app
from service.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docker" / "kubernetes" / "service.yaml"


@pytest.fixture(scope="module")
def manifests() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all(FILE.read_text())}


@pytest.fixture(scope="module")
def container(manifests: dict[str, Any]) -> dict[str, Any]:
    (found,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_every_variable_is_a_setting_with_a_good_value(container: dict[str, Any]) -> None:
    given = {each["name"]: each.get("value", "") for each in container["env"]}
    assert given.pop(TOKEN_VARIABLE) == ""
    changes = {name.removeprefix(PREFIX).lower(): value for name, value in given.items()}
    settings = Settings(**changes)
    assert MilvusAddress.parse(str(settings.store)).database == "maps"


def test_every_manifest_fits_the_schema_of_its_kind(manifests: dict[str, Any]) -> None:
    validation = pytest.importorskip("kubernetes_validate")
    for each in manifests.values():
        validation.validate(each, "1.31", strict=True)


def test_the_probes_ask_routes_of_the_service(container: dict[str, Any], tmp_path: Path) -> None:
    app = create_app(Settings(store=tmp_path), ColourEmbedder())
    routes = app.openapi()["paths"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in routes
        assert container[probe]["httpGet"]["port"] == container["ports"][0]["name"]
    assert "/metrics" in routes


def test_a_stopping_pod_has_time_for_its_questions(manifests: dict[str, Any]) -> None:
    spec = manifests["Deployment"]["spec"]["template"]["spec"]
    env = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
    default = Settings.model_fields["shutdown_s"].default
    assert spec["terminationGracePeriodSeconds"] >= float(env["SAFENET_DRAIN_S"]) + default


def test_the_parts_belong_to_one_another(manifests: dict[str, Any]) -> None:
    labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert manifests["Service"]["spec"]["selector"] == labels
    assert manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    target = manifests["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert target["name"] == manifests["Deployment"]["metadata"]["name"]
    (metric,) = manifests["HorizontalPodAutoscaler"]["spec"]["metrics"]
    source = (ROOT / "service" / "telemetry" / "metrics.py").read_text()
    assert f'"{metric["pods"]["metric"]["name"]}"' in source
