# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Whatever is wrong from outside ends with the documented exit code and one clear message, and leaves
# the host as it was.

# outcome WHAT CODE PATTERN: of the last run
outcome() {
    is "$1: exit $2" "$RC" "$2"
    has "$1: says so" "$ERR$OUT" "$3"
    is "$1: one message" "$(grep -c '^k3wizard: ' <<<"$ERR")" 1
    hasnt "$1: not a raw control byte" "$ERR$OUT" $'[\x01-\x08\x0b-\x1f\x7f]'
    is "$1: the host is as it was" "$(differences h before)" ''
    is "$1: no partial file" "$(in_host h find / -xdev -name '.k3w*' 2>/dev/null)" ''
    in_host h rm -rf /var/lib/k3wizard
}
# bad WHAT CODE PATTERN: with the answers file that stands
bad() {
    apply h
    outcome "$@"
}
# source_fault WHAT CODE PATTERN VARIABLE URL
source_fault() {
    export "$4=$5"
    answers_file h "${MORE:-}"
    unset "$4"
    bad "$1" "$2" "$3"
}

host_boot h
answers_file h
picture h before

# ---- what the mirror says ----

source_fault 'wrong checksum' 1 'SHA-256|sha256|digest|checksum' ARTIFACT_URL "$MIRROR/fault/wrong-checksum/download"
source_fault 'checksum line missing' 4 'no checksum line' ARTIFACT_URL "$MIRROR/fault/no-checksum-line/download"
source_fault 'two checksums' 4 'two different checksums' ARTIFACT_URL "$MIRROR/fault/two-checksums/download"
DOWNLOAD=12s source_fault 'truncated binary' 1 'Could not get|not complete|cut|short|truncated' \
    ARTIFACT_URL "$MIRROR/fault/truncated/download"
DOWNLOAD=12s source_fault 'truncated installer' 1 'Could not get|not complete|cut|short|truncated' \
    INSTALLER_URL "$MIRROR/fault/truncated/install.sh"
source_fault 'HTML instead of the binary' 1 'page|HTML|portal' ARTIFACT_URL "$MIRROR/fault/html/download"
source_fault 'HTML instead of the checksums' 4 'page|HTML|portal' ARTIFACT_URL "$MIRROR/fault/html-all/download"
source_fault 'HTML instead of the channel' 4 'page|HTML|portal' CHANNEL_URL "$MIRROR/fault/html/v1-release/channels"
source_fault 'HTML instead of the installer' 1 'page|HTML|portal' INSTALLER_URL "$MIRROR/fault/html/install.sh"
source_fault '404 for the binary' 1 '404' ARTIFACT_URL "$MIRROR/fault/404/download"
source_fault '404 for the release' 4 '404' ARTIFACT_URL "$MIRROR/fault/404-all/download"
source_fault '404 for the channel' 4 '404' CHANNEL_URL "$MIRROR/fault/404/v1-release/channels"
source_fault '404 for the installer' 1 '404' INSTALLER_URL "$MIRROR/fault/404/install.sh"
source_fault 'expired certificate' 4 'expired' CHANNEL_URL https://mirror.lab:8444/v1-release/channels
source_fault 'expired certificate of the installer' 1 'expired' INSTALLER_URL https://mirror.lab:8444/install.sh
source_fault 'certificate for another name' 4 'name' CHANNEL_URL https://mirror.lab:8445/v1-release/channels
source_fault 'certificate for another name, binary' 4 'name' ARTIFACT_URL https://mirror.lab:8445/download
source_fault 'unknown CA' 4 'certificate' CHANNEL_URL https://mirror.lab:8446/v1-release/channels
mirror_forget
source_fault 'redirect to http' 4 'https' CHANNEL_URL "$MIRROR/fault/redirect-http/v1-release/channels"
source_fault 'redirect of the binary to http' 1 'https' ARTIFACT_URL "$MIRROR/fault/redirect-http/download"
is 'and plain HTTP is not spoken' "$(asked '"port": 8080')" ''
SECONDS=0
DOWNLOAD=5s source_fault 'endless slow body' 1 'not complete|too slow|stalled|timed out' \
    ARTIFACT_URL "$MIRROR/fault/slow/download"
check 'and within its limit' test "$SECONDS" -lt 20
DOWNLOAD=5s source_fault 'endless slow installer' 1 'not complete|too slow|stalled|timed out' \
    INSTALLER_URL "$MIRROR/fault/slow/install.sh"
DOWNLOAD=20s source_fault 'endless fast installer' 1 'large|limit|bytes|not complete' \
    INSTALLER_URL "$MIRROR/fault/endless/install.sh"
source_fault 'no such host' 4 'name|resolve' CHANNEL_URL https://nowhere.lab/channels
source_fault 'nobody there' 4 'connect|refused' CHANNEL_URL https://mirror.lab:1/channels
MORE='k3s: {version: v9.9.9+k3s1}' source_fault 'no such version' 4 '404' ARTIFACT_URL "$MIRROR/download"
echo user:right >"$WORK/proxy-user"
answers_file h
apply h --set source.proxy=http://10.0.2.2:3128
outcome 'proxy that wants a password' 4 '407|password'
rm "$WORK/proxy-user"
answers_file h
apply h --set source.installer_sha256="$(printf '%064d' 1)"
outcome 'installer with another digest' 1 'SHA-256|sha256|digest|checksum'

# ---- the machine ----

in_host h sh -c 'mkdir -m 0700 /var/lib/k3wizard && mount -t tmpfs -o size=4m,mode=700 tmpfs /var/lib/k3wizard'
ARTIFACT_URL=$MIRROR/fault/big/download answers_file h
apply h
is 'full disk while downloading: exit 1' "$RC" 1
has 'full disk while downloading: says so' "$ERR" 'disk is full|No space left'
wizard h rollback --yes
is 'full disk: rollback works' "$RC" 0
in_host h sh -c 'rm -rf /var/lib/k3wizard/*'
INSTALLER_URL=$MIRROR/fault/endless/install.sh answers_file h
in_host h dd if=/dev/zero of=/var/lib/k3wizard/full bs=64k count=56 2>/dev/null
apply h
is 'a disk that fills up on the way: exit 1' "$RC" 1
has 'a disk that fills up: says so' "$ERR" 'disk is full|No space left'
in_host h rm /var/lib/k3wizard/full
wizard h rollback --yes
is 'a disk that fills up: rollback works' "$RC" 0
in_host h sh -c 'umount /var/lib/k3wizard && rmdir /var/lib/k3wizard'
is 'full disk while downloading: the host is as it was' "$(differences h before)" ''

answers_file h
in_host h sh -c 'mount --bind /usr/local /usr/local && mount -o remount,bind,ro /usr/local'
apply h
in_host h umount /usr/local
outcome 'read-only /usr/local' 4 'read-only'
in_host h python3 -c 'import socket, time
s = socket.create_server(("", 6443))
time.sleep(60)' &
holder=$!
until_true 5 in_host h sh -c 'ss -Hltn sport = :6443 | grep -q .'
apply h
kill "$holder"
in_host h pkill -f 'create_server.*6443'
until_true 5 in_host h sh -c '! ss -Hltn sport = :6443 | grep -q .'
outcome 'port 6443 taken' 4 '6443.*python3'
INTERFACE=enp0s9 answers_file h
bad 'interface that does not exist' 4 'server\.yaml:4:14: .*enp0s9'
INTERFACE=lo answers_file h
bad 'loopback' 4 'lo '
answers_file h
apply h --set network.node_ip=192.168.99.1
outcome 'IP not on the interface' 4 '192\.168\.99\.1.*not an address of enp0s8'
in_host h ip route del default
apply h
in_host h ip route add default via 10.0.2.2 dev enp0s3
outcome 'no default route' 4 'default route'
in_host h sh -c 'install -o op -m 0600 /root/server.yaml /home/op/server.yaml'
picture h before
RC=0
in_host h sudo -u op /usr/local/sbin/k3wizard --answers /home/op/server.yaml --yes \
    >"$WORK/out" 2>"$WORK/err" </dev/null || RC=$?
OUT=$(cat "$WORK/out") ERR=$(cat "$WORK/err")
outcome 'not root' 4 'root'
in_host h rm /home/op/server.yaml
picture h before
in_host h sh -c 'touch /usr/local/bin/k3s && chmod 755 /usr/local/bin/k3s'
picture h before
bad 'a K3s that is not ours' 4 'already'
in_host h rm /usr/local/bin/k3s
picture h before

# A second wizard while the first is at work.
echo slow=30 | in_host h tee /run/standin-fault >/dev/null
in_host h k3wizard --answers /root/server.yaml --yes >"$WORK/first" 2>&1 </dev/null &
first=$!
until_true 20 in_host h systemctl show -P MainPID k3s
until_true 20 in_host h grep -q '"server.service","state":"doing"' /var/lib/k3wizard/journal
picture h busy
apply h
is 'a second wizard: exit 6' "$RC" 6
is 'a second wizard: one message' "$(grep -c '^k3wizard: ' <<<"$ERR")" 1
wizard h rollback --yes
is 'nor may it roll back: exit 6' "$RC" 6
wizard h status
is 'but it may look' "$RC" 0
in_host h pkill -TERM -x k3wizard
RC=0
wait "$first" || RC=$?
is 'the first goes on until it is told: exit 7' "$RC" 7
in_host h rm /run/standin-fault
wizard h rollback --yes
is 'and can be taken back' "$RC $(differences h before)" '0 '
in_host h rm -rf /var/lib/k3wizard

# ---- answers: rows 36 to 42 ----

# answers WHAT CODE PATTERN: the file comes on standard input
answers() {
    in_host h sh -c 'umask 077; cat >/root/server.yaml'
    bad "$1" "$2" "$3"
    is "$1: nothing was written" "$(in_host h ls -d /var/lib/k3wizard 2>/dev/null)" ''
}
good='version: 1\nrole: server\nnetwork: {interface: enp0s8}\n'
answers 'NUL' 3 'server\.yaml:[0-9]+:[0-9]+: ' < <(printf 'version: 1\nrole: ser\0ver\n')
answers 'UTF-16' 3 'UTF-16|UTF-8' < <(printf '%b' "$good" | iconv -t UTF-16)
answers 'not UTF-8' 3 'server\.yaml:2:[0-9]+: ' < <(printf 'version: 1\nrole: "\xff\xfe"\n')
answers 'deep' 3 'deep|levels|16' < <(head -c 30000 /dev/zero | tr '\0' '[')
answers 'deeper than the file may be' 3 'KiB|large|big' < <(head -c 100000 /dev/zero | tr '\0' '[')
answers 'too large' 3 'KiB|large|big' < <(printf '%b' "$good"; head -c 70000 /dev/zero | tr '\0' '#')
answers 'a duplicate key' 3 'server\.yaml:3:1: .*role' < <(printf 'version: 1\nrole: server\nrole: server\n')
answers 'an unknown key' 3 'server\.yaml:3:3: .*interface' < <(printf 'version: 1\nnetwork:\n  interfase: enp0s8\nrole: server\n')
answers 'an unknown value' 3 'server\.yaml:2:7: ' < <(printf 'version: 1\nrole: sever\n')
answers 'an alias' 3 'server\.yaml:[0-9]+:[0-9]+: ' < <(printf 'version: 1\nrole: &a server\nk3s: {node_name: *a}\n')
answers 'a tag' 3 'server\.yaml:2:[0-9]+: ' < <(printf 'version: 1\nrole: !!str server\n')
answers 'a merge key' 3 'server\.yaml:[0-9]+:[0-9]+: ' < <(printf 'version: 1\n<<: {role: server}\n')
answers 'two documents' 3 'server\.yaml:[0-9]+:[0-9]+: ' < <(printf '%b---\n%b' "$good" "$good")
answers 'an escape in a value' 3 'server\.yaml:3:[0-9]+: ' < <(printf '%b' 'version: 1\nrole: server\nk3s: {node_name: "\\e[31mred"}\n')
answers 'a raw escape' 3 'server\.yaml:[0-9]+:[0-9]+: ' < <(printf 'version: 1\nrole: server\nk3s: {node_name: "\033[31mred"}\n')
answers 'a bidi character' 3 'server\.yaml:3:[0-9]+: ' < <(printf 'version: 1\nrole: server\nk3s: {node_name: "a\342\200\256b"}\n')
answers 'a command as a name' 3 'server\.yaml:3:[0-9]+: ' < <(printf '%s\n' 'version: 1' 'role: server' 'k3s: {node_name: "$''(reboot)"}')
answers 'a newline in a name' 3 'server\.yaml:3:[0-9]+: ' < <(printf '%s\n' 'version: 1' 'role: server' 'k3s: {node_name: "a\nb"}')
answers 'a flag as a name' 3 'server\.yaml:3:[0-9]+: ' < <(printf '%s\n' 'version: 1' 'role: server' 'k3s: {node_name: -flag}')
answers 'a version that is a number' 3 'server\.yaml:3:[0-9]+: ' < <(printf '%s\n' 'version: 1' 'role: server' 'k3s: {version: 1.30}')
answers 'two errors, both told' 3 'server\.yaml:4:[0-9]+: ' < <(printf '%s\n' 'version: 1' 'role: nobody' 'network:' '  flannel_backend: wireguard')
has 'two errors: the first too' "$ERR" 'server\.yaml:2:7: '
answers 'an empty file' 3 'empty' </dev/null
is 'a missing answer: exit 3' "$(printf 'version: 1\n' | in_host h tee /root/server.yaml >/dev/null; apply h; echo "$RC")" 3

in_host h sh -c 'rm -f /root/server.yaml; mkfifo /root/server.yaml'
bad 'a FIFO' 3 'server\.yaml'
in_host h rm -f /root/server.yaml
wizard h --answers /dev/zero --yes
outcome '/dev/zero' 3 '/dev/zero'
wizard h --answers /root --yes
outcome 'a directory' 3 '/root'
wizard h --answers /root/nothing.yaml --yes
outcome 'no file' '3' 'nothing\.yaml'
answers_file h
in_host h sh -c 'printf "join:\n  token: secret-word\n" >>/root/server.yaml; chmod 0644 /root/server.yaml'
bad 'a secret in an open file' 3 'server\.yaml'
hasnt 'a secret in an open file: it is not shown' "$ERR$OUT" 'secret-word'
in_host h sh -c 'chmod 0600 /root/server.yaml; chown op /root/server.yaml'
bad 'a secret in a file of somebody else' 3 'server\.yaml'
in_host h sh -c 'chown root /root/server.yaml; mv /root/server.yaml /tmp/real.yaml
    ln -s /tmp/real.yaml /tmp/link.yaml; chown -h op /tmp/link.yaml'
wizard h --answers /tmp/link.yaml --yes
is 'a secret behind a link of somebody else: exit 3' "$RC" 3
in_host h rm -f /tmp/real.yaml /tmp/link.yaml

# What must be taken: BOM, CRLF; what looks like other types is a string.
printf '\357\273\277version: 1\r\nrole: server\r\nnetwork: {interface: enp0s8}\r\nk3s: {node_name: "no"}\r\n' |
    in_host h sh -c 'cat >/root/server.yaml; chmod 600 /root/server.yaml'
wizard h answers check /root/server.yaml
is 'BOM and CRLF are taken' "$RC" 0
wizard h answers show --answers /root/server.yaml
has '"no" is a name' "$OUT" 'k3s\.node_name +no +file'
host_stop h
