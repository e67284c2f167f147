#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A stand-in for K3s' install.sh, for the lab: the same variables, files, modes, messages and exit
# codes, in words of our own. The mirror fills in @ORIGIN@ when it serves the file.
set -e

ORIGIN=@ORIGIN@

info() { echo "[INFO]  $*"; }
warn() { echo "[WARN]  $*" >&2; }
fatal() {
    echo "[ERROR] $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Words for the shell: 'a' 'b c'; what is in a word stays in it.
quote() {
    for word; do
        printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
    done
}

# The words of INSTALL_K3S_EXEC: quotes hold words together, everything else is plain text.
plain() {
    printf '%s' "$1" | sed 's/\([$`;&|*\\<>()]\)/\\\1/g'
}

check_system() {
    [ -x /bin/systemctl ] || command -v systemctl >/dev/null 2>&1 ||
        fatal "Can not find systemd or openrc to use as a process supervisor for k3s"
}

# ---- which command, names, directories ----

choose_command() {
    case "${1:-}" in
    -* | "")
        if [ -z "${K3S_URL:-}" ]; then
            command_k3s=server
        else
            [ -n "${K3S_TOKEN:-}${K3S_TOKEN_FILE:-}${K3S_CLUSTER_SECRET:-}" ] ||
                fatal "Defaulted k3s exec command to 'agent' because K3S_URL is defined, but K3S_TOKEN, K3S_TOKEN_FILE or K3S_CLUSTER_SECRET is not defined."
            command_k3s=agent
        fi
        ;;
    *)
        command_k3s=$1
        shift
        ;;
    esac
    if [ "$command_k3s" = agent ] && [ -z "${K3S_URL:-}" ]; then
        case " $* " in
        *" --server"* | *" -s "*) ;;
        *) [ -f /etc/rancher/k3s/config.yaml ] ||
            warn "K3S_URL is not defined and no --server was given" ;;
        esac
    fi
    case "${K3S_URL:-}" in
    "" | https://*) ;;
    *) fatal "Only https:// URLs are supported for K3S_URL (have $K3S_URL)" ;;
    esac
    exec_start=$(
        printf '    %s \\\n' "$command_k3s"
        for word; do printf "\t'%s' \\\\\n" "$word"; done
    )
}

choose_names() {
    if [ -n "${INSTALL_K3S_NAME:-}" ]; then
        system_name=k3s-$INSTALL_K3S_NAME
    elif [ "$command_k3s" = server ]; then
        system_name=k3s
    else
        system_name=k3s-$command_k3s
    fi
    case "$system_name" in
    *[!A-Za-z0-9_.@:-]*) fatal "Invalid characters for system name:
$system_name" ;;
    esac
    systemd_type=${INSTALL_K3S_TYPE:-}
    [ -n "$systemd_type" ] || systemd_type=notify
    bin_dir=${INSTALL_K3S_BIN_DIR:-/usr/local/bin}
    systemd_dir=${INSTALL_K3S_SYSTEMD_DIR:-/etc/systemd/system}
    service=$system_name.service
    unit_file=$systemd_dir/$service
    env_file=$systemd_dir/$service.env
    uninstaller=${UNINSTALL_K3S_SH:-$bin_dir/$system_name-uninstall.sh}
    killer=${KILLALL_K3S_SH:-$bin_dir/k3s-killall.sh}
    if [ "${INSTALL_K3S_BIN_DIR_READ_ONLY:-}" = true ]; then
        INSTALL_K3S_SKIP_DOWNLOAD=true
    fi
}

choose_platform() {
    case "${ARCH:-$(uname -m)}" in
    x86_64 | amd64) arch=amd64 suffix= ;;
    aarch64 | arm64) arch=arm64 suffix=-arm64 ;;
    s390x) arch=s390x suffix=-s390x ;;
    arm*) arch=arm suffix=-armhf ;;
    *) fatal "Unsupported architecture ${ARCH:-$(uname -m)}" ;;
    esac
}

# ---- download ----

# get FILE URL
get() {
    if command -v curl >/dev/null 2>&1; then
        curl -o "$1" -sfL "$2" || fatal 'Download failed'
    elif command -v wget >/dev/null 2>&1; then
        wget -qO "$1" "$2" || fatal 'Download failed'
    else
        fatal 'Can not find curl or wget for downloading files'
    fi
}

effective_url() {
    if command -v curl >/dev/null 2>&1; then
        curl -w '%{url_effective}' -L -s -S "$1" -o /dev/null
    else
        wget -SqO /dev/null "$1" 2>&1 | sed -n 's/^ *Location: \([^ ]*\).*/\1/p' | tail -n 1
    fi
}

find_release() {
    if [ -n "${INSTALL_K3S_PR:-}${INSTALL_K3S_COMMIT:-}" ]; then
        fatal "The stand-in has no builds of commits"
    elif [ -n "${INSTALL_K3S_VERSION:-}" ]; then
        release=$INSTALL_K3S_VERSION
    else
        info "Finding release for channel ${INSTALL_K3S_CHANNEL:-stable}"
        release=$(effective_url \
            "${INSTALL_K3S_CHANNEL_URL:-$ORIGIN/v1-release/channels}/${INSTALL_K3S_CHANNEL:-stable}") ||
            fatal 'Download failed'
        release=$(printf '%s' "${release##*/}" | sed 's/%2B/+/')
    fi
    info "Using $release as release"
}

sum_of() { sha256sum "$1" | cut -d ' ' -f 1; }

download() {
    scratch=$(mktemp -d -t k3s-install.XXXXXXXXXX)
    trap 'rm -rf "$scratch"' EXIT INT
    folder=${INSTALL_K3S_ARTIFACT_URL:-$ORIGIN/download}/$(printf '%s' "$release" | sed 's/+/%2B/')
    info "Downloading hash $folder/sha256sum-$arch.txt"
    get "$scratch/sums" "$folder/sha256sum-$arch.txt"
    wanted=$(grep " k3s$suffix\$" "$scratch/sums") || exit 1
    wanted=${wanted%%[[:blank:]]*}
    if [ -x "$bin_dir/k3s" ] && [ "$(sum_of "$bin_dir/k3s")" = "$wanted" ]; then
        info 'Skipping binary downloaded, installed k3s matches hash'
        return
    fi
    info "Downloading binary $folder/k3s$suffix"
    get "$scratch/k3s" "$folder/k3s$suffix"
    info "Verifying binary download"
    got=$(sum_of "$scratch/k3s")
    [ "$wanted" = "$got" ] || fatal "Download sha256 does not match $wanted, got $got"
    info "Installing k3s to $bin_dir/k3s"
    chmod 755 "$scratch/k3s"
    as_root chown root:root "$scratch/k3s"
    as_root mv -f "$scratch/k3s" "$bin_dir/k3s"
}

bring_binary() {
    case "${INSTALL_K3S_SKIP_DOWNLOAD:-}" in
    true | binary)
        info "Skipping k3s download and verify"
        [ -x "$bin_dir/k3s" ] || fatal "Executable k3s binary not found at $bin_dir/k3s"
        return
        ;;
    esac
    choose_platform
    find_release
    download
}

selinux() {
    if [ "${INSTALL_K3S_SKIP_SELINUX_RPM:-}" = true ] || [ ! -d /usr/share/selinux ] ||
        [ "${INSTALL_K3S_SKIP_DOWNLOAD:-}" = true ] || [ "${INSTALL_K3S_SKIP_DOWNLOAD:-}" = selinux ]; then
        info "Skipping installation of SELinux RPM"
        return
    fi
    if [ "${INSTALL_K3S_SELINUX_WARN:-}" = true ]; then
        warn "Failed to apply container_runtime_exec_t to $bin_dir/k3s"
    else
        fatal "Failed to apply container_runtime_exec_t to $bin_dir/k3s, please install k3s-selinux"
    fi
}

# ---- what goes onto the machine ----

links() {
    [ "${INSTALL_K3S_BIN_DIR_READ_ONLY:-}" = true ] && return
    [ "${INSTALL_K3S_SYMLINK:-}" = skip ] && return
    for name in kubectl crictl ctr; do
        there=$(command -v "$name" 2>/dev/null) || there=
        if [ -e "$bin_dir/$name" ] && [ "${INSTALL_K3S_SYMLINK:-}" != force ]; then
            info "Skipping $bin_dir/$name symlink to k3s, already exists"
        elif [ -n "$there" ] && [ "${INSTALL_K3S_SYMLINK:-}" != force ]; then
            info "Skipping $bin_dir/$name symlink to k3s, command exists in PATH at $there"
        else
            info "Creating $bin_dir/$name symlink to k3s"
            as_root ln -sf k3s "$bin_dir/$name"
        fi
    done
}

# put FILE MODE: standard input into it
put() {
    as_root tee "$1" >/dev/null
    as_root chown root:root "$1"
    as_root chmod "$2" "$1"
}

killall_script() {
    [ "${INSTALL_K3S_BIN_DIR_READ_ONLY:-}" = true ] && return
    info "Creating killall script $killer"
    put "$killer" 0755 <<'KILLALL'
#!/bin/sh
# Stops K3s and what it started, and takes its mounts, links and rules away.
if [ "$(id -u)" -ne 0 ]; then
    exec sudo --preserve-env=K3S_DATA_DIR "$0" "$@"
fi
K3S_DATA_DIR=${K3S_DATA_DIR:-/var/lib/rancher/k3s}
set -x

for unit in /etc/systemd/system/k3s*.service; do
    [ -e "$unit" ] && systemctl stop "$(basename "$unit")"
done

tree() {
    for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
        tree "$child"
    done
    echo "$1"
}
shims() {
    for entry in /proc/[0-9]*; do
        case "$(readlink "$entry/exe" 2>/dev/null)" in
        "$K3S_DATA_DIR"/data/*/bin/containerd-shim*) echo "${entry#/proc/}" ;;
        esac
    done
}
{ set +x; } 2>/dev/null
for shim in $(shims); do
    for process in $(tree "$shim"); do
        kill -9 "$process" 2>/dev/null
    done
done
set -x

unmount_below() {
    { set +x; } 2>/dev/null
    awk '{print $5}' /proc/self/mountinfo | sort -r | while read -r mountpoint; do
        case "$mountpoint" in
        "$1"*) umount -f "$mountpoint" 2>/dev/null || umount -l "$mountpoint"; rm -rf "$mountpoint" ;;
        esac
    done
    set -x
}
unmount_below /run/k3s
unmount_below "$K3S_DATA_DIR/agent/containerd"
unmount_below /var/lib/kubelet/pods
unmount_below /var/lib/kubelet/plugins
unmount_below /run/netns/cni-

ip netns list 2>/dev/null | grep '^cni-' | cut -d ' ' -f 1 | xargs -r -n 1 ip netns delete
ip link show 2>/dev/null | grep 'master cni0' | cut -d ' ' -f 2 | cut -d @ -f 1 | while read -r link; do
    ip link delete "$link"
done
for link in cni0 flannel.1 flannel-v6.1 kube-ipvs0 flannel-wg flannel-wg-v6; do
    [ -e "/sys/class/net/$link" ] && ip link delete "$link"
done
if command -v tailscale >/dev/null 2>&1; then
    tailscale set --advertise-routes=
fi
rm -rf /var/lib/cni/
for version in '' 6; do
    command -v "ip${version}tables-save" >/dev/null 2>&1 || continue
    "ip${version}tables-save" | grep -v KUBE- | grep -v CNI- | grep -iv flannel | "ip${version}tables-restore"
done
KILLALL
}

uninstall_script() {
    [ "${INSTALL_K3S_BIN_DIR_READ_ONLY:-}" = true ] && return
    info "Creating uninstall script $uninstaller"
    put "$uninstaller" 0755 <<UNINSTALL
#!/bin/sh
# Removes K3s with everything that belongs to it.
set -x
K3S_DATA_DIR=\${K3S_DATA_DIR:-/var/lib/rancher/k3s}
if [ "\$(id -u)" -ne 0 ]; then
    exec sudo --preserve-env=K3S_DATA_DIR "\$0" "\$@"
fi
$killer
if command -v systemctl; then
    systemctl disable $system_name
    systemctl reset-failed $system_name
    systemctl daemon-reload
fi
rm -f $unit_file
rm -f $env_file
trap 'rm -f $uninstaller' EXIT
if ls $systemd_dir/k3s*.service >/dev/null 2>&1; then
    { set +x; } 2>/dev/null
    echo 'Additional k3s services installed, skipping uninstall of k3s'
    exit
fi
for name in kubectl crictl ctr; do
    [ -L "$bin_dir/\$name" ] && rm -f "$bin_dir/\$name"
done
rm -rf /etc/rancher/k3s
rm -rf /run/k3s
rm -rf /run/flannel
rm -rf "\$K3S_DATA_DIR"
rm -rf /var/lib/kubelet
rm -f $bin_dir/k3s
rm -f $killer
UNINSTALL
}

disable_old() {
    as_root systemctl disable "$system_name" >/dev/null 2>&1 || true
    as_root rm -f "$unit_file" "$env_file"
}

write_env_file() {
    info "env: Creating environment file $env_file"
    as_root touch "$env_file"
    as_root chmod 0600 "$env_file"
    sh -c export | sed 's/^export //' |
        grep -E '^(K3S|CONTAINERD|KINE)_[A-Za-z0-9_]*=' | as_root tee "$env_file" >/dev/null || true
    sh -c export | sed 's/^export //' |
        grep -Ei '^(NO|HTTP|HTTPS)_PROXY=' | as_root tee -a "$env_file" >/dev/null || true
}

write_unit() {
    info "systemd: Creating service file $unit_file"
    {
        cat <<UNIT
[Unit]
Description=Lightweight Kubernetes
Documentation=https://k3s.io
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target

[Service]
Type=$systemd_type
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-$env_file
KillMode=process
Delegate=yes
User=root
# As upstream: no accounting overhead from limits that are not infinite.
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
UNIT
        printf 'ExecStart=%s/k3s \\\n%s\n\n' "$bin_dir" "$exec_start"
    } | put "$unit_file" 0644
}

hashes() {
    sha256sum "$bin_dir/k3s" "$unit_file" "$env_file" 2>/dev/null || true
}

drop_old_rules() {
    for version in '' 6; do
        if command -v "ip${version}tables-save" >/dev/null 2>&1 &&
            "ip${version}tables-save" 2>/dev/null | grep -q 'KUBE-\|flannel'; then
            "ip${version}tables-save" | grep -v KUBE- | grep -iv flannel |
                as_root "ip${version}tables-restore"
        fi
    done
}

start() {
    if [ "${INSTALL_K3S_SKIP_ENABLE:-}" = true ]; then
        return
    fi
    info "systemd: Enabling $system_name unit"
    as_root systemctl enable "$unit_file" >/dev/null
    as_root systemctl daemon-reload >/dev/null
    [ "${INSTALL_K3S_SKIP_START:-}" = true ] && return
    if [ "$before" = "$(hashes)" ] && [ "${INSTALL_K3S_FORCE_RESTART:-}" != true ]; then
        info 'No change detected so skipping service start'
        return
    fi
    drop_old_rules
    info "systemd: Starting $system_name"
    as_root systemctl restart "$system_name"
}

check_system
eval "set -- $(plain "${INSTALL_K3S_EXEC:-}") $(quote "$@")"
choose_command "$@"
choose_names
before=$(hashes)
bring_binary
selinux
links
killall_script
uninstall_script
disable_old
write_env_file
write_unit
start
