"""A Quadlet on the real machine, and what its unit does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.e2e.faults import require_kept
from tests.e2e.support import COUNTER, Container
from tests.lab import images, paths
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.lab.vm import VirtualHost

FOLDER: Final = "/etc/containers/systemd"
DROP_IN: Final = paths.CHECKOUT / "manifests/quadlet/container.d/50-podman-checkpoint.conf"
HOLDS: Final = "/var/lib/podman-checkpoint/state/units"

QUADLET: Final = """\
[Container]
Image={image}
ContainerName={name}
Label=podman-checkpoint.dev/on-drain=checkpoint podman-checkpoint.dev/namespace={namespace}
Volume={script}:/count.sh:ro
Exec=sh /count.sh
StopTimeout=1
[Service]
Restart=always
[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Quadlet:
    """A Quadlet that counts, and its unit."""

    host: VirtualHost
    name: str

    @property
    def unit(self) -> str:
        return f"{self.name}.service"

    @property
    def container(self) -> Container:
        return Container(self.host, self.name)

    def install(self, namespace: str) -> None:
        script = f"{FOLDER}/{self.name}.sh"
        text = QUADLET.format(
            image=images.image("busybox").tag, name=self.name, namespace=namespace, script=script
        )
        self._write(script, COUNTER)
        self._write(f"{FOLDER}/{self.name}.container", text)
        self.systemctl("daemon-reload")
        self.systemctl("start", self.unit)
        self.wait_counting()

    def make_safe(self) -> None:
        """Do what docs/quadlets.md says."""
        self._write(f"{FOLDER}/{self.name}.container.d/{DROP_IN.name}", DROP_IN.read_text())
        self.systemctl("daemon-reload")
        self.systemctl("restart", self.unit)
        self.wait_counting()

    def remove(self) -> None:
        self.host.exec("sh", "-c", f"rm -rf {FOLDER}/{self.name}.*")
        self.systemctl("stop", self.unit)
        self.systemctl("daemon-reload")

    def wait_counting(self) -> None:
        def counted() -> bool:
            return len(self.container.exec("cat", "/counts", check=False).stdout) > 4

        wait_until(counted, "a few counts")

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        return self.host.exec("systemctl", *arguments, check=check).stdout.strip()

    def shown(self, name: str) -> str:
        """Return a property of the unit, as systemd has it loaded."""
        return self.systemctl("show", "--value", f"--property={name}", self.unit)

    def invocation(self) -> tuple[str, ...]:
        """Return what changes with each start of the unit, and of its main process."""
        return tuple(map(self.shown, ("ActiveState", "InvocationID", "MainPID", "NRestarts")))

    def is_held(self) -> bool:
        return not self.host.exec("test", "-e", f"{HOLDS}/{self.unit}", check=False).returncode

    def require_held(self) -> None:
        """See that nobody's start of the unit touches the state."""
        self.systemctl("start", self.unit)
        assert self.systemctl("is-active", self.unit, check=False) == "inactive"
        assert self.is_held()
        assert self.container.state == "exited"
        require_kept(self.container)

    def require_owned(self) -> None:
        """See that the unit has its container, just as if it had started it."""
        assert self.systemctl("is-active", self.unit) == "active"
        assert not self.is_held()
        pid = self.shown("MainPID")
        assert pid == self.container.inspect("{{.State.ConmonPid}}")
        asked = ("NeedDaemonReload", "DropInPaths", "Type")
        assert [self.shown(each) for each in asked] == ["no", "", "notify"]
        group = f"/system.slice/{self.unit}/"
        for process in (pid, self.container.inspect("{{.State.Pid}}")):
            assert group in self.host.exec("cat", f"/proc/{process}/cgroup").stdout

    def _write(self, path: str, text: str) -> None:
        self.host.exec("sh", "-c", 'mkdir -p "${0%/*}"; cat >"$0"', path, stdin=text)
