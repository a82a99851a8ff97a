"""From what kopf watches to operations: which resources are handed on, which get a finalizer.

kopf's real operator runs against a server that serves and records.
"""

from __future__ import annotations

from typing import Any

import kopf
import pytest

from podman_checkpoint_operator.api.names import CHECKPOINTS, FINALIZER, RESTORES
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.handlers import Handled, register
from tests.unit.handlers.fakes import (
    NoReconciler,
    RecordingDrain,
    RecordingOperations,
    RecordingRegistration,
)
from tests.unit.kubernetes_api import KubernetesApi, custom_object, serving
from tests.unit.operator_run import run_operator


def handled(operations: RecordingOperations) -> tuple[kopf.OperatorRegistry, Handled]:
    registry = kopf.OperatorRegistry()
    all_ = Handled(
        operations,
        NoReconciler(),
        NoReconciler(),
        RecordingRegistration(),
        RecordingDrain(),
        lambda: None,
    )
    register(registry, all_)
    return registry, all_


def deleted(name: str, **spec: Any) -> dict[str, Any]:
    body = custom_object(name, **spec)
    body["metadata"] |= {
        "deletionTimestamp": "2026-03-01T12:30:00Z",
        "finalizers": [FINALIZER],
    }
    return body


def finalizer_patches(api: KubernetesApi) -> dict[str, str]:
    """Return the text of each patch that is about finalizers, by the path it was sent to."""
    return {each.path: str(each.body) for each in api.asked("PATCH") if "finalizers" in str(each)}


def test_each_kind_goes_to_its_reconciler_with_all_that_it_needs() -> None:
    operations = RecordingOperations()
    registry, all_ = handled(operations)
    checkpoint = custom_object("cp", deletionPolicy="Retain")
    checkpoint["status"] = {"conditions": []}
    restore = custom_object("rs", kind=RESTORES.kind)
    objects = {CHECKPOINTS.plural: [checkpoint], RESTORES.plural: [restore]}
    with serving(objects=objects) as api:
        run_operator(registry, api, until=lambda: len(operations.ensured) >= 2)
        # Without a finalizer or other bookkeeping, objects stay as their users wrote them.
        assert not api.asked("PATCH")
    by_name = {resource.name: (resource, to) for resource, to in operations.ensured}
    resource, reconciler = by_name["cp"]
    assert reconciler is all_.checkpoints
    assert by_name["rs"][1] is all_.restores
    assert (resource.kind, resource.uid) == ("ContainerCheckpoint", "uid-cp")
    assert resource.key == "ContainerCheckpoint default/cp"
    assert resource.spec == checkpoint["spec"]
    assert resource.status == checkpoint["status"]
    assert resource.generation == 1


def test_only_a_checkpoint_that_owns_its_archive_gets_a_finalizer() -> None:
    operations = RecordingOperations()
    registry, _ = handled(operations)
    objects = {
        CHECKPOINTS.plural: [
            custom_object("kept", deletionPolicy="Retain"),
            custom_object("owner", deletionPolicy="Delete"),
        ]
    }
    with serving(objects=objects) as api:
        run_operator(registry, api, until=lambda: finalizer_patches(api))
    (path,) = finalizer_patches(api)
    assert path.endswith("/owner")
    assert FINALIZER in finalizer_patches(api)[path]


def test_a_deleted_owner_is_let_go_when_its_archive_is_gone() -> None:
    operations = RecordingOperations()
    registry, _ = handled(operations)
    with serving(objects={CHECKPOINTS.plural: [deleted("owner", deletionPolicy="Delete")]}) as api:
        run_operator(registry, api, until=lambda: finalizer_patches(api))
    assert [each.name for each in operations.discarded] == ["owner"]


def test_an_archive_that_cannot_be_deleted_now_keeps_its_resource_and_users_hear_of_it() -> None:
    def refuse() -> None:
        raise OperationFailed(Cause.PERMISSION_DENIED, "the store is read-only", "Mount it anew")

    operations = RecordingOperations(refuse)
    registry, _ = handled(operations)
    with serving(objects={CHECKPOINTS.plural: [deleted("owner", deletionPolicy="Delete")]}) as api:
        run_operator(registry, api, until=lambda: api.asked("POST", "/events"))
    event = api.asked("POST", "/events")[0].body
    assert event["reason"] == "PermissionDenied"
    assert event["type"] == "Warning"
    assert "Mount it anew" in event["message"]
    assert not finalizer_patches(api)


@pytest.mark.parametrize("policy", ["Retain", None])
def test_what_owns_nothing_is_not_discarded(policy: str | None) -> None:
    operations = RecordingOperations()
    registry, _ = handled(operations)
    body = deleted("other", **({"deletionPolicy": policy} if policy else {}))
    with serving(objects={CHECKPOINTS.plural: [body]}) as api:
        # kopf lets go of its finalizer where no handler wants to see the deletion.
        run_operator(registry, api, until=lambda: finalizer_patches(api))
    assert not operations.discarded
