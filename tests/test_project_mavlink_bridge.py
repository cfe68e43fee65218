"""The MAVLink bridge: every field arrives at an endpoint on loopback, and doubts are never sent."""

import importlib.util
import sys
import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from service_live import encoded, picture

from service.client.flights import CameraFix, Fix

FILE = Path(__file__).parent.parent / "examples" / "mavlink_bridge.py"
TAKEN_AT = 1_777_629_590.25
CAMERA = CameraFix(
    latitude=-33.5000001,
    longitude=151.25,
    height_m=82.5,
    accuracy_m_68=3.25,
    accuracy_m_95=6.0,
    heading_deg=90.0,
    pitch_deg=-60.0,
    roll_deg=0.0,
)
FIX = Fix(
    name="00001",
    time_s=0.0,
    time=None,
    status="located",
    confidence=0.97,
    latitude=-33.4,
    longitude=151.2,
    accuracy_m_68=2.0,
    accuracy_m_95=4.0,
    heading_deg=90.0,
    speed_m_s=8.0,
    segment=1,
    problem=None,
    camera=CAMERA,
)


@pytest.fixture(scope="module")
def bridge() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mavlink_bridge", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def endpoint(bridge: ModuleType):
    """An autopilot's end of a MAVLink connection, and the address to send to."""
    receiver = bridge.mavutil.mavlink_connection("udpin:127.0.0.1:0")
    yield receiver, f"udpout:127.0.0.1:{receiver.port.getsockname()[1]}"
    receiver.close()


def received(receiver, kind: str):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        message = receiver.recv_match(type=kind, blocking=True, timeout=1)
        if message is not None:
            return message
    return None


def test_every_field_of_gps_input_arrives(bridge: ModuleType, endpoint) -> None:
    receiver, address = endpoint
    sender = bridge.mavutil.mavlink_connection(address, source_system=197)
    bridge.send(sender, FIX, TAKEN_AT, Namespace(message="gps", ground_m=120.0, home=None))
    message = received(receiver, "GPS_INPUT")
    sender.close()
    assert (message.lat, message.lon) == (-335_000_001, 1_512_500_000)
    assert message.alt == pytest.approx(202.5)
    assert message.horiz_accuracy == pytest.approx(3.25)
    assert message.fix_type == 3
    assert message.time_usec == 1_777_629_590_250_000
    weeks = message.time_week * 604_800 + message.time_week_ms / 1000
    assert weeks - 18 + 315_964_800 == pytest.approx(TAKEN_AT, abs=0.002)
    speed_unknown = 8 | 16 | 32
    assert message.ignore_flags & speed_unknown == speed_unknown
    assert not message.ignore_flags & 64  # the horizontal accuracy counts
    assert (message.vn, message.ve, message.vd) == (0.0, 0.0, 0.0)


def test_the_vision_message_counts_metres_from_home(bridge: ModuleType, endpoint) -> None:
    receiver, address = endpoint
    sender = bridge.mavutil.mavlink_connection(address, source_system=197)
    arguments = Namespace(message="vision", ground_m=0.0, home="-33.5010001,151.25")
    bridge.send(sender, FIX, TAKEN_AT, arguments)
    message = received(receiver, "VISION_POSITION_ESTIMATE")
    sender.close()
    assert message.x == pytest.approx(111.2, abs=0.3)
    assert message.y == pytest.approx(0.0, abs=0.01)
    assert message.z == pytest.approx(-82.5)
    assert message.yaw == pytest.approx(1.5708, abs=1e-3)
    assert message.covariance[0] == pytest.approx((3.25 / 1.515) ** 2, rel=1e-4)


@pytest.mark.parametrize(
    ("doubt", "reason"),
    [
        ({"status": "bridged"}, "the frame is bridged"),
        ({"status": "lost"}, "the frame is lost"),
        ({"confidence": 0.5}, "uncertain, confidence 0.50"),
        ({"camera": None}, "name the lens with --fov-deg"),
    ],
)
def test_a_doubtful_fix_is_never_sent(bridge: ModuleType, doubt: dict, reason: str) -> None:
    assert reason in bridge.why_not(replace(FIX, **doubt))
    assert bridge.why_not(FIX) is None


def test_a_folder_goes_through_the_service_and_ground_positions_stay_unsent(
    bridge: ModuleType, live: httpx.Client, endpoint, tmp_path: Path, monkeypatch, capsys
) -> None:
    receiver, address = endpoint
    for seed in range(3, 6):
        (tmp_path / f"{seed}.jpg").write_bytes(encoded(picture(seed)))
    command = ["bridge", str(tmp_path), "--connect", address, "--service", str(live.base_url)]
    monkeypatch.setattr(sys, "argv", [*command, "--gallery", "map", "--every", "5"])
    assert bridge.main() == 1
    assert "0 fixes sent, 3 frames without one" in capsys.readouterr().err
    assert receiver.recv_match(type="GPS_INPUT", blocking=True, timeout=0.2) is None
