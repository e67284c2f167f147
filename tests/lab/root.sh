#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# root.sh: makes the root file system of the lab's hosts, once, and prints its path. It is kept below
# the cache directory under a digest of its recipe; another recipe makes another one.
# Environment: K3WIZARD_LAB_MIRROR, a Debian mirror to use instead of the one apt uses here.
set -euo pipefail

packages=(systemd systemd-sysv dbus iproute2 iptables kmod procps util-linux python3 openssl
    ca-certificates curl strace sudo
    # What k3wizard runs with:
    libnl-3-200 libnl-route-3-200 libcurl4 libssl3 libreadline8 libyaml-0-2 libjansson4)

# What happens inside, after the packages.
customise() {
    cat <<'RECIPE'
set -eu
ln -sf /dev/null /etc/systemd/system/dpkg-db-backup.timer
ln -sf /dev/null /etc/systemd/system/systemd-tmpfiles-clean.timer
ln -sf /dev/null /etc/systemd/system/console-getty.service
echo lab >/etc/hostname
printf '127.0.0.1 localhost\n10.0.2.2 mirror.lab\n' >/etc/hosts
printf 'nameserver 10.0.2.2\n' >/etc/resolv.conf
echo 6b337769-7a61-7264-6c61-626c61626c61 | tr -d - >/etc/machine-id
useradd -m -s /bin/bash -u 1000 op
printf 'op ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/op
chmod 0440 /etc/sudoers.d/op
cat >/etc/systemd/system/lab-network.service <<'UNIT'
[Unit]
Description=Addresses of the lab's two networks
DefaultDependencies=no
After=local-fs.target
Before=network.target network-online.target
Wants=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
EnvironmentFile=/etc/lab-network
ExecStart=/sbin/ip link set enp0s3 up
ExecStart=/sbin/ip link set enp0s8 up
ExecStart=/sbin/ip addr add 10.0.2.${NUMBER}/24 dev enp0s3
ExecStart=/sbin/ip addr add 192.168.57.${NUMBER}/24 dev enp0s8
ExecStart=/sbin/ip route add default via 10.0.2.2 dev enp0s3

[Install]
WantedBy=multi-user.target network-online.target
UNIT
echo NUMBER=15 >/etc/lab-network
systemctl enable lab-network.service
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/*.log
RECIPE
}

# The mirror that apt uses on this machine for the suite, in either format of sources.
mirror() {
    python3 - "$1" <<'SOURCES'
import glob
import re
import sys

suite = sys.argv[1]
for path in glob.glob("/etc/apt/sources.list.d/*.sources"):
    with open(path, encoding="utf-8") as f:
        for stanza in re.split(r"\n\s*\n", f.read()):
            fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.*)$", stanza, re.M))
            if suite in fields.get("Suites", "").split() and \
                    "main" in fields.get("Components", "").split():
                print(fields["URIs"].split()[0])
                sys.exit(0)
for path in ["/etc/apt/sources.list"] + glob.glob("/etc/apt/sources.list.d/*.list"):
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
    except FileNotFoundError:
        continue
    line = re.compile(r"^deb\s+(?:\[.*?\]\s*)?(\S+)\s+(\S+)\s+(.*)$", re.M)
    for uri, found, components in line.findall(text):
        if found == suite and "main" in components.split():
            print(uri)
            sys.exit(0)
sys.exit(1)
SOURCES
}

suite=$(
    # shellcheck source=/dev/null
    . /etc/os-release
    [ "${ID:-}" = debian ] && echo "${VERSION_CODENAME:-}"
) || { echo "the lab's hosts are made from Debian's packages, and this is not Debian" >&2; exit 77; }
from=${K3WIZARD_LAB_MIRROR:-$(mirror "$suite")} ||
    { echo "apt's sources name no mirror for $suite" >&2; exit 1; }
recipe=$( { echo "$suite ${packages[*]}"; customise; } | sha256sum | cut -c 1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/k3wizard/lab
root=$cache/root-$recipe

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -d "$root" ]; then
    half=$cache/half-$recipe
    rm -rf "$half"
    echo "making the lab's root file system from $suite, once (about a minute)" >&2
    proxy=$(apt-config shell p Acquire::http::Proxy 2>/dev/null | sed -n "s/^p='\(.*\)'$/\1/p")
    [ -n "$proxy" ] && export http_proxy=$proxy
    debootstrap --variant=minbase \
        --include="$(IFS=,; echo "${packages[*]}")" "$suite" "$half" "$from" >"$cache/debootstrap.log" 2>&1 ||
        { tail -n 20 "$cache/debootstrap.log" >&2; exit 1; }
    customise | chroot "$half" /bin/sh >>"$cache/debootstrap.log" 2>&1 ||
        { tail -n 20 "$cache/debootstrap.log" >&2; exit 1; }
    mv "$half" "$root"
fi
echo "$root"
