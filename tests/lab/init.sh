#!/bin/sh
# Boots a namespaced host and stays as its PID 1. Started by hosts.py with these variables:
#   NAME, ADDRESS, GATEWAY  of the host in the lab's network
#   CGROUP                  the host's control group
#   BASE, DISK              the shared root file system; the host's folder: upper, work, root, containers
#   ARCHIVES, ARCHIVES_IN_HOST, AGENT, AGENT_IN_HOST   folders of the machine that the host sees
set -e

case $1 in
launch) # On the machine. The group that is current here becomes the root of the host's groups.
	exec >"$DISK/console.log" 2>&1 </dev/null
	echo 0 >"$CGROUP/cgroup.procs"
	exec unshare --cgroup sh "$0" enter
	;;
enter) # A group with processes can have no limits on groups below it, so they move one down.
	echo 0 >"$CGROUP/init/cgroup.procs"
	exec unshare --mount --propagation private --pid --fork --uts --ipc --net sh "$0" boot
	;;
boot) ;;
*)
	echo "usage: init.sh launch" >&2
	exit 2
	;;
esac

mount -t overlay -o "lowerdir=$BASE,upperdir=$DISK/upper,workdir=$DISK/work" overlay "$DISK/root"
cd "$DISK/root"
hostname "$NAME"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount --bind dev/pts/ptmx dev/ptmx
# Podman keeps its locks in /dev/shm: hosts that shared it would take each other's.
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p run/podman run/lock ".$ARCHIVES_IN_HOST" ".$AGENT_IN_HOST"
# Not on the overlay, so that Podman can lay its own overlays over it.
mount --bind "$DISK/containers" var/lib/containers
mount --bind "$ARCHIVES" ".$ARCHIVES_IN_HOST"
mount -o bind,ro "$AGENT" ".$AGENT_IN_HOST"

# CRIU needs a root that is a mount, so chroot would not do.
mkdir -p run/machine
pivot_root . run/machine
umount -l /run/machine
rmdir /run/machine

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root
printf '127.0.0.1 localhost\n%s %s\n' "$ADDRESS" "$NAME" >/etc/hosts
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
	echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done

# The machine plugs the cable in once it knows this process.
until [ -e /sys/class/net/eth0 ]; do sleep 0.02; done
ip link set lo up
ip address add "$ADDRESS/24" dev eth0
ip link set eth0 up
ip route add default via "$GATEWAY"
echo 1 >/proc/sys/net/ipv4/ip_forward

unset NAME ADDRESS GATEWAY CGROUP BASE DISK ARCHIVES ARCHIVES_IN_HOST AGENT AGENT_IN_HOST
cd /
touch /run/lab-host-is-up
exec >>/var/log/podman-service.log 2>&1
set +e
# Socket activation would start the service again as well. While it runs, the shell reaps orphans.
while :; do
	rm -f /run/podman/podman.sock
	podman system service --time=0 unix:///run/podman/podman.sock
	echo "podman service ended: exit status $?"
	sleep 0.2
done
