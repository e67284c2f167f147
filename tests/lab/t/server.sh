# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# From a bare booted host with two NICs to a Ready server, unattended; and again, which changes nothing.

host_boot h
answers_file h
apply h --output json
is 'apply ends with 0' "$RC" 0
is 'and no word on standard error' "$ERR" ''
is 'its output is JSON, line by line' "$(json_lines)" ''
is 'it ends with the summary' "$(json 'e["event"]' | tail -n 1)" summary
is 'each step is begun and done' \
    "$(json 'e["id"] + " " + e["state"] if e["event"] == "step" else None' | awk '{print $2}' | sort | uniq -c | xargs)" \
    '9 doing 9 done'
is 'the unit is active' "$(show h ActiveState)" active
is 'and enabled' "$(show h UnitFileState)" enabled
is 'it has not been restarted' "$(show h NRestarts)" 0
is 'the node is Ready' "$(in_host h kubectl get nodes --no-headers | awk '{print $2}')" Ready
is 'node-ip is in effect' \
    "$(node h '[a["address"] for a in n["status"]["addresses"] if a["type"] == "InternalIP"]')" "['$(address h)']"
is 'flannel-iface is in effect' \
    "$(node h 'n["metadata"]["annotations"]["flannel.alpha.coreos.com/public-ip"]')" "$(address h)"
link=$(in_host h ip -d link show flannel.1)
if grep -q vxlan <<<"$link"; then
    has 'the pod network runs over it' "$link" 'dev enp0s8'
else
    skip 'the pod network runs over it' 'the kernel has no vxlan'
fi
hasnt 'servicelb and traefik are left out' "$(in_host h kubectl get pods -A)" 'traefik|svclb'
is 'the kubeconfig is closed' "$(mode_of h /etc/rancher/k3s/k3s.yaml)" '600 root:root'
is 'the copy for the user too' "$(mode_of h /root/.kube/config)" '600 root:root'
has 'it works' "$(in_host h kubectl --kubeconfig /root/.kube/config get nodes)" ' Ready '
is 'the settings are closed' "$(mode_of h /etc/rancher/k3s/config.yaml.d/50-k3wizard.yaml)" '600 root:root'
is 'so are the state directory' "$(mode_of h /var/lib/k3wizard)" '700 root:root'
is 'and all in it' "$(in_host h find /var/lib/k3wizard -type f -perm /077)" ''
is 'no temporary file is left' "$(in_host h find / -xdev -name '.k3w*' -o -xdev -name '*k3s-install*')" ''
is 'nor anything in /run' "$(in_host h find /run/k3wizard -mindepth 1 2>/dev/null)" ''
hasnt 'nothing but the stand-ins was fetched' "$(asked)" '"path": "/(v1-release|download|releases|install.sh)[^"]*", "range": null, "status": [45]'
is 'nothing went over plain HTTP' "$(asked '"port": 8080')" ''

picture h up
before=$(state_of h)
mirror_forget
apply h
is 'a second apply ends with 0' "$RC" 0
has 'and says so' "$OUT" 'Nothing to do'
is 'it changes nothing' "$(differences h up)" ''
is 'not even in its own records' "$(state_of h)" "$before"
hasnt 'and fetches no file again' "$(asked)" '"GET", "path": "/(download/[^"]*/k3s|install.sh)"'
wizard h --answers /var/lib/k3wizard/answers.yaml --output json
is 'the answers that it kept replay it' "$RC $(json 'e["text"] if e["event"] == "message" else None')" \
    '0 Nothing to do: everything is as it should be. Nothing was changed.'
is 'and change nothing' "$(differences h up)" ''
wizard h status
is 'status ends with 0' "$RC" 0
wizard h summary
has 'the summary says how to go back' "$OUT" 'k3wizard rollback'
hasnt 'and shows no token' "$OUT" 'K10[0-9a-f]{64}'
wizard h apply --answers /root/server.yaml --yes --set network.interface=enp0s3
is 'other answers are refused with 4' "$RC" 4
is 'and change nothing' "$(differences h up)" ''

# A power cut and a boot later it is still there.
host_cut h
host_boot h
check 'after a reboot the unit comes up by itself' until_true 30 in_host h systemctl is-active k3s
until_true 20 in_host h kubectl get nodes
apply h
is 'and apply still has nothing to do' "$RC $(grep -c 'Nothing to do' <<<"$OUT")" '0 1'
host_stop h

# As a user with sudo, no interface answered: the one of the default route; only the settings that the
# user has. The way to the files is not straight either.
host_boot g
INTERFACE='' CHANNEL_URL=$MIRROR/fault/flaky/v1-release/channels \
    ARTIFACT_URL=$MIRROR/fault/truncated-once/download INSTALLER_URL=$MIRROR/fault/moved/install.sh \
    answers_file g
RC=0
in_host g sudo -u op sudo k3wizard --answers /root/server.yaml --yes >"$WORK/out" 2>"$WORK/err" </dev/null || RC=$?
OUT=$(cat "$WORK/out")
is 'apply by sudo ends with 0' "$RC" 0
[ "$RC" -eq 0 ] || note "$(tail -n 5 "$WORK/out" "$WORK/err")"
is 'the address is that of the default route' \
    "$(node g '[a["address"] for a in n["status"]["addresses"] if a["type"] == "InternalIP"]')" \
    "['$(address g enp0s3)']"
is 'the user has a copy of the kubeconfig' "$(mode_of g /home/op/.kube/config)" '600 op:op'
has 'which works' "$(in_host g sudo -u op kubectl --kubeconfig /home/op/.kube/config get nodes)" ' Ready '
has 'a body that broke off was resumed' "$(asked '/k3s"')" '"range": "bytes=[1-9][0-9]*-", "status": 206'
in_host g cat /var/lib/k3wizard/answers.yaml >"$WORK/replay"
has 'the replayable answers name what was suggested' "$(cat "$WORK/replay")" 'interface: "enp0s3"'
host_stop g

# The other way round: an address given, the interface found. And the profile of 2020, which cannot
# run where only cgroup v2 is.
host_boot f
INTERFACE='' answers_file f
wizard f plan --answers /root/server.yaml --set network.node_ip="$(address f)" --output json
has 'an address finds its interface' "$(cat "$WORK/out")" 'flannel-iface: enp0s8'
picture f before
answers_file f "profile: blog-2020"
apply f
is 'blog-2020 is blocked with 4' "$RC" 4
has 'because of cgroup v2' "$OUT" 'cgroup v2'
has 'and Docker' "$OUT" 'Docker'
is 'and nothing was changed' "$(differences f before)" ''
is 'not even a state directory' "$(in_host f ls -d /var/lib/k3wizard 2>/dev/null)" ''
host_stop f
