"""Everything that needs a GPU, in one run of at most 8 minutes: figures and checks into gpu.json.

Usage: python gpu_check.py [--rehearse] [--out FILE]. `--rehearse` runs the same code with small
sizes on the CPU, so that a machine without a GPU can test it. Exit status 1: a check failed, or
could not run; its reason stands in the file.
"""

import argparse
import json
import platform
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from figure import CannotRun, Figure
from gpu_parts import (
    Sizes,
    check_descriptors,
    check_index,
    check_reloads,
    measure_build,
    measure_embedding,
    measure_training,
)

from indexer.gallery.vectors import faiss, gpus

ROOT = Path(__file__).resolve().parent.parent
BUDGET_S = 420.0
"""No further part begins after so many seconds; the slowest takes less than the minute left."""

FULL = Sizes(
    images=4_096,
    batch=256,
    matmul=8_192,
    compared=500,
    built=1_024,
    rows=200_000,
    queries=500,
    reloads=20,
    steps=20,
)
SMALL = Sizes(
    images=8,
    batch=4,
    matmul=256,
    compared=8,
    built=8,
    rows=2_000,
    queries=20,
    reloads=3,
    steps=1,
    training=("model.backbone=test_efficientnet",),
)


@dataclass
class Report:
    """What gpu.json will hold."""

    figures: dict[str, Figure] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)
    """By part: `passed`, or why it failed or could not run."""

    def add(self, name: str, part: Callable[[], dict[str, Figure]]) -> None:
        """Run a part; whatever stops it is noted and does not stop the others."""
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            self.figures |= part()
        except (AssertionError, CannotRun) as reason:
            self.checks[name] = str(reason)
        except Exception as error:  # one part must not cost the rented machine's other figures
            traceback.print_exc()
            self.checks[name] = f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            self.checks[name] = "passed"


def machine(device: torch.device) -> dict[str, str]:
    """Return what the figures were measured on."""
    on_gpu = device.type == "cuda"
    return {
        "gpu": torch.cuda.get_device_name(device) if on_gpu else "none: a rehearsal on the CPU",
        "torch": torch.__version__,
        "cuda": str(torch.version.cuda),
        "faiss": f"{faiss.__version__}, {gpus()} GPUs",
        "python": platform.python_version(),
    }


def run(device: torch.device, sizes: Sizes) -> Report:
    """Run every part, while there is time."""
    parts: dict[str, Callable[[torch.device, Sizes], dict[str, Figure]]] = {
        "embedding": measure_embedding,
        "descriptors": check_descriptors,
        "build": measure_build,
        "index": check_index,
        "reloads": check_reloads,
        "training": measure_training,
    }
    report, ends = Report(), time.monotonic() + BUDGET_S
    for name, part in parts.items():
        if time.monotonic() > ends:
            report.checks[name] = f"not begun: {BUDGET_S:.0f} s were over"
        else:
            report.add(name, lambda part=part: part(device, sizes))  # type: ignore[misc]
    return report


def main() -> int:
    """Run what the command line asks for and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="small sizes, on the CPU")
    parser.add_argument("--out", type=Path, default=ROOT / "gpu.json")
    options = parser.parse_args()
    if not options.rehearse and not torch.cuda.is_available():
        print(
            f"error: torch {torch.__version__} finds no NVIDIA GPU here; run this on a machine "
            "with one (pip install '.[gpu,training]'), or try the code with --rehearse",
            file=sys.stderr,
        )
        return 1
    device = torch.device("cpu" if options.rehearse else "cuda")
    report = run(device, SMALL if options.rehearse else FULL)
    result = {
        "machine": machine(device),
        "checks": report.checks,
        "figures": {key: figure.as_json() for key, figure in sorted(report.figures.items())},
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0 if set(report.checks.values()) == {"passed"} else 1


if __name__ == "__main__":
    sys.exit(main())
