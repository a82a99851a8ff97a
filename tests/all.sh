#!/usr/bin/env bash
# Runs every test, on two new labs side by side: host-v emulates its processor, which keeps one core
# busy and needs no other. What is said of the second lab is shown when the first one has ended.
# Arguments: the tests to run on the next release of Debian as well.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
log=build/second-lab.log
tests=(.venv/bin/python -m pytest)

in_second_lab() {
  PODMAN_CHECKPOINT_LAB=2 "$@"
}

second_lab() {
  local status=0
  in_second_lab "${tests[@]}" -m vm || status=1
  PODMAN_CHECKPOINT_LAB_RELEASE=next in_second_lab "${tests[@]}" -m 'lab and not vm' "$@" || status=1
  return "$status"
}

clear() {
  # Removes both, whatever becomes of one.
  local status=0
  ./lab down || status=1
  in_second_lab ./lab down || status=1
  return "$status"
}

finish() {
  local status=$?
  trap - EXIT
  [[ -z ${second:-} ]] || kill -- "-$second" 2>/dev/null || true
  clear || status=1
  exit "$status"
}

# One that make demo has left may have taken the addresses that tests expect to be free.
clear
trap finish EXIT
./lab up # builds what both need
mkdir -p build
set -m   # a process group of its own, to be ended with all that it started
second_lab "$@" >"$log" 2>&1 &
second=$!
set +m

first_status=0
"${tests[@]}" -m 'not vm' || first_status=$?
second_status=0
wait "$second" || second_status=$?
second=
cat "$log"
exit $((first_status || second_status))
