# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A whole unattended run beside the same installer run by hand with curl | sh, until the node is
# Ready. A figure, not a test: only with LAB_BENCH=1 (tests/bench/run sets it).

[ -n "${LAB_BENCH:-}" ] || return 0

ready() { [ "$(in_host h kubectl get nodes --no-headers 2>/dev/null | awk '{print $2}')" = Ready ]; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
best() { sort -n | head -n 1; }

by_hand() {
    local begin
    begin=$(milliseconds)
    in_host h env CURL_CA_BUNDLE=/etc/lab-ca.pem INSTALL_K3S_CHANNEL_URL="$MIRROR/v1-release/channels" \
        INSTALL_K3S_ARTIFACT_URL="$MIRROR/download" \
        INSTALL_K3S_EXEC='--node-ip 192.168.57.15 --flannel-iface enp0s8 --disable servicelb --disable traefik' \
        sh -c "curl -sfL $MIRROR/install.sh | sh -" >/dev/null 2>&1
    until ready; do sleep 0.1; done
    echo $(($(milliseconds) - begin)) >>"$WORK/theirs"
    in_host h k3s-uninstall.sh >/dev/null 2>&1
    in_host h rm -rf /etc/rancher /var/lib/rancher
}

with_wizard() {
    local begin
    begin=$(milliseconds)
    apply h
    [ "$RC" -eq 0 ] || not_ok 'the run' "$ERR"
    echo $(($(milliseconds) - begin)) >>"$WORK/ours"
    wizard h --yes rollback
    in_host h rm -rf /var/lib/k3wizard
}

host_boot h
answers_file h
for _ in 1 2 3 4; do
    by_hand
    with_wizard
done
ours=$(best <"$WORK/ours") theirs=$(best <"$WORK/theirs")
note "count: whole run / curl | sh, until Ready: $ours ms / $theirs ms = $(awk "BEGIN {printf \"%.2f\", $ours / $theirs}") (wanted: under 1.05)"
host_stop h
