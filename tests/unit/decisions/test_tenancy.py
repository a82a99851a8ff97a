"""Who may touch a container, by its label and by what the host asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.tenancy import Tenant
from tests.unit.samples import CONTAINER

ASKED = "has no label podman-checkpoint.dev/namespace, and this host asks for one"


@pytest.mark.parametrize(
    ("label", "required", "cause"),
    [
        (None, False, None),
        ("shop", False, None),
        ("shop", True, None),
        ("bank", False, Cause.CONTAINER_OF_OTHER_NAMESPACE),
        ("bank", True, Cause.CONTAINER_OF_OTHER_NAMESPACE),
        ("", False, Cause.CONTAINER_OF_OTHER_NAMESPACE),
        ("Shop", False, Cause.CONTAINER_OF_OTHER_NAMESPACE),
        (None, True, Cause.NAMESPACE_LABEL_MISSING),
    ],
)
def test_label_and_host_decide(label: str | None, required: bool, cause: Cause | None) -> None:
    tenant = Tenant("shop", label_required=required)

    check = tenant.check(replace(CONTAINER, namespace=label))

    assert check.name == "Namespace"
    assert check.result == ("Fail" if cause else "Pass")
    if cause:
        assert check.cause is cause
        assert CONTAINER.name in check.message


def test_what_to_do() -> None:
    tenant = Tenant("shop", label_required=True)

    assert "Create the resource in namespace bank" in tenant.check_label("it", "bank").remedy
    assert "with the name of a namespace" in tenant.check_label("it", "").remedy
    missing = tenant.check_label("it", None)
    assert missing.message == f"it {ASKED}"
    assert "--label podman-checkpoint.dev/namespace=shop" in missing.remedy
    assert "spec.requireNamespaceLabel" in missing.remedy
