"""The lab's command line, ``./lab``."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from . import controlplane, inventory, kubectl, lifecycle, paths, tools
from .images import RECIPES
from .lifecycle import FAILURES

if TYPE_CHECKING:
    from collections.abc import Sequence

_ABOUT = "A real Kubernetes control plane and real Podman hosts, on this machine."


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status.

    Raises:
        SystemExit: with status 2, for wrong usage.
    """
    status = 0
    try:
        # Before argparse, which would take kubectl's options for its own.
        if argv[:1] == ["kubectl"]:
            _kubectl(argv[1:])
        _run(_parser().parse_args(argv))
    except* FAILURES as group:
        for error in group.exceptions:
            print(f"lab: {error}", file=sys.stderr)
        status = 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./lab", description=_ABOUT, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str, *, host: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        if host:
            sub.add_argument("host", metavar="HOST", choices=inventory.NAMES, help=_HOSTS)
        return sub

    up = command("up", "bring up the control plane and hosts with their agents", host=False)
    up.add_argument("hosts", metavar="HOST", nargs="*", help=f"{_HOSTS} (host-a and host-b)")
    command("down", "remove the lab and everything in it", host=False)
    command("status", "show what is up", host=False)
    command("tools", "build the control plane's programs, if they are not there yet", host=False)
    command("kubectl", "run the lab's kubectl as its administrator", host=False)
    run = command("exec", "run a command in a host")
    run.add_argument("argv", metavar="CMD", nargs=argparse.REMAINDER, help="command and arguments")
    reboot = command("reboot", "cut a host's power and boot it again")
    reboot.add_argument("--kernel", choices=("old", "new"), help="kernel to boot (host-v only)")
    command("agent-kill", "kill a host's agent with SIGKILL")
    command("agent-start", "start a host's agent")
    command("logs", "print what a host's agent has logged")
    image = command("image", "load one of the lab's images into a host")
    image.add_argument("image", metavar="NAME", choices=RECIPES, help=", ".join(RECIPES))
    return parser


_HOSTS = ", ".join(inventory.NAMES)


def _run(args: argparse.Namespace) -> None:
    match args.command:
        case "up":
            _up(args.hosts)
        case "down":
            lifecycle.down()
        case "status":
            _status()
        case "tools":
            print(tools.find().kubectl.parent)
        case _:
            _on_host(args)


def _up(names: list[str]) -> None:
    if unknown := [name for name in names if name not in inventory.NAMES]:
        _refuse(f"no such host: {', '.join(unknown)} (there are {_HOSTS})")
    lifecycle.up(names or inventory.NAMESPACED)
    _status()


def _status() -> None:
    ready = controlplane.is_ready()
    print(f"control plane  {controlplane.SERVER if ready else 'down'}")
    for name in inventory.NAMES:
        host = inventory.host(name)
        state = "down"
        if host.is_up():
            state = f"up, agent {'running' if host.agent_running() else 'stopped'}"
        print(f"{name:<13}  {state}")


def _on_host(args: argparse.Namespace) -> None:
    host = inventory.host(args.host)
    if not host.is_up():
        raise RuntimeError(f"{host.name} is not up: run './lab up {host.name}'")
    match args.command:
        case "exec":
            _exec(host, args.argv)
        case "reboot":
            if args.kernel and host.name not in inventory.VIRTUAL:
                _refuse(f"{host.name} shares this machine's kernel: leave --kernel out")
            host.reboot(args.kernel)
        case "agent-kill":
            host.agent_kill()
        case "agent-start":
            host.agent_start()
        case "logs":
            print(host.agent_log(), end="")
        case "image":
            host.load_image(args.image)


def _exec(host: inventory.Host, argv: list[str]) -> NoReturn:
    words = argv[1:] if argv[:1] == ["--"] else argv
    if not words:
        _refuse(f"say what to run: ./lab exec {host.name} CMD…")
    tty = sys.stdin.isatty() and sys.stdout.isatty()
    command = host.exec_argv(*words, tty=tty)
    os.execvp(command[0], command)


def _kubectl(args: Sequence[str]) -> NoReturn:
    if not paths.KUBECONFIG.exists():
        raise RuntimeError("the lab is not up: run './lab up'")
    command = kubectl.argv(*args)
    os.execve(command[0], command, kubectl.environment())


def _refuse(message: str) -> NoReturn:
    print(f"lab: {message}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
