"""Frames of a camera in, positions for an autopilot out: Safe-Net Geo as a MAVLink GPS.

Each frame is sent to a running service (POST /tracks), and the camera's fix goes to the autopilot
as GPS_INPUT, or as VISION_POSITION_ESTIMATE in metres from --home. Only fixes that are located and
sure are sent. Without the camera's position nothing is, because that of the ground in the photo is
not the vehicle's. An aid for experiments, no certified source of navigation.

    pip install httpx pymavlink av
    python examples/mavlink_bridge.py frames/ --connect udpout:127.0.0.1:14550 --fov-deg 78
    python examples/mavlink_bridge.py rtsp://192.168.1.10/main --connect serial:/dev/ttyACM0:57600

Set GPS_TYPE (or GPS1_TYPE) to 14, MAVLink, on ArduPilot.
"""

import argparse
import io
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from service.client import Client, Fix, ProblemError

os.environ["MAVLINK20"] = "1"  # read when pymavlink is imported; version 1 has no covariance
from pymavlink import mavutil
from pymavlink.dialects.v20 import ardupilotmega as mavlink

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
GPS_EPOCH_S = 315_964_800
LEAP_SECONDS = 18
"""GPS time is ahead of UTC by so much since 2017."""
WEEK_S = 7 * 86_400
FIX_3D = 3
SURE_FROM = 0.8
"""Confidence from which a fix is sent."""


def main() -> int:
    """Send the fixes of all frames; return 0, or 1 where none was sent."""
    arguments = parsed()
    autopilot = mavutil.mavlink_connection(arguments.connect, source_system=arguments.system)
    sent = refused = 0
    with closing(autopilot), Client(arguments.service, key=arguments.key) as client:
        track = client.begin_track(gallery=arguments.gallery, fov_deg=arguments.fov_deg)
        for image, taken_at in frames(arguments.source, arguments.every):
            try:
                fix = track.add(image, taken_at).fix
            except ProblemError as problem:
                print(f"refused: {problem}", file=sys.stderr)
                refused += 1
                continue
            reason = why_not(fix)
            if reason is None:
                send(autopilot, fix, taken_at, arguments)
                sent += 1
            else:
                print(f"{fix.name}: not sent, {reason}", file=sys.stderr)
                refused += 1
        track.delete()
    print(f"{sent} fixes sent, {refused} frames without one", file=sys.stderr)
    return 0 if sent else 1


def parsed() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="a folder of frames, a video, a camera device or rtsp://…")
    parser.add_argument("--connect", required=True, help="MAVLink address, as pymavlink has them")
    parser.add_argument("--service", default="http://127.0.0.1:8000", help="the running service")
    parser.add_argument("--key", help="its API key")
    parser.add_argument("--gallery", help="satellite gallery; default: the only one")
    parser.add_argument("--fov-deg", type=float, help="angle of view across the frames' width")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between frames")
    parser.add_argument(
        "--ground-m", type=float, default=0.0, help="height of the map's ground, m MSL"
    )
    parser.add_argument("--system", type=int, default=197, help="our MAVLink system id")
    parser.add_argument("--message", choices=("gps", "vision"), default="gps")
    parser.add_argument("--home", help="LAT,LON that the vision message's metres count from")
    arguments = parser.parse_args()
    if arguments.message == "vision" and arguments.home is None:
        parser.error("--message vision needs --home LAT,LON")
    return arguments


def frames(source: str, every_s: float) -> Iterator[tuple[bytes, float]]:
    """Yield (encoded image, seconds since 1970): files of a folder, else pictures of a stream."""
    folder = Path(source)
    if folder.is_dir():
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
        began = time.time() - every_s * len(files)
        for number, file in enumerate(files):
            yield file.read_bytes(), began + every_s * number
        return
    import av

    with av.open(source) as container:
        next_s = -math.inf
        for frame in container.decode(video=0):
            if frame.time is None or frame.time < next_s:
                continue
            next_s = frame.time + every_s
            stream = io.BytesIO()
            frame.to_image().save(stream, "JPEG", quality=90)
            yield stream.getvalue(), time.time()


def why_not(fix: Fix) -> str | None:
    """Return why a fix must not steer a vehicle; None where it may."""
    if fix.status != "located":
        return f"the frame is {fix.status}"
    if fix.confidence < SURE_FROM:
        return f"uncertain, confidence {fix.confidence:.2f}"
    if fix.camera is None:
        return "where the camera is, is not known; name the lens with --fov-deg"
    return None


def send(autopilot: Any, fix: Fix, taken_at: float, arguments: argparse.Namespace) -> None:
    """Send the camera's position in the chosen message."""
    assert fix.camera is not None
    if arguments.message == "gps":
        autopilot.mav.gps_input_send(**gps_input(fix, taken_at, arguments.ground_m))
        return
    home = tuple(float(part) for part in arguments.home.split(","))
    autopilot.mav.vision_position_estimate_send(**vision_position(fix, taken_at, home))


def gps_input(fix: Fix, taken_at: float, ground_m: float) -> dict[str, Any]:
    """Return the fields of GPS_INPUT (MAVLink common, 232); velocities are marked as unknown."""
    camera = fix.camera
    assert camera is not None
    gps_s = taken_at - GPS_EPOCH_S + LEAP_SECONDS
    ignored = (
        mavlink.GPS_INPUT_IGNORE_FLAG_VEL_HORIZ
        | mavlink.GPS_INPUT_IGNORE_FLAG_VEL_VERT
        | mavlink.GPS_INPUT_IGNORE_FLAG_SPEED_ACCURACY
        | mavlink.GPS_INPUT_IGNORE_FLAG_HDOP
        | mavlink.GPS_INPUT_IGNORE_FLAG_VDOP
        | mavlink.GPS_INPUT_IGNORE_FLAG_VERTICAL_ACCURACY
    )
    return {
        "time_usec": int(taken_at * 1e6),
        "gps_id": 0,
        "ignore_flags": ignored,
        "time_week_ms": int(gps_s % WEEK_S * 1000),
        "time_week": int(gps_s // WEEK_S),
        "fix_type": FIX_3D,
        "lat": round(camera.latitude * 1e7),
        "lon": round(camera.longitude * 1e7),
        "alt": ground_m + camera.height_m,
        "hdop": 0.0,
        "vdop": 0.0,
        "vn": 0.0,
        "ve": 0.0,
        "vd": 0.0,
        "speed_accuracy": 0.0,
        "horiz_accuracy": camera.accuracy_m_68,
        "vert_accuracy": 0.0,
        "satellites_visible": 0,
    }


def vision_position(fix: Fix, taken_at: float, home: tuple[float, ...]) -> dict[str, Any]:
    """Return the fields of VISION_POSITION_ESTIMATE (102): m north, east, down from home, rad."""
    camera = fix.camera
    assert camera is not None
    latitude, longitude = home
    north_m = math.radians(camera.latitude - latitude) * 6_371_009
    east_m = math.radians(camera.longitude - longitude) * 6_371_009
    variance = (camera.accuracy_m_68 / 1.515) ** 2
    covariance = [math.nan] * 21
    covariance[0] = covariance[6] = variance
    return {
        "usec": int(taken_at * 1e6),
        "x": north_m,
        "y": east_m * math.cos(math.radians(latitude)),
        "z": -camera.height_m,
        "roll": 0.0,
        "pitch": 0.0,
        "yaw": math.radians(camera.heading_deg or 0.0),
        "covariance": covariance,
    }


if __name__ == "__main__":
    sys.exit(main())
