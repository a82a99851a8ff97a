"""The names of all preflight checks; documented in docs/preflight.md.

A check is in ``status.preflight`` with Pass, Warn or Fail, what was seen, and what to do.
"""

from __future__ import annotations

from enum import StrEnum


class CheckName(StrEnum):
    """What is looked at before a container or a target is touched: ``status.preflight.check``."""

    # Before a checkpoint
    ITSELF = "Itself"
    """The agent does not run in the container that it would hold or stop."""
    RUNNING = "Running"
    """The container runs: neither stopped nor paused."""
    REMOVED_ON_EXIT = "RemovedOnExit"
    """The container was started with `--rm`: Podman would remove it, and the checkpoint with it,
    when it stops."""
    USER_NAMESPACE = "UserNamespace"
    """A user namespace of the container's own; it would be saved and could not be restored."""
    INFRA = "Infra"
    """The container is not the infra container of a pod."""
    EXEC_SESSIONS = "ExecSessions"
    """`podman exec` sessions, which are no part of a checkpoint."""
    HEALTH_CHECK = "HealthCheck"
    """A health check: its runs are sessions too, and Podman does not begin them again after a
    restore."""
    UNIX_SOCKETS = "UnixSockets"
    """Connections over UNIX sockets with one end outside the container, or in a session. CRIU must
    save both ends. A session that is connected is given three seconds to end by itself."""
    CGROUP_WATCHES = "CgroupWatches"
    """Watches on files of control groups, as systemd in a container has them by default. CRIU
    cannot set them up again: the restore would fail, or systemd never sleep again."""
    INIT = "Init"
    """The init program of `--init` is a symbolic link on this host (Debian's catatonit, unless
    `init_path` names its target); the container would be saved and could not be restored."""
    OVERLAY_MOUNTS = "OverlayMounts"
    """Mounts that Podman assembles at each start (`--mount type=image`, `:O`); no restore
    assembles them."""
    BIND_MOUNTS = "BindMounts"
    """Bind mounts whose content is on the host and not in the archive."""
    SHARED_MOUNTS = "SharedMounts"
    """Volumes and bind mounts that are copied into the archive, and that other running containers
    write to as well: what those change meanwhile may or may not be in it."""
    FREEZER = "Freezer"
    """A container that runs on is held still through cgroup v2."""
    STORAGE_DRIVER = "StorageDriver"
    """The file system of the container can be captured for an archive."""
    RESTART_POLICY = "RestartPolicy"
    """`podman-restart.service` would start the container afresh after a reboot. The policy is
    suspended from the dump until the container runs again, where Podman can change it (5.1)."""
    PRE_COPY = "PreCopy"
    """The kernel can tell which memory changes while it is copied, for `spec.preCopy`."""
    # Before a restore
    NOT_RUNNING = "NotRunning"
    """The container to be restored in place does not run."""
    STORED_CHECKPOINT = "StoredCheckpoint"
    """Its state on the host is complete, of the checkpoint that is asked for, and not older than
    the container's last start or stop."""
    ORIGIN = "Origin"
    """The archive is of the checkpoint that is asked for, and of this namespace."""
    ARCHITECTURE = "Architecture"
    """The archive is of the host's CPU architecture."""
    CPU = "CPU"
    """The host's CPU has the instructions that programs may have found where they were saved."""
    OPTIONS = "Options"
    """This Podman knows the options of the spec, and they fit the container."""
    POD = "Pod"
    """The pod that the container belongs to, or is to go into, is there and shares what it
    needs."""
    SHARED_NETWORK = "SharedNetwork"
    """Other containers share the container's network: it is shut for all of them from the
    checkpoint to the restore."""
    DEPENDENCIES = "Dependencies"
    """The containers that must run before this one do."""
    CONTAINER_ID = "ContainerID"
    """No container of the host has the ID."""
    CONTAINER_NAME = "ContainerName"
    """No container of the host has the name."""
    IMAGE = "Image"
    """The container's image is on the host, by name and ID."""
    NETWORKS = "Networks"
    """The container's networks are on the host."""
    ADDRESSES = "Addresses"
    """The container's addresses are free on the host."""
    PORTS = "Ports"
    """The ports that the container publishes are free on the host."""
    VOLUMES = "Volumes"
    """The container's named volumes are not on the host yet, or are to be used as they are."""
    BIND_MOUNT_SOURCES = "BindMountSources"
    """Bind mounts whose content is in the archive: nothing is at their sources, or
    `spec.bindMounts` says to use what is there; and there is room for the content."""
    # Before both
    NAMESPACE = "Namespace"
    """The container's label `podman-checkpoint.dev/namespace`, where it has one, is the resource's
    namespace; on a host with `spec.requireNamespaceLabel` it has one. A container that is to be
    replaced or adopted is looked at, too."""
    CAPABILITIES = "Capabilities"
    """The agent has the capabilities that the operation needs (install.md)."""
    HOST_FILES = "HostFiles"
    """The agent sees the host's directories as the host does, and can write where it needs to: an
    agent in a container has all its mounts (install.md)."""
    ROOTFUL = "Rootful"
    """Podman runs as root; CRIU cannot do without."""
    CRIU = "CRIU"
    """CRIU is there, and fits the host's kernel, what the container holds, and the CRIU that made
    the archive."""
    RUNTIME = "Runtime"
    """The OCI runtime can checkpoint; before a restore, it is the one that made the archive."""
    MOUNT_SOURCES = "MountSources"
    """Sources of mounts exist and are no symbolic links: CRIU cannot restore those."""
    TCP_CONNECTIONS = "TCPConnections"
    """Established TCP connections need `tcpEstablished` on both sides."""
    FILE_LOCKS = "FileLocks"
    """File locks need `fileLocks` on both sides."""
    SYSTEMD_UNIT = "SystemdUnit"
    """A systemd unit (a Quadlet is one) that runs the container, and would start it afresh or
    remove it while its state waits on the host; unless it is held meanwhile (quadlets.md)."""
    DISK_SPACE = "DiskSpace"
    """Room for CRIU's images (memory, tmpfs, deleted files), captured files and the archive;
    before a restore, for the unpacked archive."""
