"""What follows an object goes on when the API server is away, and ends when it refuses.

Not here: what else is asked of a cluster, which the end-to-end tests do with a real one.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from podman_checkpoint_operator.api.names import CHECKPOINTS
from podman_checkpoint_operator.cli.plugin import cluster
from podman_checkpoint_operator.cli.plugin.cluster import Cluster
from podman_checkpoint_operator.cli.plugin.outcome import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator

FOUND = {"metadata": {"name": "saved"}}


def follow(monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> list[Any]:
    """Follow an object that is seen, then not for once, and then again."""
    attempts: Iterator[list[Any]] = iter([[FOUND, trouble], [FOUND]])

    def states(*_: object) -> Iterator[Any]:
        for each in next(attempts):
            if isinstance(each, Exception):
                raise each
            yield each

    monkeypatch.setattr(Cluster, "_states", states)
    monkeypatch.setattr(f"{cluster.__name__}.time.sleep", lambda _: None)
    return list(islice(Cluster(None, None, "default").follow(CHECKPOINTS, "saved", seconds=0), 3))


@pytest.mark.parametrize(
    "trouble",
    [ApiException(status) for status in (410, 429, 500, 503)] + [HTTPError(), OSError()],
    ids=["gone", "its caches are empty", "broken", "not ready", "cut off", "refused"],
)
def test_it_goes_on(monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    assert follow(monkeypatch, trouble) == [FOUND, None, FOUND]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_it_ends_with_a_refusal(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with pytest.raises(Stop):
        follow(monkeypatch, ApiException(status, "no"))
