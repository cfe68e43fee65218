"""Frames of a ROS 2 camera in, NavSatFix out: Safe-Net Geo as a source of positions.

Subscribes to `image/compressed` (sensor_msgs/CompressedImage), sends each frame to a running
service (POST /tracks), and publishes the camera's position on `fix` (sensor_msgs/NavSatFix) with
the stamp and the frame of the image. A frame that does not show the place for sure gives
STATUS_NO_FIX and no position. Frames that arrive while one is located are left out. An aid for
experiments, no certified source of navigation.

    pip install httpx
    python examples/ros2_node.py --ros-args -r image/compressed:=/camera/image/compressed \
        -p service:=http://127.0.0.1:8000 -p fov_deg:=78.0 -p ground_m:=312.0

`fov_deg` is the angle of view across the frames' width (unset: what their EXIF says); without the
camera's position nothing is published as a fix, because that of the ground in the photo is not the
vehicle's. `ground_m` is the height of the map's ground above the WGS 84 ellipsoid, m; unset, the
altitude is NaN.
"""

import math
from typing import Any

import httpx
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CompressedImage, NavSatFix, NavSatStatus

from service.client import Client, Fix, OpenTrack, ProblemError

SURE_FROM = 0.8
"""Confidence from which a fix is published as one."""
NORMAL_68 = 1.515
"""Radius that holds 68 % of a circular normal distribution, in standard deviations."""
UNKNOWN_VARIANCE_M2 = 1e6
"""Variance of an altitude that is unknown, and of one whose deviation is."""
NEWEST_ONLY = QoSProfile(
    depth=1, history=QoSHistoryPolicy.KEEP_LAST, reliability=QoSReliabilityPolicy.BEST_EFFORT
)
"""A frame that waits is replaced by the next one."""


class SafenetNode(Node):  # type: ignore[misc]
    """One flight: a track of the service, begun with the first frame, and again where it ended."""

    def __init__(self, client: Client | None = None) -> None:
        """Read the parameters and subscribe.

        Args:
            client: connection to the service; None: to the parameter `service`.
        """
        super().__init__("safenet_geo")
        address = self.declare_parameter("service", "http://127.0.0.1:8000").value
        key = self.declare_parameter("key", "").value or None
        self._client = client or Client(address, key=key)
        self._gallery = self.declare_parameter("gallery", "").value or None
        self._fov_deg = known(self.declare_parameter("fov_deg", math.nan).value)
        self._ground_m = known(self.declare_parameter("ground_m", math.nan).value)
        self._track: OpenTrack | None = None
        self._publisher = self.create_publisher(NavSatFix, "fix", 10)
        self.create_subscription(CompressedImage, "image/compressed", self.locate, NEWEST_ONLY)

    def locate(self, image: Any) -> None:
        """Send a frame and publish its fix, or that there is none."""
        seconds = image.header.stamp.sec + image.header.stamp.nanosec / 1e9
        fix = self._fix(bytes(image.data), seconds)
        self._publisher.publish(nav_sat_fix(fix, image.header, self._ground_m))

    def destroy_node(self) -> None:
        """Close the connection as well."""
        self._client.close()
        super().destroy_node()

    def _fix(self, image: bytes, seconds: float) -> Fix | None:
        try:
            if self._track is None:
                self._track = self._client.begin_track(gallery=self._gallery, fov_deg=self._fov_deg)
            return self._track.add(image, seconds).fix
        except ProblemError as problem:
            self.get_logger().warning(f"no fix: {problem}")
            if (
                problem.problem.status == 404
            ):  # the track expired; the next frame begins another one
                self._track = None
        except httpx.HTTPError as error:
            self.get_logger().warning(f"no fix: the service does not answer ({error})")
        return None


def known(value: float) -> float | None:
    """Return a number, None for NaN: ROS parameters cannot be unset."""
    return None if math.isnan(value) else value


def nav_sat_fix(fix: Fix | None, header: Any, ground_m: float | None) -> Any:
    """Return the message of a fix; without a sure position of the camera, one that says so.

    The horizontal covariance is that of our 68 % radius; the altitude's is not measured.

    Args:
        fix: what the service found; None: nothing.
        header: of the image, whose stamp and frame the message has.
        ground_m: height of the map's ground above the ellipsoid, m.
    """
    message = NavSatFix(header=header)
    message.status.service = 0  # no satellites
    camera = None if fix is None else fix.camera
    sure = fix is not None and fix.status == "located" and fix.confidence >= SURE_FROM
    if camera is None or not sure:
        message.status.status = NavSatStatus.STATUS_NO_FIX
        message.latitude = message.longitude = message.altitude = math.nan
        message.position_covariance_type = NavSatFix.COVARIANCE_TYPE_UNKNOWN
        return message
    message.status.status = NavSatStatus.STATUS_FIX
    message.latitude, message.longitude = camera.latitude, camera.longitude
    message.altitude = math.nan if ground_m is None else ground_m + camera.height_m
    variance_m2 = (camera.accuracy_m_68 / NORMAL_68) ** 2
    message.position_covariance = [
        *(variance_m2, 0.0, 0.0),
        *(0.0, variance_m2, 0.0),
        *(0.0, 0.0, UNKNOWN_VARIANCE_M2),
    ]
    message.position_covariance_type = NavSatFix.COVARIANCE_TYPE_APPROXIMATED
    return message


def main() -> None:
    """Run the node until it is interrupted."""
    rclpy.init()
    node = SafenetNode()
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
