# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The stand-ins themselves, used as a person uses upstream's: curl | sh, look, uninstall.

by_hand() {
    in_host h env CURL_CA_BUNDLE=/etc/lab-ca.pem "$@" sh -c \
        'curl -sfL https://mirror.lab:8443/install.sh -o /tmp/install.sh && sh /tmp/install.sh '"${ARGS:-}"
}
show() { in_host h systemctl show -P "$1" k3s; }
ready() { [ "$(in_host h kubectl get nodes --no-headers | awk '{print $2}')" = Ready ]; }
curl_h() { in_host h curl -s --cacert /var/lib/rancher/k3s/server/tls/server-ca.crt "$@"; }

host_boot h
picture h before
said=$(by_hand INSTALL_K3S_EXEC='--node-ip 192.168.57.15 --flannel-iface enp0s8' 2>&1)
is 'the installer ends with 0' "$?" 0
has 'it says what it does' "$said" '^\[INFO\]  systemd: Starting k3s$'
has 'the channel is resolved' "$said" 'Using v1\.36\.3\+k3s1 as release'
is 'the unit is active' "$(show ActiveState)" active
is 'and of type notify' "$(show Type)" notify
check 'the node becomes Ready' until_true 20 ready
has 'with the address it was given' "$(in_host h kubectl get nodes -o wide)" ' 192\.168\.57\.15 '
is '/ping answers' "$(curl_h https://127.0.0.1:6443/ping)" pong
token=$(in_host h cat /var/lib/rancher/k3s/server/node-token)
digest=$(in_host h curl -sk https://127.0.0.1:6443/cacerts | sha256sum | cut -d ' ' -f 1)
is 'the token holds the digest of /cacerts' "${token%%::*}" "K10$digest"
is 'a right password is taken' \
    "$(curl_h -u "node:${token##*:}" https://127.0.0.1:6443/v1-k3s/readyz)" ok
has 'a wrong one is not' "$(curl_h -u node:wrong https://127.0.0.1:6443/v1-k3s/readyz)" '"not authorized"'
has 'none is forbidden' "$(curl_h https://127.0.0.1:6443/v1-k3s/readyz)" '"forbidden"'
has 'the API wants a certificate' "$(curl_h https://127.0.0.1:6443/readyz)" '"Unauthorized"'
is 'the kubeconfig is closed' "$(in_host h stat -c %a /etc/rancher/k3s/k3s.yaml)" 600
is 'the environment file is closed' "$(in_host h stat -c %a /etc/systemd/system/k3s.service.env)" 600
has 'a second run changes nothing' "$(by_hand INSTALL_K3S_EXEC='--node-ip 192.168.57.15 --flannel-iface enp0s8' 2>&1)" \
    'No change detected so skipping service start'
in_host h systemctl stop k3s
has 'containers outlive the service' "$(in_host h ps ax -o args)" '^/var/lib/rancher/k3s/data/.*/containerd-shim'
has 'rules too' "$(in_host h iptables-save)" KUBE-SERVICES
in_host h k3s-uninstall.sh >"$WORK/uninstall" 2>&1
left=$(differences h before)
has 'the uninstaller leaves the node password' "$left" '^tree /etc/rancher/node/password: absent'
is 'and nothing else' "$(grep -vE '^tree (/etc/rancher(/node.*)?|/var/lib/rancher|/var/log/(pods|containers)): absent|^tree /tmp/install.sh:' <<<"$left")" ''
hasnt 'no rules are left' "$(in_host h iptables-save)" 'KUBE|CNI-|FLANNEL'

said=$(by_hand INSTALL_K3S_ARTIFACT_URL="$MIRROR/fault/wrong-checksum/download" 2>&1)
is 'a wrong checksum ends the installer with 1' "$?" 1
has 'and a word' "$said" '^\[ERROR\] Download sha256 does not match'
said=$(by_hand INSTALL_K3S_ARTIFACT_URL="$MIRROR/fault/no-checksum-line/download" 2>&1)
is 'a missing checksum with 1' "$?" 1
hasnt 'and no word' "$said" ERROR
said=$(by_hand INSTALL_K3S_ARTIFACT_URL="$MIRROR/fault/404/download" 2>&1)
is 'a missing binary with 1' "$?" 1
has 'and a word' "$said" '^\[ERROR\] Download failed'
said=$(by_hand K3S_URL=http://x:6443 K3S_TOKEN=x 2>&1)
is 'plain http with 1' "$?" 1
said=$(by_hand K3S_URL=https://x:6443 2>&1)
is 'an agent without a token with 1' "$?" 1

by_hand INSTALL_K3S_SKIP_START=true INSTALL_K3S_EXEC='--no-deploy traefik' >/dev/null 2>&1
in_host h systemctl start k3s >/dev/null 2>&1
is 'an unknown flag ends the service' "$(show Result):$(show ExecMainStatus)" exit-code:1
has 'and its journal says which' "$(in_host h journalctl -u k3s -o cat)" 'flag provided but not defined: -no-deploy'
in_host h k3s-uninstall.sh >/dev/null 2>&1
host_stop h
