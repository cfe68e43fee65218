"""The settings, read once from SAFENET_* variables; docs/settings.md explains them."""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.errors import SettingsError

PREFIX = "SAFENET_"

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Settings(BaseSettings):
    """The service's configuration; units are in the names."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    store: Path = Field(
        Path("var/galleries"),
        description="Folder that holds the galleries, or milvus://HOST:PORT/DATABASE.",
    )
    weights: Path | None = Field(
        None,
        description="Weights (.safetensors with its .json beside it); unset: the shipped ones.",
    )
    matcher: Literal["auto", "xfeat", "none", "aliked-lightglue", "disk-lightglue"] = Field(
        "auto", description="What compares the best matches closely; none: nothing does."
    )
    device: str = Field("auto", description="Where the model runs: auto, cpu, cuda or cuda:N.")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="Arithmetic of the model on a CPU: fp32, or bf16 where it has it."
    )
    localize_gallery: str | None = Field(
        None, description="Satellite gallery that /localize searches when a request names none."
    )
    navigate_gallery: str | None = Field(
        None, description="Drone gallery that /navigate searches when a request names none."
    )
    watch_s: float = Field(
        2.0,
        ge=0,
        le=3600,
        description="Seconds between checks for newly published galleries; 0: never.",
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0: any free one.")
    allowed_hosts: str = Field(
        "",
        description="Comma-separated host names that are answered beside this machine's own, `*` "
        "for all; empty: on loopback only its own, elsewhere all.",
    )
    trusted_proxies: str = Field(
        "",
        description="Comma-separated addresses of proxies whose X-Forwarded-For names the client.",
    )
    base_map_url: str = Field(
        "",
        description="Template of a base map that the page offers, https://HOST/{z}/{x}/{y}.png; "
        "empty: none, and the page loads nothing from elsewhere.",
    )
    base_map_credit: str = Field(
        "", max_length=200, description="Whom the page names as the source of that base map."
    )
    cors_origins: str = Field(
        "", description="Comma-separated origins whose pages may call the service; empty: none."
    )
    api_keys: str = Field(
        "",
        description="Comma-separated NAME[:read|:admin][@LAST-DAY]=sha256:HEX; see "
        "`safenet-serve new-key`.",
    )
    keys: Literal["auto", "required", "off"] = Field(
        "auto", description="auto: keys are required unless none is set and the host is loopback."
    )
    rate_per_minute: int = Field(
        0,
        ge=0,
        description="Questions of one key, or of one address without keys, per minute; "
        "0: unlimited.",
    )
    map_rate_per_minute: int = Field(
        0,
        ge=0,
        description="Map tiles, footprints and layer documents, counted likewise; 0: unlimited.",
    )
    redis_url: str = Field(
        "",
        description="redis://HOST:PORT/NUMBER in which several services count these rates together "
        "(extra `scale`); empty: each counts for itself.",
    )

    max_head_kib: int = Field(
        32, ge=1, le=1024, description="Largest request head (request line and headers), KiB."
    )
    head_s: float = Field(
        10.0, gt=0, le=600, description="Longest time for a request head to arrive, s."
    )
    max_connections: int = Field(
        512, ge=1, le=100_000, description="Most open connections; idle ones make room."
    )
    max_connections_per_address: int = Field(
        256, ge=1, le=100_000, description="Most open connections of one client address."
    )
    max_body_mib: int = Field(64, ge=1, le=4096, description="Largest request body, MiB.")
    max_map_mib: int = Field(
        4096, ge=1, description="Largest map that may be uploaded to build a gallery, MiB."
    )
    max_pending_mib: int = Field(
        512, ge=1, description="Upload bytes held in memory by all requests together, MiB."
    )
    max_megapixels: float = Field(
        100.0, gt=0, le=1000, description="Largest image, megapixels; checked before decoding."
    )
    max_decode_mib: int = Field(
        2048,
        ge=16,
        description="Memory of images being decoded, MiB; others wait, larger ones are refused.",
    )
    min_side_px: int = Field(16, ge=1, le=1024, description="Smallest accepted image side, px.")
    max_views: int = Field(54, ge=1, le=54, description="Most images in one question.")
    max_top_k: int = Field(100, ge=1, le=100, description="Largest top_k that a request may set.")
    image_gps_radius_m: float = Field(
        1000.0, gt=0, description="Prior radius around an image's own GPS when none is given, m."
    )

    max_requests: int = Field(128, ge=1, description="Questions in progress; more get 429.")
    queue_images: int = Field(256, ge=1, description="Images waiting or running; more get 429.")
    max_batch: int = Field(16, ge=1, le=1024, description="Most images per run of the model.")
    max_wait_ms: float = Field(
        8.0, ge=0, le=1000, description="Longest wait for images still being decoded, ms."
    )
    model_threads: int = Field(
        0, ge=0, le=256, description="CPU threads of one run of the model; 0: one for each core."
    )
    decode_threads: int = Field(2, ge=1, le=64, description="Threads that decode images.")
    search_threads: int = Field(2, ge=1, le=64, description="Threads that search galleries.")
    deadline_s: float = Field(
        30.0, gt=0, le=3600, description="Longest time from a full body to its answer, s."
    )
    upload_s: float = Field(
        30.0, gt=0, le=3600, description="Longest time for a body to arrive, s."
    )
    listen_when_ready: bool = Field(
        False,
        description="Accept no connection before the model and the galleries are loaded; for a "
        "balancer that does not ask /readyz.",
    )
    drain_s: float = Field(
        0.0, ge=0, le=600, description="Seconds to go on serving, not ready, after SIGTERM."
    )
    shutdown_s: int = Field(
        60, ge=1, le=3600, description="Longest wait at shutdown for running requests, s."
    )
    explanations_kept: int = Field(
        16, ge=0, le=1000, description="Number of questions whose explanations are kept; 0: none."
    )

    max_tracks: int = Field(64, ge=1, le=10_000, description="Most open tracks.")
    track_frames: int = Field(20_000, ge=1, le=100_000, description="Most frames of one track.")
    track_idle_s: float = Field(
        900.0, gt=0, le=86_400, description="Seconds after its last use that a track is dropped."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line that is written."
    )
    log_format: Literal["json", "text"] = Field(
        "json", description="One JSON object per line, or text."
    )
    telemetry: bool = Field(
        False,
        description="Send OpenTelemetry traces (extra `telemetry`; OTEL_* set the receiver).",
    )

    @field_validator("host")
    @classmethod
    def _host_is_bare(cls, host: str) -> str:
        if not host or "/" in host:
            raise ValueError("must be an address such as 127.0.0.1, without scheme or path")
        return host

    @field_validator("redis_url")
    @classmethod
    def _redis_is_named(cls, url: str) -> str:
        if url and not re.match(r"(redis|rediss)://.|unix:///.", url):
            raise ValueError("must be redis://, rediss:// or unix:// and a place")
        return url

    @field_validator("base_map_url")
    @classmethod
    def _base_map_is_a_template(cls, url: str) -> str:
        if url and not (
            re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d+)?/[^\s;,'\"]*", url)
            and all(part in url for part in ("{z}", "{x}", "{y}"))
        ):
            raise ValueError("must be http(s)://HOST/... with {z}, {x} and {y}")
        return url

    @property
    def base_map_origin(self) -> str:
        """Scheme and host of the base map; empty without one."""
        return "/".join(self.base_map_url.split("/")[:3])

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def answered_hosts(self) -> frozenset[str]:
        """Host names that are answered; empty: all."""
        named = frozenset(part.strip().lower() for part in self.allowed_hosts.split(",")) - {""}
        if "*" in named or (not named and not self.is_loopback):
            return frozenset()
        return named | LOOPBACK_NAMES

    @property
    def keys_required(self) -> bool:
        """Whether a request needs a key."""
        if self.keys == "auto":
            return bool(self.api_keys) or not self.is_loopback
        return self.keys == "required"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment.

    Args:
        environment: variables to read; None: those of the process.

    Raises:
        SettingsError: a SAFENET_* variable is unknown, or its value is out of its bound.
    """
    variables = os.environ if environment is None else environment
    chosen = {
        name[len(PREFIX) :].lower(): value
        for name, value in variables.items()
        if name.upper().startswith(PREFIX)
    }
    for name in chosen:
        if name not in Settings.model_fields:
            raise SettingsError(_unknown(name))
    try:
        return Settings(**{name: value for name, value in chosen.items() if value != ""})  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_explained(error)) from error


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0.5)
    hint = f"did you mean {PREFIX}{near[0].upper()}?" if near else "docs/settings.md lists all"
    return f"{PREFIX}{name.upper()} is not a setting; {hint}"


def _explained(error: ValidationError) -> str:
    first = error.errors()[0]
    name = PREFIX + str(first["loc"][0]).upper()
    value = "its value" if "KEY" in name or "REDIS" in name else repr(first["input"])
    return f"{name}: {value} is refused: {first['msg']}; see docs/settings.md"
