# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the tests share that break a run off at a known place: sourced by them.

steps=(server.network server.download server.settings server.binary server.install server.service
    server.node server.token server.kubeconfig)

# drive ARGS…: k3wizard under driver.py; its report in REPORT
drive() { REPORT=$(in_host h python3 /mnt/lab/driver.py "$@" -- --answers /root/server.yaml --yes --output json); }
report() { python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$REPORT" "$1"; }

# Where a run stands after a kill: nothing may be on record yet, or all of it.
resume() {
    wizard h resume
    if [ "$RC" -eq 2 ]; then
        apply h
    fi
}
rollback() {
    wizard h rollback --yes
    # Nothing was on record: then nothing was done.
    [ "$RC" -ne 2 ] || RC=0
}
ended_at_done() {
    local left
    left=$(differences h up --shape)
    [ "$RC" -eq 0 ] && [ -z "$left" ] && [ "$(show h ActiveState)$(show h UnitFileState)" = activeenabled ] && return
    printf 'exit %s\n%s\n%s\n' "$RC" "$ERR" "$left"
    return 1
}
ended_at_before() {
    local left
    left=$(differences h before)
    [ "$RC" -eq 0 ] && [ -z "$left" ] && return
    printf 'exit %s\n%s\n%s\n' "$RC" "$ERR" "$left"
    return 1
}
clean_up() {
    wizard h rollback --yes
    in_host h rm -rf /var/lib/k3wizard
}

# A host on which nothing waits for long, with pictures of it before and after a whole run.
host_boot h
answers_file h
echo STANDIN_READY_DELAY=0.3 | in_host h tee /etc/default/k3s >/dev/null
picture h before
apply h
is 'apply ends with 0' "$RC" 0
picture h up
clean_up
check 'and can be taken back' ended_at_before
