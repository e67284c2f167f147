# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Killed, cut off from power, interrupted, hung up on: in every step; and each time `resume` ends at done
# and `rollback` at before.

# shellcheck source=tests/lab/walk.sh
. "$LAB/walk.sh"

# ---- SIGKILL at every boundary ----

kills=0
for ((at = 1; at <= 2 * ${#steps[@]}; at++)); do
    for way in resume rollback; do
        drive --at "$at" KILL
        kills=$((kills + $(report struck | grep -c True)))
        "$way"
        if [ "$way" = resume ]; then
            check "killed at boundary $at: resume ends at done" ended_at_done
            rollback
        fi
        check "killed at boundary $at: after $way, rollback ends at before" ended_at_before
        clean_up
    done
done
note "count: $kills kills at $((2 * ${#steps[@]})) step boundaries"

# ---- a power cut in every step ----

cuts=0
for step in "${steps[@]}"; do
    for way in resume rollback; do
        drive --slow 50 --step "$step" KILL
        host_cut h
        cuts=$((cuts + 1))
        host_boot h
        "$way"
        if [ "$way" = resume ]; then
            check "power cut in $step: resume ends at done" ended_at_done
            rollback
        fi
        check "power cut in $step: after $way, rollback ends at before" ended_at_before
        clean_up
    done
done
note "count: $cuts power cuts in ${#steps[@]} steps"
host_stop h
