"""A small, complete set of sources for an archive: the files that Podman leaves in a bundle."""

from __future__ import annotations

import io
import json
from pathlib import Path

from podman_checkpoint_operator.api.common import Compression
from podman_checkpoint_operator.archive.rootfs import RootfsDiff
from podman_checkpoint_operator.archive.writer import ArchiveSources, Written, write_archive

ID = "3f" * 32
IMAGE_ID = "ab" * 32
PAGES = bytes(range(256)) * 4096 + bytes(300_000)

CONFIG = {
    "id": ID,
    "name": "sql1",
    "rootfsImageID": IMAGE_ID,
    "rootfsImageName": "localhost/lab/postgres:1",
    "runtime": "runc",
    "newNetworks": {"podman": {"static_ips": ["10.88.0.9"], "interface_name": "eth0"}},
    "newPortMappings": [
        {"host_ip": "", "container_port": 5432, "host_port": 15432, "range": 2, "protocol": "tcp"}
    ],
    "namedVolumes": [{"volumeName": "data", "dest": "/var/lib/data"}],
}
SPEC = {
    "mounts": [
        {"type": "proc", "source": "proc", "destination": "/proc"},
        {"type": "bind", "source": "/srv/mssql", "destination": "/var/opt/mssql"},
        {"type": "bind", "source": "/vol/data/_data", "destination": "/var/lib/data"},
        {
            "type": "bind",
            "source": f"/run/containers/storage/overlay-containers/{ID}/userdata/hosts",
            "destination": "/etc/hosts",
        },
    ],
    "linux": {"seccomp": {"architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]}},
}
NETWORK_STATUS = {
    "podman": {
        "interfaces": {
            "eth0": {
                "subnets": [{"ipnet": "10.88.0.9/16", "gateway": "10.88.0.1"}],
                "mac_address": "92:d0:c6:0a:29:33",
            }
        }
    }
}


def make_sources(directory: Path) -> ArchiveSources:
    """Make a bundle, a layer and a volume below a directory."""
    bundle, upper, lower, volume = (directory / n for n in ("userdata", "upper", "lower", "volume"))
    for path in (bundle / "checkpoint", bundle / "artifacts", upper, lower, volume):
        path.mkdir(parents=True)
    (bundle / "checkpoint/inventory.img").write_bytes(b"inventory")
    (bundle / "checkpoint/pages-1.img").write_bytes(PAGES)
    (bundle / "config.dump").write_text(json.dumps(CONFIG))
    (bundle / "spec.dump").write_text(json.dumps(SPEC))
    (bundle / "network.status").write_text(json.dumps(NETWORK_STATUS))
    (bundle / "stats-dump").write_bytes(b"statistics")
    (bundle / "devshm-checkpoint.tar").write_bytes(bytes(1024))
    (bundle / "ctr.log").write_text("2024-01-01T00:00:00Z stdout F ready\n")
    (lower / "state").write_text("image")
    (upper / "state").write_text("container")
    (volume / "table").write_text("rows")
    return ArchiveSources(
        checkpoint_dir=bundle / "checkpoint",
        config_dump=bundle / "config.dump",
        spec_dump=bundle / "spec.dump",
        network_status=bundle / "network.status",
        stats_dump=bundle / "stats-dump",
        devshm_tar=bundle / "devshm-checkpoint.tar",
        artifacts_dir=bundle / "artifacts",
        log=bundle / "ctr.log",
        rootfs=RootfsDiff(upper, (lower,)),
        volumes={"data": volume},
        origin={"host": "host-a", "namespace": "default", "architecture": "amd64"},
    )


def minimal(sources: ArchiveSources) -> ArchiveSources:
    """Leave out everything that may be missing."""
    return ArchiveSources(
        checkpoint_dir=sources.checkpoint_dir,
        config_dump=sources.config_dump,
        spec_dump=sources.spec_dump,
    )


def archive(
    sources: ArchiveSources, compression: Compression = Compression.NONE
) -> tuple[bytes, Written]:
    """Return the bytes of an archive, and what the writer says about them."""
    out = io.BytesIO()
    written = write_archive(sources, out, compression=compression)
    return out.getvalue(), written
