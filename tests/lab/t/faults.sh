# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
#
# K3s does not come up: what is shown, what is undone, and how it goes on.

fault() { in_host h sh -c 'cat >/run/standin-fault' <<<"$*"; }
# The step was undone: no service, nothing of it left; what came before stands.
step_undone() {
    is "$1: the service is stopped" "$(show h ActiveState)" inactive
    is "$1: and disabled" "$(show h UnitFileState)" disabled
    is "$1: what it made is gone" "$(in_host h sh -c 'ls -d /var/lib/rancher/k3s /var/lib/kubelet \
        /etc/rancher/node /run/k3s 2>/dev/null')" ''
    is "$1: nothing of it runs" "$(in_host h pgrep -f 'k3s server|containerd-shim')" ''
    check "$1: what came before stands" in_host h test -f /etc/systemd/system/k3s.service
}
all_undone() {
    wizard h rollback --yes
    is "$1: rollback ends with 0" "$RC" 0
    is "$1: the host is as it was" "$(differences h before)" ''
    in_host h rm -rf /var/lib/k3wizard
}

host_boot h
answers_file h
picture h before

fault exit-at-start=3
apply h --output json
is 'exits at start: exit 1' "$RC" 1
json 'e["message"] + "\n" + (e["hint"] or "") if e["event"] == "error" else None' >"$WORK/error"
has 'exits at start: its result is shown' "$(cat "$WORK/error")" 'result exit-code.* 3'
has 'exits at start: its last lines are shown' "$(cat "$WORK/error")" 'database is locked'
has 'exits at start: the way on is shown' "$(cat "$WORK/error")" 'k3wizard resume'
step_undone 'exits at start'
wizard h status
has 'exits at start: status says where it stands' "$OUT" 'Start the K3s server'
fault ''
wizard h resume
is 'exits at start: resume after the cause is gone ends with 0' "$RC $(show h ActiveState)" '0 active'
all_undone 'exits at start'

fault hostile-log
apply h
is 'hostile words: exit 1' "$RC" 1
has 'hostile words: they are shown' "$ERR" 'this is red'
hasnt 'hostile words: escaped' "$OUT$ERR" $'\x1b|\x07|\u202e'
apply h --output json
is 'hostile words: as JSON too' "$(json_lines)" ''
hasnt 'hostile words: escaped there' "$OUT" $'\x1b|\x07|\u202e'
all_undone 'hostile words'

fault unknown-flag
apply h
is 'unknown flag: exit 1' "$RC" 1
has 'unknown flag: it is named' "$ERR" 'flag provided but not defined: -no-such-flag'
step_undone 'unknown flag'
all_undone 'unknown flag'

fault never-ready
START=6s answers_file h
SECONDS=0
apply h
is 'never ready: exit 1' "$RC" 1
has 'never ready: the limit is named' "$ERR" '6 ?s'
check 'never ready: and kept' test "$SECONDS" -lt 25
has 'never ready: its last lines are shown' "$ERR" 'Waiting for API server'
step_undone 'never ready'
all_undone 'never ready'

fault slow=8
answers_file h
apply h
is 'slow: exit 0' "$RC" 0
all_undone 'slow'

fault node-never-ready
READY=4s answers_file h
apply h
is 'node never Ready: exit 1' "$RC" 1
has 'node never Ready: what was waited for is told' "$ERR" 'Node h is Ready: not within 4s'
has 'node never Ready: and why' "$ERR" 'cni plugin not initialized'
is 'node never Ready: the server still runs' "$(show h ActiveState)" active
wizard h resume
wizard h resume
is 'node never Ready: still exit 1 the third time' "$RC" 1
wizard h resume
is 'the fourth time a person is asked for: exit 5' "$RC" 5
has 'and told how to go on' "$ERR" 'k3wizard --yes resume'
fault ''
in_host h systemctl restart k3s
wizard h --yes resume
is 'who says yes goes on: exit 0' "$RC" 0
all_undone 'node never Ready'

fault exit-at-start
answers_file h
apply h --on-failure all
is '--on-failure all: exit 1' "$RC" 1
is '--on-failure all: the host is as it was' "$(differences h before)" ''
in_host h rm -rf /var/lib/k3wizard
apply h --on-failure keep
is '--on-failure keep: exit 1' "$RC" 1
is '--on-failure keep: the unit is still there, and enabled' "$(show h UnitFileState)" enabled
all_undone '--on-failure keep'

# The installer fails.
fault ''
in_host h sh -c 'mkdir -p /usr/share/selinux'
picture h before
apply h
is 'an installer that fails: exit 1' "$RC" 1
has 'an installer that fails: its words are shown' "$ERR" 'please install k3s-selinux'
all_undone 'an installer that fails'
host_stop h
