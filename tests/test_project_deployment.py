"""What the container files name exists: paths, commands, settings, ports, routes and volumes."""

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.app import create_app
from service.settings import PREFIX, Settings, read_settings

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
SCALE = yaml.safe_load((ROOT / "docker" / "compose.scale.yml").read_text())["services"]
DOCKERFILES = sorted((ROOT / "docker").glob("Dockerfile.*"))
FAISS = {"cpu": "faiss-cpu", "gpu": "faiss-gpu-cu12"}
PROMETHEUS = yaml.safe_load((ROOT / "docker" / "prometheus.yml").read_text())


@pytest.fixture(params=DOCKERFILES, ids=lambda path: path.name)
def dockerfile(request: pytest.FixtureRequest) -> Path:
    file: Path = request.param
    return file


def instructions(dockerfile: Path, keyword: str) -> list[str]:
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    joined = text.replace("\\\n", " ")
    return re.findall(rf"^{keyword} +(.*)$", joined, flags=re.MULTILINE)


def settings_in(text: str) -> set[str]:
    return set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", text))


def commands() -> set[str]:
    return set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"])


def copied_from_the_context(dockerfile: Path) -> list[str]:
    copies = [line for line in instructions(dockerfile, "COPY") if not line.startswith("--from")]
    return [source for line in copies for source in line.split()[:-1]]


def test_every_copied_path_exists_and_reaches_the_build(dockerfile: Path) -> None:
    let_through = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    for source in copied_from_the_context(dockerfile):
        assert (ROOT / source).exists()
        assert any(fnmatch.fnmatch(source, pattern) for pattern in let_through), source


def test_every_package_is_copied(dockerfile: Path) -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    tops = {name.partition(".")[0] for name in tool["setuptools"]["packages"]}
    assert tops <= set(copied_from_the_context(dockerfile))


def test_the_started_command_is_ours(dockerfile: Path) -> None:
    assert json.loads(instructions(dockerfile, "CMD")[-1])[0] in commands()


def test_every_setting_is_one_that_the_service_knows(dockerfile: Path) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for file in (dockerfile, ROOT / "docker-compose.yml", ROOT / "docker" / "prometheus.yml"):
        assert settings_in(file.read_text()) <= known


def test_one_port_runs_through_all_files(dockerfile: Path) -> None:
    port = instructions(dockerfile, "EXPOSE")[0]
    assert f"{PREFIX}PORT={port}" in instructions(dockerfile, "ENV")[-1]
    assert "os.environ['SAFENET_PORT'] + '/healthz'" in instructions(dockerfile, "HEALTHCHECK")[0]
    for name in ("service", "service-gpu"):
        assert [mapping.rpartition(":")[2] for mapping in SERVICES[name]["ports"]] == [port]
    assert PROMETHEUS["scrape_configs"][0]["static_configs"][0]["targets"] == [f"service:{port}"]


def test_the_image_runs_as_a_numbered_user_without_root(dockerfile: Path) -> None:
    (user,) = instructions(dockerfile, "USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert f"useradd --uid {user.partition(':')[0]} " in dockerfile.read_text()


def test_volumes_are_mounted_where_the_image_keeps_its_data(dockerfile: Path) -> None:
    kept = json.loads(instructions(dockerfile, "VOLUME")[0])
    assert kept == ["/data/galleries", "/data/weights"]
    assert f"{PREFIX}STORE={kept[0]}" in instructions(dockerfile, "ENV")[-1]
    for name in ("service", "service-gpu", "indexer"):
        mounts = dict(mount.split(":", 2)[:2] for mount in SERVICES[name]["volumes"])
        assert [mounts["galleries"], mounts["weights"]] == kept
    assert set(COMPOSE["volumes"]) == {"galleries", "weights"}


def test_every_image_is_built_from_a_dockerfile_that_exists() -> None:
    for name, service in SERVICES.items():
        build = service["build"]
        assert (ROOT / build["context"] / build["dockerfile"]).is_file(), name


def test_health_and_scrape_paths_are_routes() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    assert {"/readyz", PROMETHEUS["scrape_configs"][0]["metrics_path"]} <= set(paths)


def test_a_bare_compose_up_starts_the_cpu_service_alone() -> None:
    chosen = re.findall(r"^COMPOSE_PROFILES=(.*)$", (ROOT / ".env").read_text(), re.MULTILINE)
    started = [name for name, each in SERVICES.items() if set(each["profiles"]) & set(chosen)]
    assert started == ["service"]
    assert [name for name, each in SERVICES.items() if "gpu" in each["profiles"]] == ["service-gpu"]


def test_base_images_can_be_named_by_their_digest() -> None:
    for file in [*DOCKERFILES, ROOT / "docker" / "proxy" / "Dockerfile"]:
        assert instructions(file, "ARG")[0] == "DEBIAN=debian:bookworm-slim"
        assert {line.split(" ")[0] for line in instructions(file, "FROM")} == {"${DEBIAN}"}
    for service in SERVICES.values():
        assert service["build"]["args"] == {"DEBIAN": "${DEBIAN:-debian:bookworm-slim}"}


@pytest.mark.parametrize("image", ["cpu", "gpu"])
def test_the_image_installs_known_files_only(image: str) -> None:
    text = (ROOT / "docker" / f"requirements-{image}.txt").read_text()
    entries = text.replace("\\\n", "").splitlines()
    locked = {entry.split("==")[0].lower(): entry for entry in entries if entry[:1] != "#"}
    pins = dict(
        line.lower().split("==") for line in (ROOT / "constraints.txt").read_text().splitlines()
    )
    for name, entry in locked.items():
        pin, *hashes = entry.split()
        assert pin.lower() == f"{name}=={pins[name]}"
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes)
    printed = subprocess.run(
        [sys.executable, "docker/wanted.py", image], cwd=ROOT, check=True, capture_output=True
    )
    wanted = {
        re.split(r"[<>=;\[ ]", each)[0].lower() for each in printed.stdout.decode().splitlines()
    }
    assert wanted <= {name.replace("_", "-") for name in locked}
    assert [name for name in locked if name.startswith("faiss")] == [FAISS[image]]
    first, *others = [
        line
        for line in instructions(ROOT / "docker" / f"Dockerfile.{image}", "RUN")
        if "pip install" in line
    ]
    assert "--require-hashes" in first
    assert all("--no-deps" in each or "--constraint" in each for each in others)


def test_only_the_proxy_faces_the_internet_and_keys_are_required_behind_it() -> None:
    exposed = [
        name
        for name, service in SERVICES.items()
        if any(
            not mapping.startswith("${PUBLISH:-127.0.0.1") for mapping in service.get("ports", [])
        )
    ]
    assert exposed == ["proxy"]
    behind, proxy = SERVICES["service-internet"], SERVICES["proxy"]
    # Docker would give all IPv6 clients one address, and with it the limits of one client.
    assert all(mapping.startswith("0.0.0.0:") for mapping in proxy["ports"])
    assert set(behind["profiles"]) == set(proxy["profiles"]) == {"internet"}
    assert behind["ports"] == []
    assert behind["environment"]["SAFENET_KEYS"] == "required"
    addresses = {
        name: SERVICES[name]["networks"]["behind-the-proxy"]["ipv4_address"]
        for name in ("service-internet", "proxy")
    }
    assert behind["environment"]["SAFENET_TRUSTED_PROXIES"] == addresses["proxy"]
    port = instructions(ROOT / "docker" / "Dockerfile.cpu", "EXPOSE")[0]
    assert proxy["environment"]["UPSTREAM"] == f"{addresses['service-internet']}:{port}"


def test_only_the_gpu_service_reserves_a_gpu() -> None:
    devices = SERVICES["service-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert "deploy" not in SERVICES["service"]


def test_the_indexer_job_runs_our_command() -> None:
    assert SERVICES["indexer"]["entrypoint"] == ["safenet-index"]
    assert "safenet-index" in commands()


def test_every_container_is_read_only_limited_and_without_privileges() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"mem_limit", "cpus", "pids_limit"} <= set(service), name


def test_settings_that_compose_leaves_empty_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICES["service"]["environment"].items():
        if value.endswith(":-}"):
            monkeypatch.setenv(name, "")
    settings = read_settings()
    assert settings.weights is None
    assert settings.api_keys == ""


def test_the_services_of_a_scaled_deployment_are_ours_behind_the_balancer() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    addresses = []
    for name in ("service-1", "service-2"):
        service = SCALE[name]
        named = {key for key in service["environment"] if key.startswith(PREFIX)}
        assert named <= known
        values = {key: service["environment"][key] for key in named}
        assert read_settings({**values, "SAFENET_API_KEYS": ""}).store.parts[0] == "milvus:"
        assert service["build"]["args"]["EXTRAS"] in extras()
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert "ports" not in service
        addresses.append(service["networks"]["behind-the-proxy"]["ipv4_address"])
    assert SCALE["balancer"]["environment"]["UPSTREAM"].split() == [f"{a}:8000" for a in addresses]
    assert [name for name, each in SCALE.items() if "ports" in each] == ["balancer"]
    assert SCALE["indexer-scale"]["entrypoint"] == ["safenet-index"]


def test_a_rolling_restart_behind_the_balancer_always_leaves_one_to_ask() -> None:
    """A service drains for longer than nginx leaves out the one that was restarted before."""
    (fail_timeout,) = re.findall(
        r"fail_timeout=(\d+)s", (ROOT / "docker/proxy/start.sh").read_text()
    )
    for name in ("service-1", "service-2"):
        environment = SCALE[name]["environment"]
        assert environment["SAFENET_LISTEN_WHEN_READY"] == "true"
        assert float(environment["SAFENET_DRAIN_S"]) > 2 * float(fail_timeout)


def extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return set(project["optional-dependencies"])


@pytest.mark.parametrize("profile", ["cpu", "gpu", "internet", "scale"])
def test_compose_accepts_the_files(profile: str) -> None:
    plugin = ["docker", "compose"]
    has_plugin = (
        shutil.which("docker")
        and not subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode
    )
    command = plugin if has_plugin else [shutil.which("docker-compose") or ""]
    if not command[0]:
        pytest.skip("neither docker compose nor docker-compose is installed")
    files = ["--file", "docker-compose.yml", "--file", "docker/compose.scale.yml"]
    done = subprocess.run(
        [*command, *files, "--profile", profile, "config", "--quiet"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
