# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The lab, for a test: two bridges, the mirror, and hosts booted with a real systemd. A test is sourced
# by `run` (or started with `tests/lab/run NAME`) in namespaces of its own for processes, mounts and
# networks; when its first process ends, for whatever reason, everything in them is gone.
#
#   host_boot h             boots host h: enp0s3 10.0.2.N with the default route, enp0s8 192.168.57.N
#   in_host h CMD…          runs a command on it, as root, with a clean environment
#   host_cut h; host_boot h a power cut, and the next boot with what the disk held
#   host_stop h             forgets it
#   wizard h ARGS…          k3wizard on h: status in RC, output in OUT, messages in ERR
#   check 'what' CMD…       says ok or not ok; is 'what' GOT WANTED; has 'what' TEXT PATTERN

LAB=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
WORK=/run/lab
MIRROR=https://mirror.lab:8443
RC=0 OUT='' ERR=''
declare -A leader nspawn number
hosts=0 failures=0

# ---- words of a test ----

ok() { printf 'ok - %s\n' "$1"; }
not_ok() {
    failures=$((failures + 1))
    printf 'not ok - %s\n' "$1"
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" | head -n 40 | sed 's/^/#   /'
}
skip() { printf 'ok - %s # SKIP %s\n' "$1" "$2"; }
note() { printf '# %s\n' "$*"; }

check() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then ok "$what"; else not_ok "$what" "$* ended with $?" "$said"; fi
}
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:    $2" "wanted: $3"; fi
}
has() {
    if grep -qE -- "$3" <<<"$2"; then ok "$1"; else not_ok "$1" "no /$3/ in:" "$2"; fi
}
hasnt() {
    if grep -qE -- "$3" <<<"$2"; then not_ok "$1" "/$3/ is in:" "$2"; else ok "$1"; fi
}

# until SECONDS CMD…: as soon as it is true
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# ---- the lab ----

lab_start() {
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p "$WORK/certs" "$WORK/hosts"
    ip link set lo up
    local bridge
    for bridge in lab0:10.0.2.2/24 lab1:192.168.57.2/24; do
        ip link add "${bridge%%:*}" type bridge
        ip addr add "${bridge#*:}" dev "${bridge%%:*}"
        ip link set "${bridge%%:*}" up
    done
    grep -q mirror.lab /etc/hosts || {
        { cat /etc/hosts; echo '10.0.2.2 mirror.lab'; } >"$WORK/hosts.file"
        mount --bind "$WORK/hosts.file" /etc/hosts
    }
    "$LAB/certs.sh" "$WORK/certs" mirror.lab 10.0.2.2 2>"$WORK/certs.log"
    python3 "$LAB/mirror.py" --address 10.0.2.2 --name mirror.lab --certs "$WORK/certs" \
        --log "$WORK/mirror.log" --proxy-user "$WORK/proxy-user" >"$WORK/mirror.out" 2>&1 &
    until_true 10 grep -q ready "$WORK/mirror.out" || { cat "$WORK/mirror.out"; exit 1; }
}

# What the mirror was asked for: lines of JSON that match.
asked() { grep -E "${1:-.}" "$WORK/mirror.log" 2>/dev/null || true; }
mirror_forget() { : >"$WORK/mirror.log"; }

# Enters a control group of the host's own in every hierarchy, in the calling process.
own_cgroup() {
    local top
    for top in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
        [ -f "$top/cgroup.procs" ] || continue
        mkdir -p "$top/$LAB_CGROUP/$1"
        echo 0 >"$top/$LAB_CGROUP/$1/cgroup.procs"
    done
}

# The program under test, with the libraries that the root file system lacks (those of sanitizers).
put_program() {
    local root=$1 library
    install -D -m 0755 "$K3WIZARD_BINARY" "$root/usr/local/sbin/k3wizard"
    install -d "$root/usr/local/share/k3wizard/steps"
    cp -r "$LAB/../../steps/." "$root/usr/local/share/k3wizard/steps/"
    chroot "$root" ldd /usr/local/sbin/k3wizard | awk '/not found/ {print $1}' | while read -r library; do
        cp -L "$(ldd "$K3WIZARD_BINARY" | awk -v name="$library" '$1 == name {print $3}')" \
            "$root/usr/lib/$(uname -m)-linux-gnu/"
    done
}

host_disk() {
    local host=$1 disk=$WORK/hosts/$1
    mkdir -p "$disk"
    mount -t tmpfs -o "size=${DISK_SIZE:-8g}" tmpfs "$disk"
    mkdir -p "$disk/upper" "$disk/work" "$disk/root"
    mount -t overlay overlay -o "lowerdir=$LAB_ROOT,upperdir=$disk/upper,workdir=$disk/work" "$disk/root"
    hosts=$((hosts + 1))
    number[$host]=$((14 + hosts))
    echo "$host" >"$disk/root/etc/hostname"
    echo "NUMBER=${number[$host]}" >"$disk/root/etc/lab-network"
    printf '127.0.1.1 %s\n' "$host" >>"$disk/root/etc/hosts"
    cp "$WORK/certs/ca.pem" "$disk/root/etc/lab-ca.pem"
    chmod 0644 "$disk/root/etc/lab-ca.pem"
    [ -z "${K3WIZARD_BINARY:-}" ] || put_program "$disk/root"
    mkdir -p "$disk/root/mnt/lab"
}

is_up() {
    case "$(in_host "$1" systemctl is-system-running 2>/dev/null)" in
    running | degraded) ;;
    *) return 1 ;;
    esac
}

find_leader() {
    local child children
    # A line without its end.
    read -ra children <"/proc/${nspawn[$1]}/task/${nspawn[$1]}/children" || true
    for child in "${children[@]}"; do
        leader[$1]=$child
        # The first child only prepares the second, which becomes init.
        [ "$(cat "/proc/$child/comm")" = systemd ] && is_up "$1" && return 0
    done
    return 1
}

host_boot() {
    local host=$1 disk=$WORK/hosts/$1 link
    [ -d "$disk/root" ] || host_disk "$host"
    (
        own_cgroup "$host"
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec systemd-nspawn -q -D "$disk/root" -M "$host" -b \
            --network-veth-extra="$host-0:enp0s3" --network-veth-extra="$host-1:enp0s8" \
            --register=no --keep-unit --link-journal=no --resolv-conf=off --timezone=off \
            --bind-ro="$LAB:/mnt/lab" --console=pipe </dev/null >"$disk/console" 2>&1
    ) &
    nspawn[$host]=$!
    for link in 0 1; do
        until_true 10 ip link set "$host-$link" master "lab$link" up || { cat "$disk/console"; exit 1; }
    done
    until_true 60 find_leader "$host" || { note "$host does not boot"; cat "$disk/console"; exit 1; }
    host_cgroups "$host"
}

# Where the kernel's controllers belong to version 1 outside, the version 2 that a host sees has none.
# K3s needs them to be listed; the stand-in needs nothing of them.
host_cgroups() {
    local disk=$WORK/hosts/$1
    in_host "$1" grep -qw memory /sys/fs/cgroup/cgroup.controllers && return
    in_host "$1" sh -c 'echo "cpuset cpu io memory pids" >/run/lab-controllers &&
        mount --bind /run/lab-controllers /sys/fs/cgroup/cgroup.controllers'
}

in_host() {
    local host=$1
    shift
    nsenter -t "${leader[$host]}" -a -- env -i HOME=/root USER=root LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

host_cut() {
    kill -KILL "${leader[$1]}" "${nspawn[$1]}" 2>/dev/null || true
    wait "${nspawn[$1]}" 2>/dev/null || true
    # They go with the host's network namespace, sooner or later.
    ip link del "$1-0" 2>/dev/null || true
    ip link del "$1-1" 2>/dev/null || true
}

host_stop() {
    host_cut "$1"
    umount -l "$WORK/hosts/$1/root" "$WORK/hosts/$1"
    rmdir "$WORK/hosts/$1"
}

# ---- k3wizard ----

# answers_file h [MORE]: /root/server.yaml on h, with the mirror as the source
answers_file() {
    in_host "$1" sh -c 'umask 077; cat >/root/server.yaml' <<YAML
version: 1
role: server
network:
  interface: ${INTERFACE-enp0s8}
source:
  installer_url: ${INSTALLER_URL:-$MIRROR/install.sh}
  artifact_url: ${ARTIFACT_URL:-$MIRROR/download}
  channel_url: ${CHANNEL_URL:-$MIRROR/v1-release/channels}
  ca_file: /etc/lab-ca.pem
timeouts: {download: ${DOWNLOAD:-60s}, start: ${START:-60s}, ready: ${READY:-60s}}
${2:-}
YAML
}

wizard() {
    local host=$1
    shift
    RC=0
    in_host "$host" k3wizard "$@" </dev/null >"$WORK/out" 2>"$WORK/err" || RC=$?
    OUT=$(tr -d '\0' <"$WORK/out") ERR=$(tr -d '\0' <"$WORK/err")
}
apply() { wizard "$1" --answers /root/server.yaml --yes "${@:2}"; }

# picture h NAME: what h looks like now; differences h NAME [--shape]: what is different since
picture() { in_host "$1" python3 /mnt/lab/picture.py >"$WORK/picture-$1-$2"; }
differences() {
    picture "$1" now
    python3 "$LAB/picture.py" --compare "$WORK/picture-$1-$2" "$WORK/picture-$1-now" "${@:3}"
}

# ---- looks ----

# The lines of JSON on the last run's standard output: prints what is wrong with them.
json_lines() {
    python3 - "$WORK/out" <<'PYTHON'
import json
import sys

with open(sys.argv[1], "rb") as f:
    data = f.read()
if not data.endswith(b"\n"):
    print("no end of line at the end")
for number, line in enumerate(data.splitlines(), 1):
    try:
        found = json.loads(line.decode("utf-8"))
        if found["v"] != 1 or not found["time"].endswith("Z") or not found["event"]:
            print(f"line {number}: no v, time or event")
    except (ValueError, KeyError, TypeError) as e:
        print(f"line {number}: {e}: {line[:100]}")
PYTHON
}
# json EXPRESSION: of every event `e` of the last run, one a line, without None
json() {
    python3 -c '
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    e = json.loads(line)
    value = eval(sys.argv[2])
    if value is not None:
        print(value)' "$WORK/out" "$1"
}

show() { in_host "$1" systemctl show -P "$2" "${3:-k3s}"; }
node() { in_host "$1" kubectl get node "$1" -o json | python3 -c '
import json, sys
n = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$2"; }
mode_of() { in_host "$1" stat -c '%a %U:%G' "$2"; }
# What k3wizard itself holds.
state_of() { in_host "$1" sh -c 'find /var/lib/k3wizard -type f ! -name lock -exec sha256sum {} + 2>/dev/null | sort'; }
# address h [enp0s3]
address() {
    if [ "${2:-}" = enp0s3 ]; then echo "10.0.2.${number[$1]}"; else echo "192.168.57.${number[$1]}"; fi
}
