# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
#
# SIGINT, SIGTERM, SIGHUP and a lost terminal, in every step: exit 7, and the run can be resumed.

# shellcheck source=tests/lab/walk.sh
. "$LAB/walk.sh"

signals=0
for step in "${steps[@]}"; do
    for signal in INT TERM HUP LOST; do
        drive --slow 150 --step "$step" "$signal"
        signals=$((signals + 1))
        what="$signal in $step"
        is "$what: exit 7" "$(report status)" 7
        has "$what: it is told" "$(report error)$(report said)" '[Ii]nterrupted'
        if [ "$signal" = INT ] || [ "$signal" = LOST ]; then
            resume
            check "$what: resume ends at done" ended_at_done
        fi
        rollback
        check "$what: rollback ends at before" ended_at_before
        in_host h rm -rf /var/lib/k3wizard
    done
done
note "count: $signals signals in ${#steps[@]} steps"

# ---- in the middle of long waits: soon, and not only at their end ----

# waiting WHAT STEP: signals after a second of it
waiting() {
    drive --step "$2" --wait 1.5 "${3:-TERM}"
    is "$1: exit 7" "$(report status)" 7
    check "$1: within ten seconds ($(report seconds) s)" test "$(report seconds | cut -d . -f 1)" -lt 10
    rollback
    check "$1: rollback ends at before" ended_at_before
    in_host h rm -rf /var/lib/k3wizard
}
ARTIFACT_URL=$MIRROR/fault/slow/download answers_file h
waiting 'in a slow download' server.download
answers_file h
echo slow=40 | in_host h tee /run/standin-fault >/dev/null
waiting 'in a slow start' server.service
waiting 'in a slow start, hung up' server.service LOST
echo node-never-ready | in_host h tee /run/standin-fault >/dev/null
waiting 'while the node is not Ready' server.node INT
in_host h rm /run/standin-fault
host_stop h
