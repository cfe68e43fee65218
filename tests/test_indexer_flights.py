"""Flights as users have them: folders, lists, videos, subtitles; the command and its outputs."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import av
import numpy as np
import pytest
from conftest import ColourEmbedder
from PIL import Image
from service_live import encoded, picture, position

from indexer import Gallery, track
from indexer.errors import (
    BadTableError,
    EmptySourceError,
    NoArchiveError,
    SourceError,
    UnknownFormatError,
)
from indexer.geo import distance_m
from indexer.sources.candidate import SourceOptions
from indexer.sources.tables.table import TableSource
from indexer.tracking.fixes import Track
from indexer.tracking.flight import open_flight
from indexer.tracking.outputs.archive_table import archive_table
from indexer.tracking.outputs.formats import write_track
from indexer.tracking.outputs.table import table
from indexer.tracking.truth import error_summary, read_flight_truth, read_srt

TENTH = Fraction(1, 10)
EXIF_IFD, TAKEN, OFFSET, MODEL = 0x8769, 0x9003, 0x9011, 0x0110


def write_photo(path: Path, seed: int, taken: str | None = None, model: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if model is not None:
        exif[MODEL] = model
    if taken is not None:
        exif.get_ifd(EXIF_IFD).update({TAKEN: taken, OFFSET: "+00:00"})
    path.write_bytes(encoded(picture(seed), exif=exif))
    return path


def write_video(path: Path, seeds: Sequence[int], times_s: Sequence[float]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        stream.codec_context.time_base = TENTH
        for seed, time_s in zip(seeds, times_s, strict=True):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture(seed)), format="rgb24")
            frame.pts, frame.time_base = round(10 * time_s), TENTH
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def names_and_times(path: Path, every_s: float = 1.0) -> list[tuple[str, float]]:
    frames = open_flight(path, every_s=every_s).frames()
    return [(frame.name, round(frame.time_s, 3)) for frame in frames]


@pytest.fixture
def gallery(store: Path, embedder: ColourEmbedder) -> Gallery:
    return Gallery.open(store, "map", embedder=embedder)


def test_photos_with_times_are_ordered_by_them(tmp_path: Path) -> None:
    write_photo(tmp_path / "b.jpg", 1, "2026:05:01 10:00:00")
    write_photo(tmp_path / "a.jpg", 2, "2026:05:01 10:00:04")
    flight = open_flight(tmp_path)
    assert names_and_times(tmp_path) == [("b.jpg", 0.0), ("a.jpg", 4.0)]
    assert flight.start == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert flight.notes == ("names and times are in different orders: the times count",)


def test_a_clock_that_jumps_back_in_a_flight_is_counted_on(tmp_path: Path) -> None:
    for number in range(10):
        second = 4 * number - (16 if number > 4 else 0)
        write_photo(tmp_path / f"{number}.jpg", number, f"2026:05:01 10:00:{second:02}")
    expected = [(f"{number}.jpg", 4.0 * number) for number in range(10)]
    assert names_and_times(tmp_path) == expected
    note = "the clock jumps back 1 time, first at 5.jpg: it is counted on from there"
    assert open_flight(tmp_path).notes == (note,)
    times = [0.5, 1.0, 1.5, 2.0, 2.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    listed = tmp_path / "flight.csv"
    rows = [f"{number}.jpg,{time_s}\n" for number, time_s in enumerate(times)]
    listed.write_text("file,time\n" + "".join(rows))
    assert names_and_times(listed) == [(f"{row}.jpg", 0.5 + 0.5 * row) for row in range(10)]
    assert open_flight(listed).notes == (note,)


def test_a_clock_that_jumps_to_another_time_gives_another_order(tmp_path: Path) -> None:
    listed = tmp_path / "flight.csv"
    times = [100.0, 102.0, 104.0, 106.0, 0.0, 2.0, 4.0, 6.0]
    rows = [f"{number}.jpg,{time_s}\n" for number, time_s in enumerate(times)]
    listed.write_text("file,time\n" + "".join(rows))
    assert [name for name, _ in names_and_times(listed)][:5] == [
        "4.jpg", "5.jpg", "6.jpg", "7.jpg", "0.jpg"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["best", "photo_3b", "photo_8b"])
def test_a_photo_with_another_name_does_not_move_the_times_of_the_others(
    tmp_path: Path, name: str
) -> None:
    for number in range(12):
        renamed = name if number == 6 else f"photo_{number}"
        write_photo(tmp_path / f"{renamed}.jpg", number, f"2026:05:01 10:00:{2 * number:02}")
    assert names_and_times(tmp_path)[5:8] == [
        ("photo_5.jpg", 10.0), (f"{name}.jpg", 12.0), ("photo_7.jpg", 14.0)
    ]  # fmt: skip
    assert open_flight(tmp_path).notes == (
        "names and times are in different orders: the times count",
    )


def test_photos_of_one_second_are_spread_over_it(tmp_path: Path) -> None:
    listed = tmp_path / "flight.csv"
    listed.write_text("file,time\na.jpg,0\nb.jpg,0\nc.jpg,1\nd.jpg,1\n")
    times = [("a.jpg", 0.0), ("b.jpg", 0.5), ("c.jpg", 1.0), ("d.jpg", 1.5)]
    assert names_and_times(listed) == times
    listed.write_text("file,time\na.jpg,0.2\nb.jpg,0.2\nc.jpg,1.3\n")
    assert [time_s for _, time_s in names_and_times(listed)] == [0.2, 0.2, 1.3]


def test_a_clock_that_stands_still_gives_no_times(tmp_path: Path) -> None:
    for number in (1, 2):
        write_photo(tmp_path / f"{number}.jpg", number, "2000:01:01 00:00:00")
    flight = open_flight(tmp_path, every_s=3.0)
    assert [time_s for _, time_s in flight.photos] == [0.0, 3.0]
    assert flight.start is None
    note = "all photos have one time: they are taken as they are listed, 3 s apart"
    assert flight.notes == (note,)


def test_photos_without_times_are_ordered_by_their_numbers(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        write_photo(tmp_path / f"photo_{number}.jpg", number)
    expected = [("photo_1.jpg", 0.0), ("photo_2.jpg", 2.0), ("photo_10.jpg", 4.0)]
    assert names_and_times(tmp_path, 2.0) == expected
    assert open_flight(tmp_path, every_s=2.0).notes == (
        "3 of 3 photos have no time: all are taken as they are listed, 2 s apart",
    )


def test_photos_of_which_some_have_no_time_and_two_cameras_are_noted(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1, "2026:05:01 10:00:00", "FC6310")
    write_photo(tmp_path / "b.jpg", 2, None, "M2EA")
    assert open_flight(tmp_path).notes == (
        "photos of 2 cameras are one flight here: FC6310 (1), M2EA (1)",
        "1 of 2 photos have no time: all are taken as they are listed, 1 s apart",
    )


def test_lists_name_photos_and_perhaps_their_times(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_photo(tmp_path / "photos" / f"{name}.jpg", 1)
    listed = tmp_path / "flight.txt"
    listed.write_text("photos/b.jpg\nphotos/a.jpg\n\n")
    assert [name for name, _ in names_and_times(listed)] == ["photos/b.jpg", "photos/a.jpg"]
    table_file = tmp_path / "flight.csv"
    table_file.write_text("\ufefffile,time\nphotos/a.jpg,7.5\nphotos/b.jpg,3\n")
    assert names_and_times(table_file) == [("photos/b.jpg", 3.0), ("photos/a.jpg", 7.5)]
    table_file.write_text("file,time\nphotos/a.jpg,2026-05-01T10:00:01Z\nphotos/b.jpg,2026-05-01\n")
    assert names_and_times(table_file)[1] == ("photos/a.jpg", 36_001.0)


def test_bad_lists_and_paths_are_refused_in_one_line(tmp_path: Path) -> None:
    bad = tmp_path / "flight.csv"
    bad.write_text("file,time\na.jpg,noon\n")
    with pytest.raises(BadTableError, match=r"flight.csv, line 2: time 'noon' is no number"):
        open_flight(bad)
    bad.write_text("photo,time\na.jpg,1\n")
    with pytest.raises(BadTableError, match="lacks the column file"):
        open_flight(bad)
    bad.write_text("file,time\na.jpg,1\nb.jpg,2026-05-01\n")
    with pytest.raises(BadTableError, match="some times are seconds, others moments"):
        open_flight(bad)
    bad.write_text("file,time\na.jpg,1\n,2\n")
    with pytest.raises(BadTableError, match="line 3: names no photo"):
        open_flight(bad)
    bad.write_bytes("file,time\nä.jpg,1\n".encode("latin-1"))
    with pytest.raises(BadTableError, match="save it as CSV in UTF-8"):
        open_flight(bad)
    bad.write_text("file,time\n")
    with pytest.raises(EmptySourceError, match="names no photo"):
        open_flight(bad)
    with pytest.raises(EmptySourceError, match="does not exist"):
        open_flight(tmp_path / "nothing")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(EmptySourceError, match="names no photo"):
        open_flight(empty)


def test_a_video_gives_a_frame_every_so_often_by_its_own_times(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.9, 1.0, 1.8, 2.1, 3.0]
    video = write_video(tmp_path / "flight.mp4", range(7), times)
    assert [time for _, time in names_and_times(video)] == [0.0, 1.0, 2.1, 3.0]
    assert [time for _, time in names_and_times(video, 2.0)] == [0.0, 2.1]
    assert names_and_times(video)[1][0] == "flight.mp4#t=1.000"


def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "flight.mp4"
    broken.write_bytes(b"not a video at all" * 100)
    with pytest.raises(SourceError, match=r"flight.mp4 is no folder, list or video"):
        open_flight(broken)
    silent = tmp_path / "sound.wav"
    with av.open(str(silent), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), format="s16", layout="mono"
        )
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(EmptySourceError, match="has no picture in it"):
        open_flight(silent)


def test_a_video_of_an_unknown_codec_is_refused_in_one_line(tmp_path: Path) -> None:
    known = write_video(tmp_path / "known.avi", [1, 2, 3], [0.0, 0.1, 0.2])
    unknown = tmp_path / "unknown.avi"
    unknown.write_bytes(known.read_bytes().replace(b"FMP4", b"ZZZZ"))
    with pytest.raises(SourceError, match=r"unknown.avi: its codec is not known here"):
        open_flight(unknown)


def test_a_clock_that_jumps_breaks_the_track_and_is_noted(
    tmp_path: Path, gallery: Gallery, embedder: ColourEmbedder
) -> None:
    for seed in range(2, 9):
        hour = 10 if seed < 5 else 14
        write_photo(tmp_path / f"{seed:02d}.jpg", seed, f"2026:05:01 {hour}:{seed:02d}:00")
    found = track(tmp_path, gallery, embedder, max_speed_m_s=5.0)
    assert [fix.segment for fix in found.fixes] == [1] * 3 + [2] * 4
    assert "the track has 2 parts that no possible movement connects" in found.notes


def test_a_video_that_breaks_off_gives_the_frames_before(
    tmp_path: Path, gallery: Gallery, embedder: ColourEmbedder
) -> None:
    whole = write_video(tmp_path / "whole.avi", [n % 12 for n in range(40)], np.arange(40) / 10)
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    found = track(cut, gallery, embedder, every_s=0.2)
    assert 3 <= len(found.fixes) < 20


def flown(folder: Path, seeds: Sequence[int] = range(2, 9)) -> Path:
    for seed in seeds:
        write_photo(folder / f"{seed:02d}.jpg", seed, f"2026:05:01 10:{seed:02d}:00")
    return folder


def test_a_folder_of_photos_becomes_a_track(
    tmp_path: Path, gallery: Gallery, embedder: ColourEmbedder
) -> None:
    work = tmp_path / "work.jsonl"
    found = track(flown(tmp_path / "flight"), gallery, embedder, max_speed_m_s=5.0, work=work)
    assert found.status == "match"
    for fix, seed in zip(found.fixes, range(2, 9), strict=True):
        assert fix.latitude is not None
        assert fix.longitude is not None
        assert distance_m(fix.latitude, fix.longitude, *position(seed)) < 60
    assert len(work.read_text().splitlines()) == 8


def test_a_run_goes_on_from_its_file_and_gives_the_same_track(
    tmp_path: Path, gallery: Gallery, embedder: ColourEmbedder
) -> None:
    work, folder = tmp_path / "work.jsonl", flown(tmp_path / "flight")
    whole = track(folder, gallery, embedder, work=work)
    lines = work.read_text().splitlines()
    work.write_text("\n".join(lines[:4]) + "\n" + lines[4][:30])
    asked: list[str] = []

    def watch(frames, total):  # type: ignore[no-untyped-def]
        assert total == 7
        for frame in frames:
            asked.append(frame.name)
            yield frame

    assert track(folder, gallery, embedder, work=work, watch=watch) == whole
    assert len(asked) == 7
    assert work.read_text().splitlines() == lines


def test_a_photo_that_cannot_be_read_is_named_and_the_rest_is_found(
    tmp_path: Path, gallery: Gallery, embedder: ColourEmbedder
) -> None:
    folder = flown(tmp_path / "flight")
    (folder / "05.jpg").write_bytes(b"no image")
    found = track(folder, gallery, embedder)
    assert [fix.problem is not None for fix in found.fixes].count(True) == 1
    assert any(note.startswith("1 frame cannot be read") for note in found.notes)


@pytest.fixture
def found(tmp_path: Path, gallery: Gallery, embedder: ColourEmbedder) -> Track:
    return track(flown(tmp_path / "flight"), gallery, embedder, max_speed_m_s=5.0)


def test_every_format_carries_the_positions_and_what_they_are(found: Track, tmp_path: Path) -> None:
    for suffix in ("json", "geojson", "gpx", "kml", "csv"):
        write_track(found, tmp_path / f"track.{suffix}")
    document = json.loads((tmp_path / "track.json").read_text())
    assert document["position_is"] == "the ground in the middle of the photo, not the drone"
    collection = json.loads((tmp_path / "track.geojson").read_text())
    line = collection["features"][0]
    assert line["geometry"]["type"] == "LineString"
    assert len(line["properties"]["coordTimes"]) == len(line["geometry"]["coordinates"]) == 7
    gpx = ET.parse(tmp_path / "track.gpx").getroot()
    space = {"g": "http://www.topografix.com/GPX/1/1"}
    assert len(gpx.findall("g:trk/g:trkseg/g:trkpt", space)) == 7
    kml = ET.parse(tmp_path / "track.kml").getroot()
    kinds = {"k": "http://www.opengis.net/kml/2.2", "gx": "http://www.google.com/kml/ext/2.2"}
    line_in_time = kml.find(".//gx:Track", kinds)
    assert line_in_time is not None
    assert len(line_in_time.findall("k:when", kinds)) == 7
    assert len(line_in_time.findall("gx:coord", kinds)) == 7
    with (tmp_path / "track.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[0]["latitude"]) == pytest.approx(found.fixes[0].latitude, abs=1e-7)
    assert rows[0]["time"] == "2026-05-01T10:02:00.000Z"
    assert table(found).splitlines()[-1].startswith("flight: match, confidence ")
    with pytest.raises(UnknownFormatError, match="a track is written as"):
        write_track(found, tmp_path / "track.shp")


def test_a_track_becomes_the_table_of_a_flight_archive(found: Track, tmp_path: Path) -> None:
    table_file = tmp_path / "flight" / "positions.csv"
    table_file.write_text(archive_table(found, tmp_path / "flight", table_file), encoding="utf-8")
    source = TableSource(tmp_path / "flight", table_file, SourceOptions())
    records = [candidate.record for candidate in source.everything()]
    assert len(records) == 7
    for record, fix in zip(records, found.fixes, strict=True):
        assert (record.view, record.flight_id) == ("drone", "flight")
        assert record.latitude == pytest.approx(fix.latitude, abs=1e-7)
        assert record.longitude == pytest.approx(fix.longitude, abs=1e-7)
    assert records[0].captured_at == datetime(2026, 5, 1, 10, 2, tzinfo=UTC)
    with pytest.raises(NoArchiveError, match="an archive is built of photos"):
        archive_table(found, tmp_path / "flight.mp4", table_file)
    nowhere = replace(found, fixes=(replace(found.fixes[0], latitude=None, longitude=None),))
    with pytest.raises(NoArchiveError, match="no frame has a place"):
        archive_table(nowhere, tmp_path / "flight", table_file)


def test_errors_are_measured_against_a_table(found: Track, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    rows = [f"{seed:02d}.jpg,{position(seed)[0]},14.0" for seed in range(2, 9)]
    truth.write_text("file,lat,lon\n" + "\n".join(rows) + "\n")
    positions = read_flight_truth(str(truth), tmp_path / "flight", found)
    assert error_summary(found, positions).startswith("7 frames with a known position: within 25 m")
    with pytest.raises(EmptySourceError, match="no frame of the flight has a position there"):
        read_flight_truth("exif", tmp_path / "flight", found)
    with pytest.raises(EmptySourceError, match="does not exist"):
        read_flight_truth("srt", tmp_path / "flight.mp4", found)


def test_both_kinds_of_dji_subtitles_are_read(tmp_path: Path) -> None:
    named = tmp_path / "new.SRT"
    named.write_text(
        "1\n00:00:00,000 --> 00:00:00,033\n[latitude: 49.123456] [longitude: -17.5]\n\n"
        "2\n00:01:02,500 --> 00:01:03,000\n[latitude: 0.000000] [longitude: 0.000000]\n"
    )
    assert read_srt(named) == [(0.0, (49.123456, -17.5))]
    pair = tmp_path / "old.SRT"
    pair.write_text("1\n00:00:01,250 --> 00:00:02,000\nGPS(14.25,50.5,19) BAROMETER:1.0\n")
    assert read_srt(pair) == [(1.25, (50.5, 14.25))]
