"""A container and a host as rules and reconcilers see them; tests replace what they are about."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from podman_checkpoint_operator.decisions.checkpoint_preflight import Wanted
from podman_checkpoint_operator.decisions.facts import Container, Host, State

STARTED: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NEVER: Final = datetime.min.replace(tzinfo=UTC)
CONTAINER_ID: Final = "57a6afbab0b537047ec0e3fd424bd9495e69e31cfb3d884a82b63b7a6e479a5c"
IMAGE_ID: Final = "adb0a1aaf99cbdc200b0f0cfff1820f24e335000a5003346af80b79d6456ade3"
STORAGE: Final = Path("/var/lib/containers/storage")

CONTAINER: Final = Container(
    id=CONTAINER_ID,
    name="db",
    image="localhost/lab/busybox:1",
    image_id=IMAGE_ID,
    runtime="runc",
    state=State.RUNNING,
    pid=128,
    started_at=STARTED,
    finished_at=NEVER,
    bundle=STORAGE / "overlay-containers" / CONTAINER_ID / "userdata",
    storage_driver="overlay",
    upper=STORAGE / "overlay/f2b3/diff",
    lowers=(STORAGE / "overlay/8b6b/diff",),
    mounts=(),
    auto_remove=False,
    init=False,
    user_namespace=False,
    pod="",
    annotations={},
    exec_sessions=(),
)

HOST: Final = Host(
    podman_version="5.4.2",
    criu_version="4.1.1",
    kernel_version="6.12.43+deb13-amd64",
    architecture="amd64",
    runtime="runc",
    runtime_version="runc version 1.1.15+ds1\ncommit: 1.1.15+ds1-2+b4",
    rootless=False,
    cgroup_version="v2",
    graph_root=STORAGE,
    storage_driver="overlay",
)

STOPPING: Final = Wanted(
    leave_running=False,
    archive=False,
    tcp_established=False,
    file_locks=False,
    ignore_root_fs=False,
    commands=False,
)
"""What is wanted of a checkpoint that stops the container."""
