"""`make gpu-check` runs on the CPU in small, and refuses a machine without a GPU in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "gpu_check.py"


def gpu_check(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=SCRIPT.parent.parent,
    )


def test_a_rehearsal_on_the_cpu_passes_every_check_and_writes_every_figure(tmp_path: Path) -> None:
    result = gpu_check("--rehearse", "--out", str(tmp_path / "gpu.json"))
    assert result.returncode == 0, result.stderr
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert set(written["checks"].values()) == {"passed"}
    assert {
        "gpu_embed_bf16_images_per_s",
        "gpu_embed_bf16_share_of_matmul",
        "gpu_cpu_least_cosine",
        "gpu_index_build_images_per_s",
        "gpu_search_flat_share_of_cpu_matches",
        "gpu_search_ivf_sq8_share_of_cpu_matches",
        "gpu_reload_growth_mb",
        "gpu_train_step_fam_fpm_over_baseline",
    } <= written["figures"].keys()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_machine_without_a_gpu_is_refused_in_one_line(tmp_path: Path) -> None:
    result = gpu_check("--out", str(tmp_path / "gpu.json"))
    assert result.returncode == 1
    assert result.stderr.startswith("error: torch")
    assert "finds no NVIDIA GPU here" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "gpu.json").exists()
