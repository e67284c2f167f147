# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# After rollback a host is what it was, with all that its user had put there; and what somebody else
# changed since is left alone and named.

host_boot h
answers_file h
in_host h sh -eu <<'SH'
mkdir -p /etc/rancher/k3s/config.yaml.d /root/.kube /usr/local/bin
printf '# mine\nnode-label:\n  - "of=mine"\nwrite-kubeconfig-mode: "0600"\r\n' >/etc/rancher/k3s/config.yaml
chown op:op /etc/rancher/k3s/config.yaml
chmod 0640 /etc/rancher/k3s/config.yaml
echo 'tls-san+: [mine.lab]' >/etc/rancher/k3s/config.yaml.d/10-mine.yaml
echo 'mirrors: {}' >/etc/rancher/k3s/registries.yaml
chmod 0750 /etc/rancher
echo 'my own kubeconfig' >/root/.kube/config
printf '#!/bin/sh\necho my own kubectl\n' >/usr/local/bin/kubectl
chmod 0700 /usr/local/bin/kubectl
touch -d '2020-02-29 12:00' /etc/rancher/k3s/* /root/.kube/config /usr/local/bin/kubectl
setfattr -n user.mine -v 1 /etc/rancher/k3s/config.yaml 2>/dev/null || true
iptables -N MINE
iptables -A INPUT -p tcp --dport 12345 -m comment --comment mine -j MINE
iptables -P FORWARD DROP
iptables -t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE
printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
    >/etc/systemd/system/mine.service
systemctl daemon-reload
systemctl enable -q --now mine.service
echo STANDIN_READY_DELAY=1 >/etc/default/k3s
mkdir -p /var/log/pods/mine /opt/mine /var/lib/rancher/k3s/agent/images /var/lib/kubelet
echo x >/var/lib/rancher/k3s/agent/images/mine.tar
ip link add mine0 type dummy 2>/dev/null || ip link add mine0 type bridge
SH
picture h before
config=$(in_host h sha256sum /etc/rancher/k3s/config.yaml)

apply h
is 'apply beside all that ends with 0' "$RC" 0
[ "$RC" -eq 0 ] || note "$ERR"
is 'the own kubectl is still the own one' "$(in_host h kubectl)" 'my own kubectl'
is 'so is the own kubeconfig' "$(in_host h cat /root/.kube/config)" 'my own kubeconfig'
has 'rules of K3s are there' "$(in_host h iptables-save)" KUBE-SERVICES
wizard h rollback --yes
is 'rollback ends with 0' "$RC" 0
[ "$RC" -eq 0 ] || note "$ERR"
is 'the host is what it was' "$(differences h before)" ''
is 'config.yaml byte for byte' "$(in_host h sha256sum /etc/rancher/k3s/config.yaml)" "$config"
is 'nothing listens any more' "$(in_host h ss -Hltn 'sport = :6443 or sport = :10250')" ''
wizard h rollback --yes
is 'a second rollback has nothing to do: 2' "$RC" 2
is 'and changes nothing' "$(differences h before)" ''
wizard h status
is 'status ends with 0' "$RC" 0

# And once more: what a run leaves in /var/lib/k3wizard is in nobody's way.
mirror_forget
apply h
is 'a new apply ends with 0' "$RC" 0
is 'and takes the files from the cache' "$(asked '"GET".*/k3s"')" ''
wizard h rollback --yes --to server.install
is 'rollback to a step ends with 0' "$RC" 0
is 'the service is gone' "$(show h ActiveState)" inactive
check 'what came before is there' in_host h test -f /etc/systemd/system/k3s.service
wizard h resume
is 'resume goes on from there' "$RC $(show h ActiveState)" '0 active'
wizard h rollback --yes
is 'and all of it can be taken back' "$RC $(differences h before)" '0 '

# The service was stopped, its containers live on.
apply h
in_host h systemctl stop k3s
wizard h rollback --yes
is 'with the service stopped by hand too' "$RC $(differences h before)" '0 '

# Upstream's own way back, between: it takes the user's settings as well, which is not ours to mend,
# but everything else is.
apply h
in_host h /usr/local/bin/k3s-uninstall.sh >/dev/null 2>&1
wizard h rollback --yes
has 'after upstream'"'"'s uninstaller rollback ends with 0 or 5' "$RC" '^[05]$'
is 'and leaves nothing of K3s' "$(differences h before | grep -v ' => absent$')" ''

# Somebody else's change.
host_stop h
host_boot g
answers_file g
picture g before
apply g
in_host g sh -c 'echo "# edited by hand" >>/etc/rancher/k3s/config.yaml.d/50-k3wizard.yaml
    echo "# edited too" >>/usr/local/bin/k3s-killall.sh'
picture g edited
wizard g rollback --yes
is 'a file that was edited since: exit 5' "$RC" 5
has 'it is named' "$ERR$OUT" '50-k3wizard\.yaml'
has 'and so is the other' "$ERR$OUT" 'k3s-killall\.sh'
has 'it is there as it was edited' \
    "$(in_host g cat /etc/rancher/k3s/config.yaml.d/50-k3wizard.yaml)" '^# edited by hand$'
is 'only they and their directories are left' \
    "$(differences g before | grep -vE '^tree (/etc/rancher(/k3s(/config.yaml.d(/50-k3wizard.yaml)?)?)?|/usr/local/bin/k3s-killall.sh): absent')" ''
wizard g status
has 'status names what is left to do' "$OUT" '50-k3wizard\.yaml|needs a person|attention'
in_host g rm /etc/rancher/k3s/config.yaml.d/50-k3wizard.yaml /usr/local/bin/k3s-killall.sh
wizard g rollback --yes
is 'once they are gone, rollback ends with 0' "$RC" 0
is 'and the host is what it was' "$(differences g before)" ''
host_stop g

# What upstream's k3s-killall.sh takes too much of: the leases of another CNI.
host_boot f
answers_file f
in_host f sh -c 'mkdir -p /var/lib/cni/networks/mine && echo x >/var/lib/cni/networks/mine/lease'
picture f before
apply f
is 'apply beside another CNI ends with 0' "$RC" 0
wizard f rollback --yes
is 'rollback too' "$RC" 0
[ "$RC" -eq 0 ] || note "$ERR"
is 'and its leases are still there' "$(differences f before)" ''
host_stop f
