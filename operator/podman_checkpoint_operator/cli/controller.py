"""``podman-checkpoint-controller``: the one program of the fleet that is on no Podman host."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..agent.lean import spare_memory
from ..agent.version import product_version
from .output import refuse

_ENVIRONMENT = "PODMAN_CHECKPOINT_"


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line and run the controller; return the exit status."""
    arguments = parsed(argv)
    spare_memory()
    # kopf and the Kubernetes client take half a second to import: not for --help or a mistake.
    from kubernetes.config import ConfigException  # noqa: PLC0415

    from ..agent import logs  # noqa: PLC0415
    from ..controller.run import Listening, run  # noqa: PLC0415

    logs.configure(json_lines=arguments.log_format == "json", level=arguments.log_level)
    try:
        run(
            Listening(
                arguments.liveness,
                arguments.metrics,
                arguments.authorizer,
                Path(arguments.authorizer_certificate),
                Path(arguments.authorizer_key),
            )
        )
    except ConfigException as error:
        return refuse(
            f"no credentials for the API server: {error}\nSet KUBECONFIG to a kubeconfig of the"
            " controller, or run it as a Pod with a service account"
        )
    except OSError as error:
        return refuse(f"cannot listen: {error}")
    return 0


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command line and the environment say."""
    return _parser().parse_args(argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="podman-checkpoint-controller",
        description="Watches over the fleet: marks hosts whose agents are silent, and resources"
        " that no agent acts on. One is enough; run it in the cluster.",
    )
    parser.add_argument("--version", action="version", version=product_version())
    _setting(
        parser,
        "liveness",
        "http://127.0.0.1:8087/healthz",
        "where the liveness probe is answered; empty for nowhere",
    )
    _setting(
        parser,
        "metrics",
        "http://127.0.0.1:8086/metrics",
        "where Prometheus finds the metrics; empty for nowhere",
    )
    _setting(
        parser,
        "authorizer",
        "",
        "where the API server asks what agents may read, like https://0.0.0.0:8443; empty for"
        " nowhere",
    )
    for what, file in (("certificate", "tls.crt"), ("key", "tls.key")):
        path = f"/etc/podman-checkpoint/authorizer/{file}"
        _setting(parser, f"authorizer-{what}", path, f"the file with its {what}, in PEM")
    _setting(
        parser, "log-format", "text", "lines for people or one JSON object a line", "text", "json"
    )
    _setting(
        parser,
        "log-level",
        "INFO",
        "the least severity that is logged",
        "DEBUG",
        "INFO",
        "WARNING",
        "ERROR",
    )
    return parser


def _setting(
    parser: argparse.ArgumentParser, name: str, default: str, meaning: str, *choices: str
) -> None:
    variable = _ENVIRONMENT + name.upper().replace("-", "_")
    parser.add_argument(
        f"--{name}",
        default=os.environ.get(variable, default),
        choices=choices or None,
        help=f"{meaning} [{variable}; default: {default}]",
    )


if __name__ == "__main__":
    sys.exit(main())
