"""`index.csv` of overhead images is read in one place, and bad values are refused."""

from pathlib import Path

import pytest

from training.data.overhead_index import IndexedImage, read_index
from training.errors import DataError


def test_a_line_gives_pair_resolution_position_and_heights(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text(
        "file,pair_id,date,gsd_m,lat,lon,dsm_file\n"
        "a/b.png,p1,2016-06-01,~0.6,46.5,-7.25,a/dsm.npy;a/ndsm.npy\n"
        "c.png,,,,,,\n"
    )
    assert read_index(tmp_path) == {
        "a/b.png": IndexedImage(
            file="a/b.png",
            pair_id="p1",
            date="2016-06-01",
            gsd_m=0.6,
            position=(46.5, -7.25),
            dsm_files=("a/dsm.npy", "a/ndsm.npy"),
        ),
        "c.png": IndexedImage(file="c.png"),
    }


def test_a_folder_without_an_index_has_no_lines(tmp_path: Path) -> None:
    assert read_index(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pair_id\n1\n", "has no column file"),
        ("file,gsd_m\na.png,-1\n", "gsd_m '-1' is not a number above 0"),
        ("file,lat,lon\na.png,north,7\n", "lat 'north', lon '7' of a.png are not numbers"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_index(tmp_path)
