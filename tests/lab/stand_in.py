"""A small program in the agent's place, for the tests of how the lab starts an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .agents import Launch
from .releases import STABLE

if TYPE_CHECKING:
    from .releases import Release

STAND_IN: Final = """\
#!/bin/sh
echo "$0 $1 node=$PODMAN_CHECKPOINT_NODE_NAME limit=$LIMIT {name}"
cat "$KUBECONFIG"
sleep 4713 &
while :; do sleep 1; done
"""


class Checkout:
    """Stands for what the checkout holds: as many agents as are wanted."""

    def __init__(self) -> None:
        self.name = "first"

    def prepare(self, _: Release = STABLE) -> Launch:
        """Return the stand-in of this name, for any release."""
        return Launch(
            python_path="/nowhere",
            script=STAND_IN.replace("{name}", self.name),
            fault_command=("sh", "-c", 'echo "fault $LIMIT in $PYTHONPATH"; sleep 60', "fault"),
        )
