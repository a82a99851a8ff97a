"""What a restore needs to know is found in Podman's files; nothing in them breaks the reader."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.archive.metadata import (
    BindMount,
    Network,
    Port,
    Volume,
    parse_metadata,
)
from podman_checkpoint_operator.decisions.failures import OperationFailed
from tests.unit.archive.checkpoints import CONFIG, ID, IMAGE_ID, NETWORK_STATUS, SPEC

FILES = {
    "config.dump": json.dumps(CONFIG).encode(),
    "spec.dump": json.dumps(SPEC).encode(),
    "network.status": json.dumps(NETWORK_STATUS).encode(),
    "podman-checkpoint.dev.json": b'{"host": "host-a", "architecture": "arm64"}',
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def test_all_of_it() -> None:
    metadata = parse_metadata(FILES)
    assert (metadata.id, metadata.name, metadata.runtime) == (ID, "sql1", "runc")
    assert (metadata.image_id, metadata.image_name) == (IMAGE_ID, "localhost/lab/postgres:1")
    assert metadata.networks == (
        Network("podman", ("10.88.0.9",), ("10.88.0.9/16",), "92:d0:c6:0a:29:33", ""),
    )
    assert metadata.ports == (
        Port(host_ip="", host_port=15432, container_port=5432, count=2, protocol="tcp"),
    )
    assert metadata.volumes == (Volume("data", "/var/lib/data"),)
    assert metadata.bind_mounts == (BindMount("/srv/mssql", "/var/opt/mssql"),)
    assert metadata.origin == {"host": "host-a", "architecture": "arm64"}
    assert metadata.architecture == "arm64"


def test_labels() -> None:
    assert parse_metadata(FILES).labels == {}
    config = {**CONFIG, "labels": {"app": "sql", "odd": 1}}
    files = {**FILES, "config.dump": json.dumps(config).encode()}
    assert parse_metadata(files).labels == {"app": "sql"}


def test_podmans_own_archive_tells_the_architecture_by_seccomp() -> None:
    files = {name: FILES[name] for name in ("config.dump", "spec.dump")}
    metadata = parse_metadata(files)
    assert metadata.architecture == "amd64"
    assert metadata.origin == {}
    assert metadata.networks[0].addresses == ()


def test_networks_as_podman_6_writes_them() -> None:
    config = CONFIG | {
        "newNetworks": None,
        "orderedNetworks": [
            {"name": "podman", "static_ips": ["10.88.0.9"], "static_mac": "aa:bb:cc:dd:ee:ff"}
        ],
    }
    metadata = parse_metadata(FILES | {"config.dump": json.dumps(config).encode()})
    assert metadata.networks[0].name == "podman"
    assert metadata.networks[0].mac == "92:d0:c6:0a:29:33"
    assert metadata.networks[0].static_mac == "aa:bb:cc:dd:ee:ff"


def test_container_without_networks() -> None:
    config = {"id": ID, "name": "none"}
    metadata = parse_metadata(
        {"config.dump": json.dumps(config).encode(), "spec.dump": b"{}", "network.status": b"null"}
    )
    assert metadata.networks == ()


def test_mounts_of_the_pods_infra_container_are_podmans_own() -> None:
    infra = "1d" * 32
    own = f"/var/lib/containers/storage/overlay-containers/{infra}/userdata/shm"
    spec = {"mounts": [{"type": "bind", "source": own, "destination": "/dev/shm"}]}
    config = CONFIG | {"pod": "9c" * 32, "ipcNsCtr": infra, "netNsCtr": infra, "pidNsCtr": ""}
    metadata = parse_metadata(
        FILES | {"config.dump": json.dumps(config).encode(), "spec.dump": json.dumps(spec).encode()}
    )
    assert metadata.pod == "9c" * 32
    assert metadata.shared_namespaces == ("ipc", "net")
    assert metadata.bind_mounts == ()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b"{}"])
def test_useless_config(content: bytes) -> None:
    with pytest.raises(OperationFailed, match=r"config\.dump"):
        parse_metadata(FILES | {"config.dump": content})


@given(
    st.dictionaries(st.sampled_from(sorted(CONFIG)), JSON),
    st.dictionaries(st.sampled_from(["mounts", "linux"]), JSON),
    st.dictionaries(st.just("podman"), JSON),
)
def test_wrong_types_are_read_as_absent(
    config: dict[str, object], spec: dict[str, object], status: dict[str, object]
) -> None:
    files = {
        "config.dump": json.dumps(CONFIG | config | {"id": ID}).encode(),
        "spec.dump": json.dumps(SPEC | spec).encode(),
        "network.status": json.dumps(status).encode(),
    }
    assert parse_metadata(files).id == ID
