"""What is read from photos: positions, heights and directions in every dialect."""

import math
from pathlib import Path

import pytest
from photo_samples import DJI, SOUTH_EAST, fraction, photo, xmp
from pyproj import Geod

from indexer.sources.candidate import SourceOptions
from indexer.sources.detect import open_source
from indexer.sources.photos.metadata import photo_position, read_photo_metadata
from indexer.sources.photos.xmp import read_xmp

SYDNEY = (-33.5, 151.25)
EXIF_SPACE = "http://ns.adobe.com/exif/1.0/"


def both(path: Path) -> tuple[float, float] | None:
    """The position by the two ways in: of a file for the indexer, of bytes for an upload."""
    found = read_photo_metadata(path).position
    assert photo_position(path.read_bytes()) == found
    return found


@pytest.mark.parametrize(
    "packet",
    [
        xmp(DJI),
        xmp(DJI, elements=True),
        xmp(DJI, quote="'"),
        xmp(DJI, prefix="dji"),
        xmp(DJI, "http://dji.com/drone-dji/1.0", prefix="drone"),
        xmp({("GpsLongtitude" if k == "GpsLongitude" else k): v for k, v in DJI.items()}),
        xmp(DJI | {"GpsLatitude": "-33,5", "GpsLongitude": "151,25"}),
        b"<rdf:Description " + xmp(DJI).split(b'1.0/"')[1].split(b"/>")[0] + b"/>",
        xmp(DJI) + b"\0\0\0 trailing bytes",
        b"\xef\xbb\xbf" + xmp(DJI),
        xmp(DJI).decode().encode("utf-16"),
    ],
)
def test_a_drones_xmp_is_read_in_every_spelling(tmp_path, packet) -> None:
    file = photo(tmp_path / "p.jpg", None, packet)
    found = read_photo_metadata(file)
    assert both(file) == SYDNEY
    assert (found.altitude_m, found.altitude_datum) == (50.0, "takeoff")
    assert (found.heading_deg, found.gimbal_pitch_deg, found.focal_px) == (30.0, -90.0, 500.0)


@pytest.mark.parametrize(
    ("space", "values", "expected"),
    [
        (
            "https://www.skydio.com/drone-skydio/1.0/",
            {
                "Latitude": "1.5",
                "Longitude": "2.5",
                "RelativeAltitude": "20",
                "GimbalYawDegree": "7",
            },
            ((1.5, 2.5), 20.0, 7.0, None),
        ),
        (
            "http://www.parrot.com/drone-parrot/1.0/",
            {"CameraYawDegree": "-90", "CameraPitchDegree": "-88.5"},
            (SYDNEY, None, 270.0, -88.5),
        ),
        (
            "http://pix4d.com/camera/1.0",
            {"Yaw": "12.5", "Pitch": "2.0", "AboveGroundAltitude": "31.5"},
            (SYDNEY, 31.5, 12.5, -88.0),
        ),
        (
            "http://ns.sensefly.com/Camera/1.0/",
            {"Yaw": "359", "Pitch": "-3.0"},
            (SYDNEY, None, 359.0, -93.0),
        ),
    ],
)
def test_other_makers_dialects_give_position_height_and_angles(
    tmp_path, space, values, expected
) -> None:
    found = read_photo_metadata(photo(tmp_path / "p.jpg", SOUTH_EAST, xmp(values, space)))
    height_m = found.altitude_m if found.altitude_datum == "takeoff" else None
    assert (found.position, height_m, found.heading_deg, found.gimbal_pitch_deg) == expected


def test_a_structure_inside_xmp_is_read(tmp_path) -> None:
    space = "https://www.skydio.com/drone-skydio/1.0/"
    packet = xmp({"Latitude": "1", "Longitude": "2"}, space, prefix="s", elements=True).replace(
        b"</rdf:Description>",
        b'<s:CameraOrientationNED rdf:parseType="Resource"><s:Yaw>-10</s:Yaw>'
        b"<s:Pitch>-89</s:Pitch></s:CameraOrientationNED></rdf:Description>",
    )
    found = read_photo_metadata(photo(tmp_path / "p.jpg", None, packet))
    assert (found.heading_deg, found.gimbal_pitch_deg) == (350.0, -89.0)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [("33,30.000S", "151,15.000E"), ("33,30,0S", "151,15,0E"), ("33.5 S", "151.25 E")],
)
def test_exif_positions_inside_xmp_are_read(tmp_path, latitude, longitude) -> None:
    values = {"GPSLatitude": latitude, "GPSLongitude": longitude, "GPSAltitude": "805/10"}
    file = photo(tmp_path / "p.jpg", None, xmp(values, EXIF_SPACE, prefix="exif"))
    assert both(file) == pytest.approx(SYDNEY)
    found = read_photo_metadata(file)
    assert (found.altitude_m, found.altitude_datum) == (80.5, "msl")


@pytest.mark.parametrize(
    "gps",
    [
        {2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)},
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        SOUTH_EAST | {2: (fraction(33, 1), fraction(30, 1), fraction(0, 0))},
        SOUTH_EAST | {2: (fraction(0, 0),) * 3, 4: (fraction(0, 0),) * 3},
        SOUTH_EAST | {9: "V"},
        SOUTH_EAST | {2: (151.0, 0.0, 0.0)},
        SOUTH_EAST | {4: (200.0, 0.0, 0.0)},
        SOUTH_EAST | {4: ()},
        {1: "S", 3: "E"},
    ],
)
def test_a_receiver_without_a_fix_gives_no_position(tmp_path, gps) -> None:
    assert both(photo(tmp_path / "p.jpg", gps)) is None
    zeros = xmp(DJI | {"GpsLatitude": "0.000000000", "GpsLongitude": "+0.0"})
    assert both(photo(tmp_path / "q.jpg", gps, zeros)) is None


@pytest.mark.parametrize(
    "gps",
    [
        SOUTH_EAST,
        SOUTH_EAST | {1: "s", 3: "e"},
        SOUTH_EAST | {1: "South", 3: "East"},
        SOUTH_EAST | {2: (33.5, 0.0, 0.0), 4: (151.25,)},
        SOUTH_EAST | {9: "A"},
    ],
)
def test_exif_positions_are_read_as_cameras_write_them(tmp_path, gps) -> None:
    assert both(photo(tmp_path / "p.jpg", gps)) == pytest.approx(SYDNEY)
    zeros = xmp(DJI | {"GpsLatitude": "0.0", "GpsLongitude": "0.0"})
    assert both(photo(tmp_path / "q.jpg", gps, zeros)) == pytest.approx(SYDNEY)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_xmp_counts_before_exif_in_every_format(tmp_path, suffix) -> None:
    elsewhere = SOUTH_EAST | {2: (10.0, 0.0, 0.0)}
    assert both(photo(tmp_path / f"p{suffix}", elsewhere, xmp(DJI))) == SYDNEY


def test_entities_in_xmp_are_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "1">]>' + xmp(DJI | {"GpsLatitude": "&a;"})
    assert read_xmp(bomb) == {}


@pytest.mark.parametrize(
    "values",
    [
        {"RelativeAltitude": "-12.30"},
        {"RelativeAltitude": "+0.00"},
        {"RelativeAltitude": "inf"},
        {"GimbalPitchDegree": "-120"},
        {"GimbalPitchDegree": "-70"},
        {"GimbalPitchDegree": "90"},
        {"GimbalPitchDegree": "nan"},
        {"CalibratedFocalLength": "-1"},
    ],
)
def test_no_footprint_comes_of_a_height_or_an_angle_that_gives_none(tmp_path, values) -> None:
    file = photo(tmp_path / "p.jpg", None, xmp(DJI | values))
    (found,) = open_source(tmp_path, SourceOptions()).candidates()
    assert (found.record.corners, found.record.gsd_m) == (None, None)
    assert read_photo_metadata(file).ground_m is None


@pytest.mark.parametrize(
    ("orientation", "top_deg"), [(1, 30.0), (3, 210.0), (6, 300.0), (8, 120.0)]
)
def test_a_footprint_lies_as_the_photo_is_shown(tmp_path, orientation, top_deg) -> None:
    photo(tmp_path / "p.jpg", None, xmp(DJI), orientation=orientation)
    (found,) = open_source(tmp_path, SourceOptions()).candidates()
    assert found.record.gsd_m == pytest.approx(50 / 500)
    top_left, _, _, bottom_left = found.record.corners
    up_deg, _, side_m = Geod(ellps="WGS84").inv(
        bottom_left[1], bottom_left[0], top_left[1], top_left[0]
    )
    assert up_deg % 360 == pytest.approx(top_deg, abs=0.2)
    assert side_m == pytest.approx(6.4, rel=0.01)
    assert math.isclose(found.record.heading_deg, 30.0)
