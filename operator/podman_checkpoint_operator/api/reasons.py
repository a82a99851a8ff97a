"""The one vocabulary of condition types, reasons and causes; documented in docs/reasons.md.

A failed condition carries the cause as its reason, so that ``kubectl get`` names it in a column.
"""

from __future__ import annotations

from enum import StrEnum


class ConditionType(StrEnum):
    """Types of ``status.conditions``; the first three follow kstatus."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    CHECKPOINTED = "Checkpointed"
    ARCHIVE_STORED = "ArchiveStored"
    PREFLIGHT_PASSED = "PreflightPassed"
    RESTORED = "Restored"


class Reason(StrEnum):
    """Why a condition that did not fail has its status."""

    ACCEPTED = "Accepted"
    QUEUED = "Queued"
    WAITING_FOR_CHECKPOINT = "WaitingForCheckpoint"
    WAITING_FOR_PODMAN = "WaitingForPodman"
    PREFLIGHT = "Preflight"
    PREFLIGHT_PASSED = "PreflightPassed"
    CHECKPOINTING = "Checkpointing"
    CHECKPOINTED = "Checkpointed"
    ARCHIVING = "Archiving"
    ARCHIVE_STORED = "ArchiveStored"
    VERIFYING_ARCHIVE = "VerifyingArchive"
    RESTORING = "Restoring"
    RESTORED = "Restored"
    ADOPTED = "Adopted"


class Cause(StrEnum):
    """Why an operation failed: ``status.diagnosis.cause`` and the reason of ``Stalled``."""

    # What the container does
    GHOST_FILE_TOO_LARGE = "GhostFileTooLarge"
    TCP_ESTABLISHED = "TCPEstablished"
    TCP_IN_FLIGHT = "TCPInFlight"
    FILE_LOCKS = "FileLocks"
    LINK_REMAP = "LinkRemapNeeded"
    EXTERNAL_UNIX_SOCKET = "ExternalUnixSocket"
    EXEC_SESSION = "ExecSession"
    IO_URING = "IOUring"
    UNSUPPORTED_FILE = "UnsupportedFile"
    UNSUPPORTED_MOUNT = "UnsupportedMount"
    UNSUPPORTED_PROCESS = "UnsupportedProcess"
    NESTED_NAMESPACE = "NestedNamespace"
    TERMINAL = "Terminal"
    MULTIPATH_TCP = "MultipathTCP"
    INOTIFY = "Inotify"
    GPU = "GPU"
    # How the container was made
    CONTAINER_NOT_FOUND = "ContainerNotFound"
    CONTAINER_NOT_RUNNING = "ContainerNotRunning"
    CONTAINER_RUNNING = "ContainerRunning"
    CONTAINER_CHANGED = "ContainerChanged"
    REMOVED_ON_EXIT = "RemovedOnExit"
    SYMLINKED_MOUNT_SOURCE = "SymlinkedMountSource"
    SYMLINKED_INIT = "SymlinkedInit"
    USER_NAMESPACE = "UserNamespace"
    # The host
    PODMAN_UNREACHABLE = "PodmanUnreachable"
    PODMAN_REFUSED = "PodmanRefused"
    RUNTIME_WITHOUT_CRIU = "RuntimeWithoutCRIU"
    CRIU_TOO_OLD = "CRIUTooOld"
    CRIU_CONFIG_INVALID = "CRIUConfigInvalid"
    KERNEL_LACKS_FEATURE = "KernelLacksFeature"
    ROOTLESS = "Rootless"
    UNSUPPORTED_STORAGE_DRIVER = "UnsupportedStorageDriver"
    NO_SPACE = "NoSpace"
    NO_MEMORY = "NoMemory"
    CANNOT_FREEZE = "CannotFreeze"
    NETWORK_LOCK = "NetworkLock"
    CGROUP = "Cgroup"
    PERMISSION_DENIED = "PermissionDenied"
    # The checkpoint that is to be restored
    CHECKPOINT_NOT_FOUND = "CheckpointNotFound"
    CHECKPOINT_FAILED = "CheckpointFailed"
    CHECKPOINT_MISSING = "CheckpointMissing"
    CHECKPOINT_STALE = "CheckpointStale"
    CHECKPOINT_ON_OTHER_HOST = "CheckpointOnOtherHost"
    ARCHIVE_MISSING = "ArchiveMissing"
    ARCHIVE_TRUNCATED = "ArchiveTruncated"
    ARCHIVE_CORRUPT = "ArchiveCorrupt"
    ARCHIVE_DIGEST_MISMATCH = "ArchiveDigestMismatch"
    ARCHIVE_OUTSIDE_STORE = "ArchiveOutsideStore"
    ARCHIVE_EXISTS = "ArchiveExists"
    # The target of a restore
    NAME_IN_USE = "NameInUse"
    ID_IN_USE = "IDInUse"
    PORT_IN_USE = "PortInUse"
    ADDRESS_IN_USE = "AddressInUse"
    VOLUME_IN_USE = "VolumeInUse"
    IMAGE_MISSING = "ImageMissing"
    NETWORK_MISSING = "NetworkMissing"
    MOUNT_SOURCE_MISSING = "MountSourceMissing"
    RUNTIME_MISMATCH = "RuntimeMismatch"
    ARCHITECTURE_MISMATCH = "ArchitectureMismatch"
    CPU_MISMATCH = "CPUMismatch"
    SECURITY_MODULE = "SecurityModule"
    FILE_CHANGED = "FileChanged"
    PID_IN_USE = "PIDInUse"
    POD_NEEDED = "PodNeeded"
    IMAGE_VERSION = "ImageVersion"
    DIED_AFTER_RESTORE = "DiedAfterRestore"
    # The operation itself
    INVALID_SPEC = "InvalidSpec"
    UNSUPPORTED_OPTION = "UnsupportedOption"
    TIMED_OUT = "TimedOut"
    INTERRUPTED = "Interrupted"
    UNKNOWN = "Unknown"
