"""Names of the archive's members, fixed by Podman, and which of them make it a checkpoint."""

from __future__ import annotations

from typing import Final

from ..api.names import ORIGIN_FILE

ORIGIN: Final = ORIGIN_FILE
"""Ours: where the checkpoint comes from. Podman unpacks it beside the rest and ignores it."""

CONFIG: Final = "config.dump"
SPEC: Final = "spec.dump"
NETWORK_STATUS: Final = "network.status"
STATISTICS: Final = "stats-dump"
ARTIFACTS: Final = "artifacts"
DEVSHM: Final = "devshm-checkpoint.tar"
LOG: Final = "ctr.log"
CHECKPOINT: Final = "checkpoint"
PRE_CHECKPOINT: Final = "pre-checkpoint"
"""Memory that was copied before the dump; images in ``checkpoint`` refer to it by a link."""
PARENT: Final = "parent"
"""That link, in the directory of the images."""
ROOTFS_DIFF: Final = "rootfs-diff.tar"
DELETED_FILES: Final = "deleted.files"
VOLUMES: Final = "volumes"

VOLUME_CONTENTS: Final = f"{VOLUMES}/*.tar"
"""The content of one volume each."""

BIND_MOUNTS_INDEX: Final = "bind-mounts.json"
"""Ours: the sources of bind mounts whose content is in the archive."""

BIND_MOUNTS: Final = "bind-mounts"
"""Ours, and last: Podman is given the archive up to here."""

BIND_MOUNT: Final = BIND_MOUNTS + "/{}.tar"
"""The content of one source."""

SPARSE_FILES: Final = "sparse-files.json"
"""Ours: where files in the root file system and in volumes have holes."""

METADATA: Final = (
    ORIGIN,
    BIND_MOUNTS_INDEX,
    SPARSE_FILES,
    CONFIG,
    SPEC,
    NETWORK_STATUS,
    STATISTICS,
)
"""Small, and first in our archives, so that they can be read without the memory pages."""

REQUIRED: Final = (CONFIG, SPEC, f"{CHECKPOINT}/inventory.img")
"""Without any one of these Podman refuses to restore."""

FILE_LOCKS: Final = f"{CHECKPOINT}/filelocks.img"
"""There only if the processes held file locks."""

CONNECTIONS: Final = f"{CHECKPOINT}/tcp-stream-*.img"
"""One for each established TCP connection."""

HINTS: Final = (FILE_LOCKS, CONNECTIONS)
"""Shell patterns of members that tell which options a restore needs."""
