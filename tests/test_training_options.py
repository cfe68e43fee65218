"""Gradient accumulation, averaging, added losses, two processes, a full disk, a lost image."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from evaluation_samples import save

from model.checkpoint import load_checkpoint
from training.data.training_data import training_places
from training.errors import DataError
from training.learning.loading import PairBatch
from training.learning.loop import RunOptions, start, train
from training.learning.recipe import Recipe
from training.learning.recipes import recipe

TINY = [
    "model.backbone=test_efficientnet",
    "model.input_size=128",
    "model.embedding_dim=16",
    "pretrained=none",
    "precision=full",
]


def tiny(name: str, *changes: str) -> Recipe:
    return recipe(name, [*TINY, "batch=4", "epochs=1", *changes])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight places to train on, two drone views each."""
    root = tmp_path_factory.mktemp("data")
    for place in range(8):
        save(root / f"train/satellite/{place:04d}/a.jpg", place)
        for view in range(2):
            save(root / f"train/drone/{place:04d}/{view}.jpg", place, view)
    return root


@pytest.mark.parametrize("loss", ["triplet", "kl", "contrastive", "verification"])
def test_every_loss_of_table_nine_trains(data: Path, tmp_path: Path, loss: str) -> None:
    options = RunOptions(out=tmp_path, workers=0)
    train(tiny("paper", f"metric_loss={loss}"), training_places(data), options)
    plain = RunOptions(out=tmp_path / "plain", workers=0)
    train(tiny("paper"), training_places(data), plain)
    losses = [json.loads((out / "log.jsonl").read_text())["loss"] for out in (tmp_path, plain.out)]
    assert losses[0] != losses[1]


def test_accumulation_moves_the_weights_every_nth_batch(data: Path, tmp_path: Path) -> None:
    run = start(
        tiny("paper", "accumulate=2"), training_places(data), RunOptions(out=tmp_path, workers=0)
    )
    weight = run.learner.network.global_head.linear.weight
    before = weight.detach().clone()
    pixels = torch.randint(0, 255, (4, 3, 128, 128), dtype=torch.uint8)
    batch = PairBatch(pixels, pixels, torch.tensor([0, 0, 1, 1]), torch.zeros(4, dtype=torch.bool))
    run.module.train()
    run._step(batch, torch.Generator(), last=False)
    first = weight.grad.clone()
    torch.testing.assert_close(weight.detach(), before, atol=0, rtol=0)
    run._step(batch, torch.Generator(), last=True)
    assert (weight.detach() - before).abs().max() > 0
    assert weight.grad is None
    assert first.abs().max() > 0
    assert run.scheduler.last_epoch == 1


def test_an_epoch_of_accumulated_batches_steps_half_as_often(data: Path, tmp_path: Path) -> None:
    run = start(
        tiny("paper", "accumulate=2"), training_places(data), RunOptions(out=tmp_path, workers=0)
    )
    run.epochs()
    assert run.scheduler.last_epoch == 2
    assert json.loads((tmp_path / "log.jsonl").read_text())["pairs"] == 16


def test_averaged_weights_are_exported_and_survive_a_resume(data: Path, tmp_path: Path) -> None:
    places = training_places(data)
    changes = ("ema_decay=0.9", "auxiliary_cross_entropy=0.5", "epochs=2", "head_whitening=none")
    for out in ("averaged", "again"):
        train(tiny("modern", *changes), places, RunOptions(out=tmp_path / out, workers=0))
    run = start(
        tiny("modern", *changes), places, RunOptions(out=tmp_path / "again", resume=True, workers=0)
    )
    raw = run.learner.network.state_dict()
    run.export()
    first, again = (
        load_checkpoint(tmp_path / out / "weights.safetensors").state
        for out in ("averaged", "again")
    )
    key = "global_head.linear.weight"
    assert torch.equal(first[key], again[key])
    assert torch.equal(raw[key], run.average.state[key])


def test_a_run_from_before_a_setting_existed_goes_on(data: Path, tmp_path: Path) -> None:
    places, out = training_places(data), RunOptions(out=tmp_path, workers=0)
    train(tiny("paper"), places, out)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    old = json.loads(state["recipe"])
    del old["ema_decay"], old["metric_loss"]
    torch.save({**state, "recipe": json.dumps(old)}, tmp_path / "last.ckpt")
    resumed = start(tiny("paper"), places, RunOptions(out=tmp_path, resume=True, workers=0))
    assert resumed.first_epoch == 1


RANK = """
import json, os, sys
from pathlib import Path
from training.learning.loop import RunOptions, start
from training.data.training_data import training_places
from training.learning.recipes import recipe

class Seen(list):
    touched = set()
    def __getitem__(self, index):
        self.touched.add(index)
        return super().__getitem__(index)

data, out, *changes = sys.argv[1:]
places = Seen(training_places(Path(data)))
run = start(recipe("paper", changes), places, RunOptions(out=Path(out) / "run", workers=0))
places.touched.clear()
run.epochs()
run.export()
weights = {k: v.double().sum().item() for k, v in run.learner.named_parameters()}
facts = {"touched": sorted(places.touched), "weights": weights}
(Path(out) / f"rank{os.environ['RANK']}.json").write_text(json.dumps(facts))
"""


def test_two_processes_see_disjoint_places_and_end_with_equal_weights(
    data: Path, tmp_path: Path
) -> None:
    script = tmp_path / "rank.py"
    script.write_text(RANK)
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = [str(script), str(data), str(tmp_path), *TINY, "batch=4", "epochs=1"]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    assert len(first["touched"]) == len(second["touched"]) == 4
    assert set(first["touched"]) & set(second["touched"]) == set()
    assert first["weights"] == second["weights"]
    assert (tmp_path / "run" / "weights.safetensors").is_file()


LIMITED = """
import resource, sys
from training.commands.train import train_app
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
train_app()
"""


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(data: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: writes fail midway just so."""
    out = tmp_path / "run"
    changes = [f"--set={change}" for change in (*TINY, "batch=4")]
    arguments = [str(data), "--out", str(out), "--workers=0", *changes]
    train(tiny("paper", "epochs=2"), training_places(data), RunOptions(out=out, workers=0))
    state = torch.load(out / "last.ckpt", weights_only=True)
    torch.save({**state, "epochs_done": 1}, out / "last.ckpt")
    before = (out / "last.ckpt").read_bytes()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            LIMITED,
            str(len(before) // 2),
            *arguments,
            "--set=epochs=2",
            "--resume",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parent.parent,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error:")
    assert "last.ckpt cannot be written" in last
    assert "Traceback" not in done.stderr
    assert (out / "last.ckpt").read_bytes() == before
    assert not list(out.glob("*.partial"))


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_vanishes_is_named_in_one_line(
    data: Path, tmp_path: Path, workers: int
) -> None:
    for place in range(4):
        save(tmp_path / f"train/satellite/{place:04d}/a.jpg", place)
        save(tmp_path / f"train/drone/{place:04d}/a.jpg", place)
    places = training_places(tmp_path)
    places[2].drone[0].unlink()
    options = RunOptions(out=tmp_path / "run", workers=workers)
    with pytest.raises(DataError) as caught:
        train(tiny("paper"), places, options)
    assert "0002/a.jpg" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
