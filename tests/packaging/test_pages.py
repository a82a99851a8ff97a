"""What README.md and docs/ tell: links lead somewhere, and examples are what the product takes.

Not here: what the commands do; the pages' own tests and tests/e2e run those.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from podman_checkpoint_operator.api.checkpoint import CheckpointSpec
from podman_checkpoint_operator.api.restore import RestoreSpec
from podman_checkpoint_operator.cli.plugin.options import Session
from podman_checkpoint_operator.cli.plugin.program import plugin
from tests.lab.helm import CHART
from tests.lab.paths import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from podman_checkpoint_operator.api.common import SpecPart

PAGES: Final = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").glob("*.md"), *CHART.glob("*.md")]
SPECS: Final[dict[str, type[SpecPart]]] = {
    "ContainerCheckpoint": CheckpointSpec,
    "ContainerRestore": RestoreSpec,
}
BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def texts() -> dict[Path, str]:
    return {page: page.read_text(encoding="utf-8") for page in PAGES}


def blocks(*languages: str) -> list[str]:
    found = [match.groups() for text in texts().values() for match in BLOCK.finditer(text)]
    return [text for language, text in found if language in languages]


def anchors(text: str) -> set[str]:
    """What headings are called in links."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


def leads(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    return target.exists() and (not anchor or anchor in anchors(target.read_text("utf-8")))


def test_every_link_leads_somewhere() -> None:
    links = [
        (page, link)
        for page, text in texts().items()
        for link in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", text))
        if not link.startswith("https://")
    ]
    assert len(links) > 50
    assert not [(page.name, link) for page, link in links if not leads(page, link)]


def test_every_resource_is_one_that_the_product_takes() -> None:
    documents: list[dict[str, Any]] = [
        document
        for text in blocks("yaml")
        if "apiVersion: podman-checkpoint.dev/" in text
        for document in yaml.safe_load_all(text)
    ]
    assert {each["kind"] for each in documents} == set(SPECS)
    for each in documents:
        SPECS[each["kind"]].model_validate(each["spec"])


def test_one_version_everywhere() -> None:
    version = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    manifests = "\n".join(each.read_text() for each in (CHECKOUT / "manifests").rglob("*.yaml"))
    named = [
        *re.findall(
            r"podman-checkpoint-operator:(\d[\w.+-]*)", "\n".join((manifests, *blocks("sh")))
        ),
        *re.findall(r"kubectl-podman_checkpoint-v([\d.]+)-", "\n".join(blocks("sh"))),
        *re.findall(r"^## (\S+)", (CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE)[:1],
        chart["version"],
        chart["appVersion"],
    ]
    assert len(named) > 7
    assert set(named) == {version}


COMMANDS: Final = [
    re.split(r"\s(?:&&|\||#)\s", line)[0]
    for text in blocks("sh", "console")
    for line in re.findall(r"kubectl podman-checkpoint (.+)", text)
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_plugin_is_one(command: str) -> None:
    name, *words = shlex.split(command)
    with plugin.make_context("podman-checkpoint", [name], obj=Session()) as context:
        plugin.commands[name].make_context(name, words, parent=context)
