"""Bad usage of any command is one line on standard error and exit code 2."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from indexer.commands.app import app as index_app
from training.commands.convert import app as convert_app
from training.commands.ship import app as shipping_app
from training.commands.train import eval_app, train_app
from training.world.cli import app as world_app


@pytest.mark.parametrize(
    ("app", "line", "what"),
    [
        (index_app, "info town --frob", "No such option: --frob; see: "),
        (world_app, "swim", "No such command 'swim'; see: "),
        (world_app, "render out --frob", "No such option: --frob; see: "),
        (world_app, "render out --size 5", "Invalid value for '--size': "),
        (world_app, "render out --preset sues-200 --views 3", "--views 3: sues-200 flies four"),
        (world_app, "render-map out --tiles 12", "'12': write COLUMNSxROWS"),
        (world_app, "drape map.tif", "Missing option '--out'; see: "),
        (world_app, "sheet out", "Missing argument 'out'; see: "),
        (train_app, "data", "Missing option '--out'; see: "),
        (train_app, "data --out run --frob", "No such option: --frob; see: "),
        (train_app, "data --out run --workers many", "Invalid value for '--workers': "),
        (train_app, "data --out run --recipe none", "choose from"),
        (eval_app, "data --frob", "No such option: --frob ("),
        (eval_app, "data --protocol half", "Invalid value for '--protocol': "),
        (eval_app, "data --by moon", "Invalid value for --by: 'moon': choose from"),
        (eval_app, "overhead data --zoom 2", "Invalid value for --zoom: '2': write FROM,TO"),
        (eval_app, "dev-set data --out dev --mirrored", "--mirrored: They need --matcher"),
        (eval_app, "dev-set data --out dev --every 4", "--every and --mirrored: They need"),
        (eval_app, "dev-set a --out b --matcher xfeat --turns 1", "--turns and --input-size: They"),
        (eval_app, "dev-set a --out b --matcher none --input-size 256", "--input-size: They need"),
        (eval_app, "tables --workers many", "Invalid value for '--workers': "),
        (eval_app, "tables --which XX", "--which XX: choose from"),
        (eval_app, "figures --frob", "No such option: --frob; see: "),
        (eval_app, "figures data --which 12", "--which 12: choose from 7, 8, 9, 10, 11"),
        (shipping_app, "weights", "Missing argument 'out'; see: "),
        (shipping_app, "a b --gallery-turns many", "Invalid value for '--gallery-turns': "),
        (convert_app, "authors.pth", "Missing argument 'out'; see: "),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    app: typer.Typer, line: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 2, result.output
    (told,) = result.stderr.splitlines()
    assert told.startswith("error: ")
    assert what in told
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("app", [world_app, eval_app, index_app])
def test_a_group_without_arguments_shows_its_help(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_an_interrupted_command_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.world.commands.sheet.places_sheet", interrupted)
    result = CliRunner().invoke(world_app, ["sheet", "folder", "sheet.jpg"])
    assert result.exit_code == 1
    assert result.stderr.split() == [
        "interrupted;",
        "run",
        "the",
        "same",
        "command",
        "again",
        "to",
        "go",
        "on",
    ]


def test_a_picture_that_cannot_be_read_is_named_in_one_line(tmp_path: Path) -> None:
    place = tmp_path / "train/satellite/0001"
    place.mkdir(parents=True)
    (place / "broken.jpg").write_text("no picture")
    result = CliRunner().invoke(world_app, ["sheet", str(tmp_path), str(tmp_path / "s.jpg")])
    assert result.exit_code == 1
    (told,) = result.stderr.splitlines()
    assert told.startswith("error: ")
    assert "broken.jpg" in told
