#!/usr/bin/env bash
# Sets up what the project's commands need on a Debian machine: system packages that are missing, and
# the virtual environment with exactly the locked packages. Says nothing and changes nothing when all
# is there, so every command may call it first.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
PATH=$PATH:/usr/sbin:/sbin

# Each package, and what it is needed for.
packages=(
  python3-venv        # the virtual environment
  ca-certificates     # downloads
  iproute2            # bridge, network namespaces
  openssl             # the control plane's certificates
  debootstrap         # root file systems of the hosts
  e2fsprogs           # the disk of host-v
  qemu-system-x86     # host-v
  zstd                # archives, as a user would look into them
  gcc libc6-dev       # a shim for machines without CAP_SYS_RESOURCE
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null |
    grep -qx installed || missing+=("$package")
done
if ((${#missing[@]})); then
  if ((EUID)); then
    echo "These Debian packages are missing: ${missing[*]}" >&2
    echo "Install them, or run this command as root, which the lab needs in any case." >&2
    exit 1
  fi
  if ! command -v apt-get >/dev/null; then
    echo "The lab runs on Debian 12 or newer; there is no apt-get on this machine." >&2
    exit 1
  fi
  echo "Installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

lock=requirements/dev.txt
stamp=.venv/.installed
wanted=$(sha256sum <"$lock")
[[ -e $stamp && $(<"$stamp") == "$wanted" ]] && exit 0
exec 9<"$lock"
flock 9 # two commands may start at once
[[ -e $stamp && $(<"$stamp") == "$wanted" ]] && exit 0
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "$(python3 --version) is too old: Python 3.11 or newer is needed" >&2
  exit 1
fi
echo "Installing the locked Python packages into .venv"
[[ -x .venv/bin/python ]] || python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
echo "$wanted" >"$stamp"
