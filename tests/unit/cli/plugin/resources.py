"""Resources as the API server returns them, for the tests of what the plugin makes of them."""

from __future__ import annotations

from typing import Any, Final

from podman_checkpoint_operator.api.names import API_VERSION

URI: Final = "file:///var/lib/podman-checkpoint/archives/default/saved-a8d870e8.tar.zst"
DIGEST: Final = "sha256:" + "e3bda22f" * 8
BEGAN: Final = "2026-11-23T04:01:55Z"
ENDED: Final = "2026-11-23T04:01:58Z"


def condition(type_: str, status: str, reason: str, message: str = "said") -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": ENDED,
    }


def checkpoint(name: str = "saved", **status: Any) -> dict[str, Any]:
    """Return a checkpoint that nobody has taken up, unless ``status`` says more."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ContainerCheckpoint",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": "a8d870e8",
            "creationTimestamp": BEGAN,
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {
            "nodeName": "host-a",
            "containerRef": {"name": "web"},
            "leaveRunning": True,
            "fileLocks": False,
            "archive": {"compression": "zstd", "bindMounts": "Exclude"},
            "hooks": {"preCheckpoint": {"exec": {"command": ["sync"]}, "timeoutSeconds": 30}},
            "ghostLimit": {"policy": "Auto"},
            "timeoutSeconds": 600,
        },
        **({"status": status} if status else {}),
    }


def restore(name: str = "again", **status: Any) -> dict[str, Any]:
    """Return a restore of it."""
    made = checkpoint(name, **status)
    return {
        **made,
        "kind": "ContainerRestore",
        "spec": {"nodeName": "host-b", "source": {"checkpointRef": {"name": "saved"}}},
    }


def ready(**more: Any) -> dict[str, Any]:
    """Return the status of a checkpoint that has succeeded."""
    return {
        "conditions": [
            condition("Ready", "True", "ArchiveStored", f"Container web is saved in {URI}"),
            condition("MountsIncluded", "False", "MountsRequired", "/srv/web must be there"),
        ],
        "startTime": BEGAN,
        "completionTime": ENDED,
        "container": {
            "id": "00ec3483" * 8,
            "name": "web",
            "image": "localhost/lab/busybox:1",
            "imageID": "adb0a1aa" * 8,
            "runtime": "runc",
        },
        "host": {"podmanVersion": "5.4.2", "criuVersion": "4.2.1", "architecture": "amd64"},
        "archive": {"uri": URI, "sizeBytes": 195454566, "digest": DIGEST, "compression": "zstd"},
        "statistics": {"pausedMicroseconds": 298491, "pagesWritten": 35},
        "ghostLimit": {"limitBytes": 1048576, "predictedBytes": 0, "attempts": []},
        "preflight": [
            {"check": "Running", "result": "Pass", "message": "container web is running"},
            {"check": "HealthCheck", "result": "Warn", "message": "it has one"},
        ],
        "volumes": [
            {"type": "bind", "source": "/srv/web", "destination": "/web", "included": False}
        ],
        "hooks": [{"name": "preCheckpoint", "exitCode": 0, "output": "done"}],
        **more,
    }


def failed() -> dict[str, Any]:
    """Return the status of an operation that has failed."""
    evidence = "2 established TCP connections: 10.88.0.5:1433 -> 10.0.0.7:51410"
    message = f"{evidence}. Set spec.tcpEstablished: true."
    return {
        "conditions": [
            condition("Ready", "False", "TCPEstablished", message),
            condition("Stalled", "True", "TCPEstablished", message),
        ],
        "completionTime": BEGAN,
        "diagnosis": {
            "cause": "TCPEstablished",
            "evidence": evidence,
            "remedy": "Set spec.tcpEstablished: true in the checkpoint and in the restore, or close"
            " them",
        },
    }


def working(reason: str, message: str = "at work", *more: dict[str, Any]) -> dict[str, Any]:
    """Return the status of an operation under way."""
    return {
        "conditions": [
            condition("Ready", "Unknown", reason, message),
            condition("Reconciling", "True", reason, message),
            *more,
        ]
    }


def host(name: str = "host-a", **status: Any) -> dict[str, Any]:
    """Return a host whose agent has not reported, unless ``status`` says more."""
    return {
        "apiVersion": API_VERSION,
        "kind": "PodmanHost",
        "metadata": {"name": name, "uid": "4ec28f04", "creationTimestamp": BEGAN},
        **({"status": status} if status else {}),
    }


def reported(status: str = "True", reason: str = "HostReady", **more: Any) -> dict[str, Any]:
    """Return what a host's agent reports."""
    return {
        "conditions": [condition("Ready", status, reason, "said of the host")],
        "agentVersion": "0.1.0",
        "podmanVersion": "5.4.2",
        "criuVersion": "4.2.1",
        "runtime": {"name": "runc", "version": "1.1.15"},
        "kernelVersion": "6.12.48",
        "operatingSystem": "Debian GNU/Linux 13 (trixie)",
        "architecture": "amd64",
        "storageDriver": "overlay",
        "capabilities": {"preCopy": False, "tcpClose": True, "criuConfigFile": "/etc/criu/a.conf"},
        "stores": [
            {
                "name": "default",
                "path": "/srv/archives",
                "capacityBytes": 2**38,
                "availableBytes": 2**37,
            }
        ],
        "containers": {"running": 12},
        **more,
    }
