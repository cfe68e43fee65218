"""What can go wrong in the demo.

SafeNetError
└── DemoError
    ├── StepFailedError     a console command that builds the demo failed
    ├── PortTakenError      another program listens on the demo's port
    └── ServiceFailedError  the service died, or was not ready in time
"""

from model.errors import SafeNetError


class DemoError(SafeNetError):
    """The demo cannot go on."""


class StepFailedError(DemoError):
    """A console command that builds the demo failed."""


class PortTakenError(DemoError):
    """Another program listens on the demo's port."""


class ServiceFailedError(DemoError):
    """The service died, or was not ready in time."""
