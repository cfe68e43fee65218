"""Prometheus metrics of one running service; docs/service.md lists them."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from model.descriptor_model import DescriptorModel
from service.open_galleries import OpenGalleries

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Queue(Protocol):
    """The queue of images."""

    @property
    def depth(self) -> int:
        """Number of images admitted and not yet answered."""


class InProgress(Protocol):
    """The questions in progress."""

    requests: int
    bytes: int


class Metrics:
    """Counters of one app; several apps in one process do not share them."""

    def __init__(self) -> None:
        """Start every counter at zero."""
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "safenet_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "safenet_request_seconds",
            "Time from a request's head to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "safenet_stage_seconds",
            "Time of one stage of a question: decode, queue, embed or search.",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch_images = Histogram(
            "safenet_batch_images",
            "Images per run of the model.",
            buckets=_IMAGES,
            registry=self.registry,
        )
        self.answers = Counter(
            "safenet_answers",
            "Answers by status; no_match / all is the share without a match.",
            ["route", "status"],
            registry=self.registry,
        )
        self.gone = Counter(
            "safenet_clients_gone",
            "Questions dropped because the client left.",
            registry=self.registry,
        )

    def batch(self, images: int, seconds: float) -> None:
        """Count one run of the model."""
        self.batch_images.observe(images)

    def stages(self, **milliseconds: float) -> None:
        """Count the stages of one question, ms."""
        for stage, value in milliseconds.items():
            self.stage_seconds.labels(stage).observe(value / 1e3)

    def watch(
        self,
        worker: Queue,
        admission: InProgress,
        galleries: OpenGalleries,
        embedder: DescriptorModel,
    ) -> None:
        """Add the gauges that are read from the running parts at each scrape."""
        gauges = {
            "safenet_queue_images": ("Images admitted and not answered.", lambda: worker.depth),
            "safenet_questions": ("Questions in progress.", lambda: admission.requests),
            "safenet_upload_bytes": ("Upload bytes held.", lambda: admission.bytes),
        }
        for name, (text, value) in gauges.items():
            Gauge(name, text, registry=self.registry).set_function(value)
        self.registry.register(_Versions(galleries, embedder))

    def text(self) -> bytes:
        """Return all metrics in the Prometheus exposition format."""
        return generate_latest(self.registry)


class _Versions(Collector):
    """The galleries and weights in use; a replaced version leaves no series behind."""

    def __init__(self, galleries: OpenGalleries, embedder: DescriptorModel) -> None:
        self._galleries, self._embedder = galleries, embedder

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        sizes = GaugeMetricFamily(
            "safenet_gallery_images",
            "Images of a loaded gallery.",
            labels=["gallery", "view", "version"],
        )
        for name in sorted(self._galleries.names()):
            with self._galleries.lease(name) as gallery:
                sizes.add_metric([name, gallery.view, gallery.version], gallery.size)
        yield sizes
        yield GaugeMetricFamily(
            "safenet_galleries_refused", "Refused galleries.", value=len(self._galleries.refused)
        )
        model = GaugeMetricFamily("safenet_model_info", "The weights.", labels=["name", "sha256"])
        model.add_metric([self._embedder.name, self._embedder.sha256], 1)
        yield model
