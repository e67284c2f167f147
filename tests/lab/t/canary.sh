# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A secret goes only where it must: the cluster's token and the proxy's password are found in no
# argument, environment, log, journal, JSON, core, or file that anybody but its owner can read.

token=canary$(openssl rand -hex 12)
password=bird$(openssl rand -hex 12)
words="$token $password"

seek() { in_host h python3 /mnt/lab/seek.py <<<"$words"; }
watch() {
    in_host h rm -f /run/seek-stop
    in_host h python3 /mnt/lab/seek.py --watch <<<"$words" >"$WORK/watched" 2>&1 &
    watcher=$!
}
watched() {
    in_host h touch /run/seek-stop
    wait "$watcher"
    cat "$WORK/watched"
}
# spoken WHAT: nothing of it in what the program said
spoken() {
    hasnt "$1: not in what it says" "$(cat "$WORK/out" "$WORK/err")" "$token|$password"
}
# The answers with the proxy, whose password is the canary.
with_proxy() {
    answers_file h
    in_host h sed -i "s|^source:|source:\n  proxy: http://op:$password@10.0.2.2:3128|" /root/server.yaml
}

host_boot h
in_host h sh -c 'mkdir -p /etc/rancher/k3s; umask 077; cat >/etc/rancher/k3s/config.yaml' <<<"token: $token"
echo "op:$password" >"$WORK/proxy-user"
with_proxy

is 'seek.py finds a canary in a file' \
    "$(in_host h sh -c "echo $token >/tmp/x"; seek; in_host h rm /tmp/x)" '/tmp/x (-rw-r--r--)'
has 'and in an environment' "$(in_host h env "X=$token" sleep 5 & sleep 0.5; seek)" 'environ of sleep'

watch
apply h --output json --verbose
is 'apply through the proxy ends with 0' "$RC" 0
[ "$RC" -eq 0 ] || note "$ERR"
spoken 'apply'
has 'the proxy was used' "$(asked '"port": 3128')" '"path": "mirror.lab:8443", "status": 200'
has 'the canary is the token' "$(in_host h cat /var/lib/rancher/k3s/server/node-token)" "$token"
is 'while it ran: in no argument and no environment' "$(watched)" ''
is 'after it: nowhere' "$(seek)" ''
for command in status changes summary 'answers show' 'plan --answers /root/server.yaml' \
    'apply --answers /var/lib/k3wizard/answers.yaml --yes' explain interfaces \
    'token inspect /var/lib/rancher/k3s/server/node-token' \
    'token inspect /var/lib/rancher/k3s/server/node-token --output json'; do
    # shellcheck disable=SC2086
    wizard h $command
    spoken "$command"
done
wizard h answers save /root/saved.yaml --answers /root/server.yaml
spoken 'answers save'
wizard h summary --show-token
spoken 'summary --show-token without a terminal'
is 'after all of it: nowhere' "$(seek)" ''
wizard h rollback --yes --verbose
is 'rollback ends with 0' "$RC" 0
spoken 'rollback'
is 'after rollback: nowhere' "$(seek)" ''
in_host h rm -rf /var/lib/k3wizard

# Errors, where words of others are passed on.
echo 'op:other' >"$WORK/proxy-user"
apply h --verbose
is 'a proxy that says no: exit 4' "$RC" 4
spoken 'a proxy that says no'
is 'a proxy that says no: nowhere' "$(seek)" ''
in_host h sed -i "s|10.0.2.2:3128|10.0.2.2:1|" /root/server.yaml
apply h --verbose
spoken 'no proxy there'
is 'no proxy there: nowhere' "$(seek)" ''
in_host h sed -i "s|http://op:$password@|ftp://op:$password@|" /root/server.yaml
apply h
is 'a proxy that cannot be: exit 3' "$RC" 3
spoken 'a proxy that cannot be'
with_proxy
wizard h --answers /root/server.yaml --yes --set "source.proxy=http://op:$password@10.0.2.2:3128"
is 'a password in an argument: exit 2' "$RC" 2
spoken 'a password in an argument'
echo "op:$password" >"$WORK/proxy-user"

# It dies, with cores allowed.
with_proxy
in_host h sed -i "s|$MIRROR/download|$MIRROR/fault/slow/download|" /root/server.yaml
for signal in SEGV QUIT; do
    in_host h sh -c 'cd /tmp && ulimit -c unlimited && exec k3wizard --answers /root/server.yaml --yes' \
        </dev/null >"$WORK/out" 2>"$WORK/err" &
    victim=$!
    until_true 20 in_host h sh -c 'ls /var/lib/k3wizard/cache/*.partial'
    sleep 0.5
    in_host h pkill "-$signal" -x k3wizard
    wait "$victim"
    spoken "killed by SIG$signal"
    is "killed by SIG$signal: no core holds it" "$(seek)" ''
    in_host h sh -c 'rm -f /tmp/core* /core*'
    wizard h rollback --yes
    in_host h rm -rf /var/lib/k3wizard
done

# The other ways to give it.
in_host h sh -c "umask 077; echo 'http://op:$password@10.0.2.2:3128' >/root/proxy"
answers_file h
in_host h sed -i 's|^source:|source:\n  proxy_file: /root/proxy|' /root/server.yaml
watch
apply h --output json
is 'with proxy_file: exit 0' "$RC" 0
[ "$RC" -eq 0 ] || note "$ERR"
is 'with proxy_file: while it ran, nowhere' "$(watched)" ''
is 'with proxy_file: after it, nowhere' "$(seek)" ''
has 'with proxy_file: the answers that are kept name the file' \
    "$(in_host h cat /var/lib/k3wizard/answers.yaml)" 'proxy_file'
host_stop h
