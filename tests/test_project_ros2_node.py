"""The ROS 2 node: every field of NavSatFix, tried with stand-ins for ROS's own modules."""

import importlib.util
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import httpx
import pytest
from service_live import encoded, picture
from test_project_mavlink_bridge import CAMERA, FIX

FILE = Path(__file__).parent.parent / "examples" / "ros2_node.py"


class NavSatStatus:
    """Constants as in sensor_msgs/msg/NavSatStatus."""

    STATUS_NO_FIX, STATUS_FIX = -1, 0


class NavSatFix:
    """Fields and constants as in sensor_msgs/msg/NavSatFix."""

    COVARIANCE_TYPE_UNKNOWN, COVARIANCE_TYPE_APPROXIMATED = 0, 1

    def __init__(self, header: Any) -> None:
        self.header = header
        self.status = SimpleNamespace(status=-2, service=0)
        self.latitude = self.longitude = self.altitude = 0.0
        self.position_covariance: list[float] = [0.0] * 9
        self.position_covariance_type = 0


class Node:
    """What the node uses of rclpy.node.Node; `given` are the parameters of the command line."""

    given: ClassVar[dict[str, object]] = {}

    def __init__(self, name: str) -> None:
        self.name, self.published, self.warnings = name, [], []

    def declare_parameter(self, name: str, default: object) -> SimpleNamespace:
        return SimpleNamespace(value=self.given.get(name, default))

    def create_publisher(self, kind: type, topic: str, depth: int) -> SimpleNamespace:
        assert (kind, topic) == (NavSatFix, "fix")
        return SimpleNamespace(publish=self.published.append)

    def create_subscription(self, kind: type, topic: str, callback: Any, qos: object) -> None:
        assert topic == "image/compressed"

    def destroy_node(self) -> None:
        pass

    def get_logger(self) -> SimpleNamespace:
        return SimpleNamespace(warning=self.warnings.append)


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    anything = {"KEEP_LAST": 1, "BEST_EFFORT": 2}
    contents = {
        "rclpy": {},
        "rclpy.node": {"Node": Node},
        "rclpy.qos": {
            "QoSHistoryPolicy": SimpleNamespace(**anything),
            "QoSProfile": lambda **given: SimpleNamespace(**given),
            "QoSReliabilityPolicy": SimpleNamespace(**anything),
        },
        "sensor_msgs": {},
        "sensor_msgs.msg": {
            "CompressedImage": type("CompressedImage", (), {}),
            "NavSatFix": NavSatFix,
            "NavSatStatus": NavSatStatus,
        },
    }
    for name, values in contents.items():
        module = ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("ros2_node", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_field_of_nav_sat_fix_is_the_camera_s(ros: ModuleType) -> None:
    header = object()
    message = ros.nav_sat_fix(FIX, header, ground_m=120.0)
    assert message.header is header
    assert (message.status.status, message.status.service) == (0, 0)
    assert (message.latitude, message.longitude) == (CAMERA.latitude, CAMERA.longitude)
    assert message.altitude == pytest.approx(202.5)
    variance_m2 = (3.25 / 1.515) ** 2
    diagonal = [message.position_covariance[k] for k in (0, 4, 8)]
    assert diagonal == pytest.approx([variance_m2, variance_m2, 1e6])
    assert sum(message.position_covariance) == pytest.approx(sum(diagonal))
    assert message.position_covariance_type == NavSatFix.COVARIANCE_TYPE_APPROXIMATED
    assert math.isnan(ros.nav_sat_fix(FIX, header, ground_m=None).altitude)


@pytest.mark.parametrize(
    "doubt", [{"status": "bridged"}, {"status": "lost"}, {"confidence": 0.5}, {"camera": None}]
)
def test_a_doubtful_fix_is_published_as_none(ros: ModuleType, doubt: dict[str, Any]) -> None:
    message = ros.nav_sat_fix(replace(FIX, **doubt), object(), ground_m=120.0)
    assert message.status.status == NavSatStatus.STATUS_NO_FIX
    assert math.isnan(message.latitude)
    assert math.isnan(message.longitude)
    assert message.position_covariance_type == NavSatFix.COVARIANCE_TYPE_UNKNOWN


def test_images_go_through_the_service_and_an_expired_track_begins_again(
    ros: ModuleType, live: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Node, "given", {"service": str(live.base_url), "gallery": "map"})
    node = ros.SafenetNode()
    for seconds, seed in enumerate((3, 4, 5)):
        header = SimpleNamespace(stamp=SimpleNamespace(sec=1_700_000_000 + seconds, nanosec=0))
        if seed == 5:
            live.delete(f"/tracks/{node._track.track_id}")
        node.locate(SimpleNamespace(header=header, data=encoded(picture(seed))))
    assert [message.status.status for message in node.published] == [-1, -1, -1]
    assert [message.header.stamp.sec % 10 for message in node.published] == [0, 1, 2]
    assert "Unknown track" in node.warnings[0]
    node.locate(SimpleNamespace(header=header, data=encoded(picture(5))))
    assert len(node.warnings) == 1
    live.delete(f"/tracks/{node._track.track_id}")
    node.destroy_node()
