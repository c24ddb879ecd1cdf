"""The scripts and settings from which the hub of a fleet and its hosts are made."""

HUB = """
set -e
ip link set lo up
ip link add hub type bridge
ip address add 10.77.0.254/24 dev hub
ip link set hub up
touch {ready}
exec sleep infinity
"""
# Nothing in such a host may reach this machine's own power: systemd is hidden, and what would shut down is a
# script that gives the host another boot id and an empty /run/kvmedic, as a reboot does.
# Process 1 must not leave the dead unburied: libvirt waits until a QEMU that it stopped is gone.
SETUP = """
set -e
mount --make-rprivate /
for place in /run/dbus /run/systemd; do [ ! -d $place ] || mount -t tmpfs none $place; done
for order in shutdown reboot poweroff halt systemctl init telinit; do
  for place in /usr/sbin /usr/bin /sbin /bin; do
    [ ! -e $place/$order ] || mount --bind {folder}/power "$(readlink -f $place/$order)"
  done
done
{binds}
if grep -q hugetlbfs /proc/filesystems; then mount -t hugetlbfs none {folder}/huge; fi
mkdir -p /run/kvmedic && mount --bind {folder}/kvmedic /run/kvmedic
mount --bind {folder}/boot_id /proc/sys/kernel/random/boot_id
hostname {name}
ip link set lo up
touch {ready}
exec /usr/bin/python3 -c 'import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); signal.pause()'
"""
POWER = """#!/bin/sh
case "$(basename "$0") $*" in *reboot*|*-r*) ;; *) exit 1 ;; esac
sleep 1
rm -f /run/kvmedic/cordon
cat /proc/sys/kernel/random/uuid > {folder}/boot_id
"""
LISTEN = """listen_tcp = 1
auth_tcp = "none"
listen_addr = "{address}"
"""
# The operator's own dotfiles are no part of a host: they may take a minute, or wait for one another.
SSHD = """SetEnv HOME=/run
ListenAddress {address}:22
HostKey {keys}/host
PidFile none
UsePAM no
AuthorizedKeysFile {keys}/key.pub
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
NESTED_SSHD = """
mkdir -p -m 700 {keys} /run/sshd && cp /exchange/host /exchange/key.pub {keys}/ && chmod 600 {keys}/*
printf '#!/bin/sh\\nexec busybox reboot -f\\n' > /usr/sbin/shutdown && chmod 755 /usr/sbin/shutdown
/usr/sbin/sshd -f /exchange/sshd_config
"""
SSH_CONFIG = """Host *
  IdentityFile {keys}/key
  IdentitiesOnly yes
  UserKnownHostsFile {keys}/known_hosts
  StrictHostKeyChecking accept-new
"""
