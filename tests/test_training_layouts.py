"""Which images of each benchmark ask and which answer; wrong layouts are named."""

from pathlib import Path

import pytest
from evaluation_samples import save, university_test

from training.data.layouts import read_benchmark
from training.data.sues import sues_training_places, training_ids
from training.data.training_data import training_places
from training.errors import DataError


def test_university_reads_upper_case_extensions_both_ways(tmp_path: Path) -> None:
    benchmark = read_benchmark(university_test(tmp_path))
    there, back = benchmark.directions
    assert benchmark.layout == "University-1652"
    assert (there.name, len(there.query), len(there.gallery)) == ("drone→satellite", 6, 4)
    assert (back.name, len(back.query), len(back.gallery)) == ("satellite→drone", 3, 8)
    assert there.query.positions is None


def sues(root: Path) -> Path:
    for place in (1, 8, 12):
        save(root / "satellite-view" / f"{place:04d}" / "0.png", place)
        for height in (150, 200):
            for view in range(2):
                save(root / "drone_view_512" / f"{place:04d}" / str(height) / f"{view}.jpg", place)
    return root


def test_sues_asks_with_unseen_places_and_keeps_all_in_the_gallery(tmp_path: Path) -> None:
    benchmark = read_benchmark(sues(tmp_path))
    assert benchmark.layout == "SUES-200"
    assert [direction.name for direction in benchmark.directions] == [
        "drone→satellite 150 m",
        "satellite→drone 150 m",
        "drone→satellite 200 m",
        "satellite→drone 200 m",
    ]
    there, back = benchmark.directions[:2]
    assert set(there.query.places) == {"0008", "0012"}
    assert (len(there.query), len(there.gallery)) == (4, 3)
    assert (len(back.query), len(back.gallery)) == (2, 6)


def test_sues_has_120_training_places_and_trains_on_them_alone(tmp_path: Path) -> None:
    assert len(training_ids()) == 120
    assert {12, 8, 200 - 6, 117} & training_ids() == set()
    root = sues(tmp_path)
    (place,) = training_places(root)
    assert (place.place_id, len(place.drone)) == ("0001", 4)
    (low,) = sues_training_places(root, 150)
    assert {file.parent.name for file in low.drone} == {"150"}


def flown_map(root: Path) -> Path:
    """Four tiles in a row, 0.001 degrees apart, and drone images aimed at given longitudes."""
    lines = ["path,id,view,latitude,longitude,target_latitude,target_longitude"]
    for number in range(4):
        save(root / f"satellite/{number}.jpg", number)
        lines.append(f"satellite/{number}.jpg,t{number},satellite,50,{10 + number / 1000},,")
    for name, aim in (("a", 10.0004), ("b", 10.0006), ("c", 10.0031), ("d", 10.0055)):
        save(root / f"drone/{name}.jpg", 9)
        lines.append(f"drone/{name}.jpg,{name},drone,50,11,50,{aim}")
    (root / "gps.csv").write_text("\n".join(lines) + "\n")
    return root


def test_a_map_trains_on_the_tiles_that_drone_images_show(tmp_path: Path) -> None:
    places = training_places(flown_map(tmp_path / "town"))
    shown = {place.place_id: [file.stem for file in place.drone] for place in places}
    assert shown == {"town/t0": ["a"], "town/t1": ["b"], "town/t3": ["c"]}
    assert [place.satellite[0].name for place in places] == ["0.jpg", "1.jpg", "3.jpg"]


def test_dense_uav_takes_positions_from_its_text_files(tmp_path: Path) -> None:
    save(tmp_path / "test/query_drone/000007/H80.JPG", 7)
    save(tmp_path / "test/gallery_satellite/000007/H80.tif", 7)
    lines = (
        "test/query_drone/000007/H80.JPG E120.387 N30.324 80.5\n"
        "test/gallery_satellite/000007/H80.tif W120.388 S30.325 80.5\n"
    )
    (tmp_path / "Dense_GPS_test.txt").write_text(lines)
    benchmark = read_benchmark(tmp_path)
    (direction,) = benchmark.directions
    assert benchmark.layout == "DenseUAV"
    assert benchmark.degrees_metric
    assert direction.query.positions == ((30.324, 120.387),)
    assert direction.gallery.positions == ((-30.325, -120.388),)
    (tmp_path / "Dense_GPS_test.txt").write_text("a.jpg 30 120\n")
    with pytest.raises(DataError, match="line 1"):
        read_benchmark(tmp_path)


def test_a_gps_table_needs_no_other_layout(tmp_path: Path) -> None:
    save(tmp_path / "flight/a.jpg", 1)
    save(tmp_path / "map/b.jpg", 1)
    table = tmp_path / "gps.csv"
    table.write_text(
        "path,id,view,latitude,longitude,target_latitude,target_longitude,altitude_m\n"
        "flight/a.jpg,a,drone,1.0,2.0,1.5,2.5,120\n"
        "map/b.jpg,b,satellite,1.5,2.5,,,\n"
    )
    benchmark = read_benchmark(tmp_path)
    there = benchmark.directions[0]
    assert not benchmark.has_places
    assert there.query.positions == ((1.5, 2.5),)
    assert there.query.heights_m == (120.0,)
    table.write_text("path,id,view\nflight/a.jpg,a,drone\n")
    with pytest.raises(DataError, match="no column latitude"):
        read_benchmark(tmp_path)


def test_another_layout_is_answered_with_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected test/query_drone.*SUES-200.*gps\.csv"):
        read_benchmark(tmp_path)
    with pytest.raises(DataError, match="not a folder"):
        read_benchmark(tmp_path / "absent")
