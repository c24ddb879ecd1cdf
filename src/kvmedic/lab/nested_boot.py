"""What a nested host runs when it starts: its initramfs script, its start script, libvirt's settings."""

from __future__ import annotations

from collections.abc import Sequence

from kvmedic.lab.libvirt_host import LIBVIRTD_CONF, QEMU_CONF

MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")

# This machine's root is read over 9p and never written: an overlay in the nested host's own memory takes all
# that it writes. /run and /tmp are fresh, so that no socket of this machine seems to be there.
INIT = """#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t devtmpfs dev /dev
$B --install -s /bin
export PATH=/bin
while read -r module; do /agent insmod "/modules/$module"; done < /modules/order
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro root /low
mount -t tmpfs -o mode=755 top /top
mkdir /top/upper /top/work
mount -t overlay -o lowerdir=/low,upperdir=/top/upper,workdir=/top/work overlay /new
mkdir -p /new/exchange
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 exchange /new/exchange
mount -t proc proc /new/proc
mount -t sysfs sys /new/sys
mount -t devtmpfs dev /new/dev
mount -t tmpfs -o mode=755 run /new/run
mount -t tmpfs -o mode=1777 tmp /new/tmp
{shown}cp /agent /new/run/agent
umount /proc /dev
exec switch_root /new /bin/sh /exchange/start.sh
"""

HIDDEN = ("/run", "/tmp")  # noqa: S108  what the nested host does not see of this machine


def init_script(needed: Sequence[str]) -> str:
    """The script of the initramfs. Of what it hides, the folders in ``needed`` are shown, to be read only."""
    hidden = [path for path in needed if path.startswith(tuple(f"{place}/" for place in HIDDEN))]
    shown = "".join(f"mkdir -p '/new{path}'\nmount -o bind '/low{path}' '/new{path}'\n" for path in hidden)
    return INIT.replace("{shown}", shown)


START = """
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
hostname {name}
mkdir -p /dev/pts /dev/shm /dev/hugepages /run/lock {socket_folder}
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t hugetlbfs huge /dev/hugepages
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
  echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
done
ip link set lo up
for module in kvm_amd kvm_intel tun virtio_net virtio_blk virtio_balloon i6300esb; do
  modprobe -q "$module"
done 2>/dev/null
{network}
{disks}
echo "READY system"
{libvirt}
while :; do
  /run/agent /dev/ttyS1 /dev/ttyS0
  sleep 1
done
"""

NETWORK = """
link=$(ls /sys/class/net | grep -v '^lo$' | head -n 1)
ip address add {address} dev "$link" && ip link set "$link" up
"""

# The disk is known by the serial number that we gave it, not by the order in which the kernel finds it.
SWAP = """
for disk in /sys/block/vd*; do
  if [ "$(cat "$disk/serial")" = swap ]; then
    mkswap -q "/dev/${disk##*/}"; swapon "/dev/${disk##*/}"
  fi
done
"""
DATA = """
mkdir -p /data
for disk in /sys/block/vd*; do
  if [ "$(cat "$disk/serial")" = data ]; then
    modprobe -q ext4
    device="/dev/${disk##*/}"
    mount -t ext4 "$device" /data 2>/dev/null || { mkfs.ext4 -q "$device" && mount -t ext4 "$device" /data; }
  fi
done
"""
LIBVIRT = """
cat > /etc/libvirt/libvirtd.conf <<'END'
{libvirtd_conf}END
cat > /etc/libvirt/qemu.conf <<'END'
{qemu_conf}END
rm -rf /etc/libvirt/qemu/autostart /etc/libvirt/qemu/networks/autostart /var/lib/libvirt/qemu
mkdir -p /var/lib/libvirt/qemu
virtlogd -d
libvirtd {listen} -d || echo "FAILED libvirtd"
"""
# Under cgroup v2, libvirt 9.0 wants cpuset whatever the list says, and fails where only some are listed.
CONTROLLERS = '"cpu", "cpuset", "blkio", "memory"'
LISTEN = """listen_tcp = 1
auth_tcp = "none"
listen_addr = "0.0.0.0"
"""


def start_script(
    *,
    name: str,
    host_uuid: str,
    socket_folder: str,
    address: str | None,
    has_swap: bool,
    has_data: bool,
    has_libvirt: bool,
) -> str:
    """The script that becomes process 1 of the nested host."""
    return START.format(
        name=name,
        socket_folder=socket_folder,
        network=NETWORK.format(address=address) if address else "",
        disks=(SWAP if has_swap else "") + (DATA if has_data else ""),
        libvirt=_libvirt(host_uuid, is_listening=address is not None) if has_libvirt else "",
    )


def _libvirt(host_uuid: str, *, is_listening: bool) -> str:
    return LIBVIRT.format(
        libvirtd_conf=LIBVIRTD_CONF.format(uuid=host_uuid) + (LISTEN if is_listening else ""),
        qemu_conf=QEMU_CONF.format(huge="/dev/hugepages", controllers=CONTROLLERS),
        listen="--listen" if is_listening else "",
    )
