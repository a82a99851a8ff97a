"""Specs that the API admits and refuses, and what it says.

One table for the models and for the real API server, so that the two cannot come to disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from podman_checkpoint_operator.api.names import API_VERSION, CHECKPOINTS, RESTORES

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES: Final = Path(__file__).parents[1] / "manifests" / "samples"
NOBODY: Final = "no-agent-here"
"""A host without an agent: nothing acts on what is created for it."""

DIGEST: Final = "sha256:" + "0123456789abcdef" * 4


def manifest(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return a resource of the namespace ``default``."""
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def checkpoint(**fields: object) -> dict[str, Any]:
    """Return the smallest spec of a checkpoint, with ``fields`` added."""
    return {"nodeName": NOBODY, "containerRef": {"name": "sql1"}, **fields}


def restore(**fields: object) -> dict[str, Any]:
    """Return the smallest spec of a restore from a checkpoint, with ``fields`` added."""
    return {"nodeName": NOBODY, "source": {"checkpointRef": {"name": "before"}}, **fields}


def in_place(**fields: object) -> dict[str, Any]:
    """Return the smallest spec of a restore from the state left on the host."""
    return restore(source={"containerRef": {"name": "sql1"}}, **fields)


def archived(*, uri: str = "file:///a.tar", digest: str = DIGEST) -> dict[str, Any]:
    """Return the smallest spec of a restore from an archive."""
    return restore(source={"archive": {"uri": uri, "digest": digest}})


@dataclass(frozen=True)
class Case:
    """A spec, and for one that is refused a part of the message by either side."""

    kind: str
    spec: dict[str, Any]
    message: str = ""
    """What the rule says, in the CRD and in the model; empty if the schema refuses it."""
    field: str = ""
    """The field that the API server names."""

    def __str__(self) -> str:
        changed = {k: v for k, v in self.spec.items() if v not in (NOBODY, {"name": "sql1"})}
        return f"{self.kind}-{changed}"


def _checkpoint(message: str = "", field: str = "", **fields: object) -> Case:
    return Case(CHECKPOINTS.kind, checkpoint(**fields), message, field)


def _restore(message: str = "", field: str = "", **fields: object) -> Case:
    return Case(RESTORES.kind, restore(**fields), message, field)


def _in_place(message: str, **fields: object) -> Case:
    return Case(RESTORES.kind, in_place(**fields), message, "spec")


_GHOST: Final = "spec.ghostLimit"
_HOOK: Final = {"exec": {"command": ["psql", "-c", "CHECKPOINT"]}}
_PORTS: Final = "write [[address:]hostPort:]containerPort[/protocol]"

REFUSED: Final = [
    # The schema
    Case(CHECKPOINTS.kind, {"nodeName": NOBODY}, field="spec.containerRef"),
    Case(CHECKPOINTS.kind, {"containerRef": {"name": "sql1"}}, field="spec.nodeName"),
    Case(RESTORES.kind, {"nodeName": NOBODY}, field="spec.source"),
    _checkpoint(field="spec.nodeName", nodeName="Host_A"),
    _checkpoint(field="spec.nodeName", nodeName=""),
    _checkpoint(field="spec.nodeName", nodeName="a" * 254),
    _checkpoint(field="spec.containerRef.name", containerRef={"name": "--all"}),
    _checkpoint(field="spec.containerRef.name", containerRef={"name": "../../etc/passwd"}),
    _checkpoint(field="spec.containerRef.name", containerRef={"name": "sql1?all=true"}),
    _checkpoint(field="spec.containerRef.name", containerRef={"name": "sql 1"}),
    _checkpoint(field="spec.containerRef.name", containerRef={"name": ""}),
    _checkpoint(field="spec.containerRef.id", containerRef={"id": "xyz"}),
    _checkpoint(field="spec.containerRef.id", containerRef={"id": "0123456789a"}),
    _checkpoint(field="spec.archive.compression", archive={"compression": "xz"}),
    _checkpoint(field="spec.archive.bindMounts", archive={"bindMounts": True}),
    _restore(field="spec.bindMounts", bindMounts="Overwrite"),
    _checkpoint(field="spec.deletionPolicy", archive={}, deletionPolicy="Keep"),
    _checkpoint(field="spec.timeoutSeconds", timeoutSeconds=0),
    _checkpoint(field="spec.timeoutSeconds", timeoutSeconds=86401),
    _checkpoint(field="spec.timeoutSeconds", timeoutSeconds=1.5),
    _checkpoint(field=f"{_GHOST}.policy", ghostLimit={"policy": "auto"}),
    _checkpoint(field=f"{_GHOST}.limit", ghostLimit={"limit": "40MB"}),
    _checkpoint(field=f"{_GHOST}.limit", ghostLimit={"limit": "-40M"}),
    _checkpoint(field=f"{_GHOST}.max", ghostLimit={"max": "much"}),
    _checkpoint(field="spec.preCheckpoint", preCheckpoint=True),
    _checkpoint(field=f"{_GHOST}.maximum", ghostLimit={"maximum": "1Gi"}),
    _restore(field="spec.existingContainer", existingContainer="Overwrite"),
    _restore(field="spec.name", name="-v"),
    _restore(field="spec.pod", pod="a/b"),
    _restore(field="spec.source.checkpointRef.name", source={"checkpointRef": {}}),
    _restore(field="spec.source.checkpointRef.name", source={"checkpointRef": {"name": "A b"}}),
    _restore(field="spec.source.archive.digest", source={"archive": {"uri": "file:///a"}}),
    Case(RESTORES.kind, archived(digest="sha256:ABC"), field="spec.source.archive.digest"),
    Case(RESTORES.kind, archived(digest="0" * 64), field="spec.source.archive.digest"),
    Case(RESTORES.kind, archived(uri="/a.tar"), field="spec.source.archive.uri"),
    Case(RESTORES.kind, archived(uri="file://host/a.tar"), field="spec.source.archive.uri"),
    _checkpoint(field="spec.hooks.preCheckpoint.exec", hooks={"preCheckpoint": {}}),
    _checkpoint(
        field="spec.hooks.preCheckpoint.onError", hooks={"preCheckpoint": {**_HOOK, "onError": "?"}}
    ),
    _checkpoint(field="spec.hooks.preRestore", hooks={"preRestore": _HOOK}),
    _restore(field="spec.verify.exec", verify={}),
    _restore(field="spec.verify.exec.command", verify={"exec": {}}),
    _restore(field="spec.verify.exec.command", verify={"exec": {"command": []}}),
    _restore(field="spec.verify.exec.command", verify={"exec": {"command": "true"}}),
    _restore(
        field="spec.verify.timeoutSeconds",
        verify={"exec": {"command": ["true"]}, "timeoutSeconds": 0},
    ),
    # Unions
    _checkpoint("set exactly one of name and id", "spec.containerRef", containerRef={}),
    _checkpoint(
        "set exactly one of name and id",
        "spec.containerRef",
        containerRef={"name": "sql1", "id": "0123456789ab"},
    ),
    _restore(
        "set exactly one of checkpointRef, archive and containerRef", "spec.source", source={}
    ),
    _restore(
        "set exactly one of checkpointRef, archive and containerRef",
        "spec.source",
        source={"checkpointRef": {"name": "a"}, "containerRef": {"name": "a"}},
    ),
    _restore(
        "set exactly one of name and id",
        "spec.source.containerRef",
        source={"containerRef": {}},
    ),
    # One field against another
    _checkpoint("leaveRunning needs archive", "spec.leaveRunning", leaveRunning=True),
    _checkpoint("Delete needs archive", "spec.deletionPolicy", deletionPolicy="Delete"),
    _checkpoint("ignoreRootFS and ignoreVolumes need archive", "spec", ignoreRootFS=True),
    _checkpoint("ignoreRootFS and ignoreVolumes need archive", "spec", ignoreVolumes=True),
    _checkpoint("policy Fixed needs limit", _GHOST, ghostLimit={"policy": "Fixed"}),
    _checkpoint("policy Fixed needs limit", _GHOST, ghostLimit={"policy": "Fixed", "max": 1}),
    _checkpoint("takes neither", _GHOST, ghostLimit={"policy": "Disabled", "limit": 1}),
    _checkpoint("takes neither", _GHOST, ghostLimit={"policy": "Disabled", "max": "1Gi"}),
    _checkpoint("greater than zero", _GHOST, ghostLimit={"limit": 0}),
    _checkpoint(field=_GHOST, ghostLimit={"limit": -1}),
    _checkpoint("greater than zero", _GHOST, ghostLimit={"max": "0Mi"}),
    _checkpoint("lower limit or raise max", _GHOST, ghostLimit={"limit": "1Gi", "max": "1G"}),
    _checkpoint("lower limit or raise max", _GHOST, ghostLimit={"limit": 1073741825}),
    _checkpoint(
        "lower limit or raise max", _GHOST, ghostLimit={"policy": "Fixed", "limit": 2, "max": 1}
    ),
    _checkpoint("needs leaveRunning", "spec.hooks", archive={}, hooks={"postCheckpoint": _HOOK}),
    _restore("exclude each other", "spec.tcpClose", tcpEstablished=True, tcpClose=True),
    _restore(
        "tcpEstablished excludes name", "spec.tcpEstablished", name="copy", tcpEstablished=True
    ),
    _in_place("name, pod and publishPorts need an archive", name="copy"),
    _in_place("name, pod and publishPorts need an archive", pod="p1"),
    _in_place("name, pod and publishPorts need an archive", publishPorts=["1:1"]),
    _in_place("ignoreRootFS and ignoreVolumes need an archive", ignoreRootFS=True),
    _in_place("ignoreRootFS and ignoreVolumes need an archive", ignoreVolumes=True),
    _in_place("Replace needs an archive", existingContainer="Replace"),
    *(
        _restore(_PORTS, "spec.publishPorts[0]", publishPorts=[port])
        for port in (
            "0",
            "65536",
            "70000:1433",
            "1433:99999",
            "x:1433",
            "1433:",
            "1433/icmp",
            "--all",
            "::1:1433:1433",
            "localhost:1433:1433",
            "1433 :1433",
            "1433:1433\n",
        )
    ),
]

ADMITTED: Final = [
    _checkpoint(),
    _checkpoint(containerRef={"id": "0123456789ab"}),
    _checkpoint(containerRef={"id": "0123456789abcdef" * 4}),
    _checkpoint(containerRef={"name": "Sql_1.prod-2"}),
    _checkpoint(nodeName="host-a.example.org"),
    _checkpoint(leaveRunning=True, archive={}, deletionPolicy="Delete", ignoreVolumes=True),
    _checkpoint(archive={"compression": "gzip"}, ignoreRootFS=True, tcpEstablished=True),
    _checkpoint(fileLocks=True, timeoutSeconds=86400),
    _checkpoint(preCopy=True),
    _checkpoint(ghostLimit={}),
    _checkpoint(ghostLimit={"limit": "40M", "max": "1Gi"}),
    _checkpoint(ghostLimit={"limit": 40000000, "max": "40M"}),
    _checkpoint(ghostLimit={"limit": ".5Gi", "max": "6e8"}, archive={"compression": "none"}),
    _checkpoint(ghostLimit={"policy": "Fixed", "limit": "64Gi"}),
    _checkpoint(ghostLimit={"policy": "Disabled"}),
    _checkpoint(hooks={"preCheckpoint": {**_HOOK, "onError": "Continue"}}),
    _checkpoint(
        leaveRunning=True,
        archive={},
        hooks={"preCheckpoint": _HOOK, "postCheckpoint": {**_HOOK, "timeoutSeconds": 86400}},
    ),
    _checkpoint(archive={"bindMounts": "Include"}),
    _restore(bindMounts="UseExisting"),
    _restore(),
    _restore(name=""),
    _restore(name="copy", tcpClose=True, publishPorts=["1434:1433"], existingContainer="Replace"),
    _restore(name="copy", pod="p1", ignoreStaticIP=True, ignoreStaticMAC=True, fileLocks=True),
    _restore(
        publishPorts=[
            "1433",
            "65535:1/udp",
            "127.0.0.1:15432:5432/tcp",
            "127.0.0.1::5432",
            "[::1]:8000-8010:8000-8010/sctp",
        ]
    ),
    _restore(verify={"exec": {"command": ["sh", "-c", "exit 0"]}, "timeoutSeconds": 300}),
    Case(RESTORES.kind, in_place(verify={"exec": {"command": ["true"]}})),
    Case(RESTORES.kind, in_place(tcpEstablished=True, existingContainer="Adopt")),
    Case(RESTORES.kind, in_place(ignoreStaticIP=True, ignoreStaticMAC=True)),
    Case(RESTORES.kind, archived()),
]


def samples() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every sample manifest with the file that it is in."""
    for file in sorted(SAMPLES.rglob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            yield file, document
