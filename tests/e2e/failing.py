"""Makes Podman and CRIU fail for real, past the agent, and looks up what the catalogue says of it.

The agent's checks find most of this before a container is touched; here, nothing does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from podman_checkpoint_operator.criu import log as criu_log
from podman_checkpoint_operator.criu.catalogue import diagnose
from podman_checkpoint_operator.criu.log import LOG_NAMES, Phase
from podman_checkpoint_operator.podman.service import PodmanService
from podman_checkpoint_operator.reconcilers.podman_port import (
    CheckpointOptions,
    PodmanError,
    RestoreOptions,
)
from tests.e2e.support import Bench, Container
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from podman_checkpoint_operator.criu.diagnosis import Diagnosis
    from tests.lab.hosts import NamespacedHost

CONFIGURATION: Final = "/etc/criu/runc.conf"
SECONDS: Final = 60.0

reproduces = pytest.mark.reproduces
"""Marks a test with the name of the catalogue's row that it reproduces."""


@dataclass
class Failing:
    """One row of the catalogue, which a test makes happen on a host."""

    row: str
    host: NamespacedHost
    bench: Bench = field(default_factory=Bench)
    seen: bool = False

    def script(self, script: str, *options: str, runtime: str = "") -> Container:
        """Run a shell script in a container, and wait until it is through; then it sleeps."""
        ready = f"{script}\ntouch /tmp/ready\nwhile :; do sleep 1; done"
        return self._ready(
            self.bench.run(self.host, "sh", "-c", ready, options=options, runtime=runtime)
        )

    def perl(self, program: str, *options: str, suffix: str = "c") -> Container:
        """Run a Perl program in a container, for what no shell can do."""
        ready = f'{program}; open my $ready, ">", "/tmp/ready"; sleep 1 while 1;'
        options = ("--entrypoint", "perl", "--user", "0", *options)
        return self._ready(
            self.bench.run(
                self.host,
                *("-MSocket", "-MFcntl=:flock", "-we", ready),
                options=options,
                image="postgres",
                suffix=suffix,
            )
        )

    def _ready(self, container: Container) -> Container:
        wait_until(
            lambda: container.exec("test", "-e", "/tmp/ready", check=False).returncode == 0,
            f"{container.name} to be ready: {self.row}",
        )
        return container

    def bundle(self, container: Container) -> Path:
        """Return a container's bundle, as this machine sees it."""
        return Path(f"{self.host.rootfs}{container.inspect('{{.StaticDir}}')}")

    def saved(self, container: Container, *options: str) -> Path:
        """Checkpoint a container well, and return its bundle."""
        self.host.exec("podman", "container", "checkpoint", *options, container.name)
        return self.bundle(container)

    def checkpoint(self, container: Container, **options: bool) -> Diagnosis:
        """Checkpoint a container, in vain, and see that the row explains it."""
        return self._fails(
            lambda podman: podman.checkpoint(
                container.name, CheckpointOptions(**options), timeout=SECONDS
            ),
            container,
            Phase.DUMP,
        )

    def restore(self, container: Container) -> Diagnosis:
        """Restore a container, in vain, and see that the row explains it."""
        return self._fails(
            lambda podman: podman.restore(container.name, RestoreOptions(), timeout=SECONDS),
            container,
            Phase.RESTORE,
        )

    def restore_archive(self, content: bytes, options: RestoreOptions) -> Diagnosis:
        """Import an archive, in vain, and see that the row explains it."""
        return self._fails(
            lambda podman: podman.restore_archive([content], options, timeout=SECONDS),
            None,
            Phase.RESTORE,
        )

    def _fails(
        self, call: Callable[[PodmanService], object], container: Container | None, phase: Phase
    ) -> Diagnosis:
        podman = PodmanService(f"unix://{self.host.rootfs}/run/podman/podman.sock")
        with pytest.raises(PodmanError) as caught:
            call(podman)
        message = str(caught.value)
        log = self._log(message, container, phase)
        found = diagnose(message, log, phase)
        assert found.entry == self.row, f"{found}\n{message}\n{(log or b'').decode()[-3000:]}"
        assert "{" not in found.remedy
        self.seen = True
        return found

    def _log(self, message: str, container: Container | None, phase: Phase) -> bytes | None:
        if container is None or not container.exists():
            return None
        path = self.bundle(container) / LOG_NAMES[phase]
        if not path.exists():
            return None
        if phase is Phase.DUMP:
            # The runtime has written it where Podman's message says.
            named = criu_log.location(message)
            assert named
            assert path == Path(f"{self.host.rootfs}{named}")
        with path.open("rb") as log:
            return criu_log.read_ends(log)

    @contextmanager
    def cleared_up(self, *command: str) -> Iterator[None]:
        """Run a command of the host after a block, however it ends."""
        try:
            yield
        finally:
            self.host.exec(*command)

    @contextmanager
    def criu_options(self, *lines: str) -> Iterator[None]:
        """Give CRIU options, instead of those that others have left there."""
        path = Path(f"{self.host.rootfs}{CONFIGURATION}")
        before = path.read_text()
        kept = [line for line in before.splitlines() if line.startswith("manage-cgroups")]
        path.write_text("\n".join((*kept, *lines, "")))
        try:
            yield
        finally:
            path.write_text(before)

    @contextmanager
    def moved_away(self, path: str) -> Iterator[None]:
        """Take a file of the host away."""
        self.host.exec("mv", path, f"{path}.away")
        try:
            yield
        finally:
            self.host.exec("mv", f"{path}.away", path)
