"""Places of overhead pictures: years as views, measured heights, cuts, refusals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from model.errors import SafeNetError
from training.data.places import paired_places
from training.world.chance import RandomStream
from training.world.cli import app
from training.world.errors import MapSourceError
from training.world.orthophoto.image_jobs import (
    ImageJob,
    ImageSettings,
    any_camera,
    image_jobs,
    run_image_job,
)

GREEN, RED, BLUE = (70, 120, 50), (190, 60, 50), (50, 60, 190)


def paint(file: Path, colour: tuple[int, int, int], width: int = 64, height: int = 64) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), colour).save(file)


def jobs(folder: Path, out: Path, **settings: object) -> list[ImageJob]:
    chosen = replace(ImageSettings(folder=str(folder), views=3, size_px=48), **settings)  # type: ignore[arg-type]
    return image_jobs(out, 5, chosen)


def mean_colour(file: Path) -> tuple[float, ...]:
    return tuple(np.asarray(Image.open(file)).reshape(-1, 3).mean(axis=0))


def test_one_year_is_the_tile_and_the_other_is_flown_over(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "a_2016.png", RED)
    paint(tmp_path / "in" / "a_2020.png", BLUE)
    paint(tmp_path / "in" / "b.png", GREEN)
    (tmp_path / "in" / "index.csv").write_text(
        "file,pair_id,gsd_m\na_2016.png,a,0.5\na_2020.png,a,0.5\nb.png,,~1\n"
    )
    planned = jobs(tmp_path / "in", tmp_path / "out")
    assert [job.place.gsd_m for job in planned] == [0.5, 1.0]
    assert [run_image_job(job) for job in planned] == [4, 4]
    assert all(job.is_done for job in planned)
    places = paired_places(
        tmp_path / "out" / "train" / "satellite", tmp_path / "out" / "train" / "drone"
    )
    assert [len(place.drone) for place in places] == [3, 3]
    tile_red, _, tile_blue = mean_colour(places[0].satellite[0])
    for file in places[0].drone:
        red, _, blue = mean_colour(file)
        assert (red > blue) != (tile_red > tile_blue)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(noise).save(tmp_path / "in" / "a.png")
    written = []
    for name in ("first", "second"):
        for job in jobs(tmp_path / "in", tmp_path / name):
            run_image_job(job)
        files = sorted((tmp_path / name / "train").rglob("*.jp*g"))
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]
    assert len(set(written[0])) == 4


def test_measured_heights_stand_up(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "a.png", GREEN)
    tower = np.zeros((64, 64), np.float32)
    tower[24:40, 24:40] = 25.0
    np.save(tmp_path / "in" / "a_ndsm.npy", tower)
    spread = {}
    for heights in ("", "a_ndsm.npy"):
        (tmp_path / "in" / "index.csv").write_text(
            f"file,pair_id,gsd_m,dsm_file\na.png,,0.5,{heights}\n"
        )
        job = jobs(tmp_path / "in", tmp_path / f"out{heights}", views=6)[0]
        run_image_job(job)
        pictures = sorted((job.out / "train" / "drone").rglob("*.jpeg"))
        spread[heights] = np.mean([np.asarray(Image.open(file))[..., 1].std() for file in pictures])
    assert spread["a_ndsm.npy"] > 1.3 * spread[""]


def test_large_and_long_pictures_become_several_places(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "large.png", GREEN, 1300, 1300)
    paint(tmp_path / "in" / "long.png", GREEN, 140, 64)
    sides = [job.place.side for job in jobs(tmp_path / "in", tmp_path / "out")]
    assert sides == [650, 650, 650, 650, 64, 64]


def test_a_camera_looks_near_the_middle_and_never_above_38_degrees() -> None:
    rng = RandomStream(3)
    for _ in range(200):
        camera = any_camera(100.0, rng)
        x, y = camera.ground_point(0.0, 0.0)
        assert max(abs(x), abs(y)) <= 16.0 + 1e-6
        assert -90.0 <= camera.gimbal_pitch_deg <= -38.0
        assert camera.z_m > 5.0


def test_held_out_words_are_left_out(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "city" / "a.png", GREEN)
    paint(tmp_path / "in" / "town" / "b.png", GREEN)
    kept = jobs(tmp_path / "in", tmp_path / "out", exclude=("city",))
    assert [job.place.files[0].name for job in kept] == ["b.png"]


def test_an_index_without_pairs_makes_every_picture_a_place(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", GREEN)
    paint(tmp_path / "held_out" / "b.png", RED)
    (tmp_path / "index.csv").write_text("file,gsd_m\na.png,0.5\nheld_out/b.png,0.25\n")
    assert [job.place.gsd_m for job in jobs(tmp_path, tmp_path / "out")] == [0.5, 0.25]
    (only,) = jobs(tmp_path, tmp_path / "out", include=("held_out",))
    assert only.place.gsd_m == 0.25


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ("file,pair_id\na.png,\n", r"has no gsd_m for a\.png"),
        ("file,pair_id,gsd_m\na.png,,none\n", "gsd_m 'none' is not a number above 0"),
        ("file,pair_id,gsd_m\na.png,,0\n", "gsd_m '0' is not a number above 0"),
    ],
)
def test_an_index_that_does_not_say_enough_is_refused(
    tmp_path: Path, index: str, says: str
) -> None:
    paint(tmp_path / "a.png", GREEN)
    (tmp_path / "index.csv").write_text(index)
    with pytest.raises(SafeNetError, match=says):
        jobs(tmp_path, tmp_path / "out")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(MapSourceError, match="is not a folder"):
        jobs(tmp_path / "none", tmp_path / "out")
    (tmp_path / "in").mkdir()
    with pytest.raises(MapSourceError, match="holds no images"):
        jobs(tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "a.png").write_bytes(b"no picture")
    with pytest.raises(MapSourceError, match=r"a\.png: not a readable image"):
        jobs(tmp_path / "in", tmp_path / "out")
    paint(tmp_path / "in" / "a.png", GREEN)
    (tmp_path / "in" / "a_ndsm.npy").write_bytes(b"no heights")
    (tmp_path / "in" / "index.csv").write_text(
        "file,pair_id,gsd_m,dsm_file\na.png,,0.5,a_ndsm.npy\n"
    )
    with pytest.raises(MapSourceError, match=r"a_ndsm\.npy: not readable heights"):
        run_image_job(jobs(tmp_path / "in", tmp_path / "out")[0])


def test_the_command_writes_places_and_goes_on(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "city" / "a.png", GREEN)
    paint(tmp_path / "in" / "town" / "b.png", RED)
    told = [str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--views", "2", "--size", "48"]
    command = ["drape-pictures", *told, "--workers", "1", "--exclude", "town"]
    for _ in range(2):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0
        assert "1 places, 2 drone views each" in result.stdout
    assert len(list((tmp_path / "out" / "train" / "drone" / "0001").iterdir())) == 2
    refused = CliRunner().invoke(app, [*command, "--seed", "9"])
    assert refused.exit_code == 1
    assert "holds a render of other settings" in refused.stderr
