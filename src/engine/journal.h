/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* journal: the durable record of every run, append-only.
 *
 * A record is one line: eight hex digits of CRC-32C over the rest, a sequence number, a JSON
 * object: 3f1c9a02 17 {"type":"intent","step":"server.settings",…} The first line names the format
 * and its version. A torn tail (no newline, or NUL bytes where a crash left preallocated blocks) is
 * dropped when the journal is opened for writing; any other damage stops with an explanation,
 * because what stands behind it can no longer be trusted. Room for RESERVE bytes is allocated ahead
 * (fallocate(2), or a reserve file that is given up on ENOSPC) so that a full disk can still be
 * recorded and undone. After a failed write or fsync the descriptor is never used again: the kernel
 * may have dropped the dirty pages and would report success (fsync(2)). Format: docs/journal.md. */

#include "../base/file.h"
#include <jansson.h>

enum step_state {
        STEP_PENDING,
        STEP_DOING,
        STEP_DONE,
        STEP_FAILED,
        STEP_UNDOING,
        STEP_UNDONE,
        STEP_SKIPPED,
        STEP_ATTENTION,
};
const char *step_state_name(enum step_state s); /* "pending" … */
int step_state_parse(const char *name, enum step_state *ret);

struct journal;

/* Opens (makes) DIRECTORY/journal. state_fd: the state directory, which the caller has locked
 * unless read_only. Problems: -EBADMSG damaged, -EPROTONOSUPPORT newer version, -ENOENT read_only
 * and absent. */
int journal_open(int state_fd, bool read_only, struct journal **ret, struct error **err);
void journal_close(struct journal *j);
CLEANUP_FUNC(struct journal, journal_close);
#define _cleanup_journal_ _cleanup_(journal_closep)

/* The records in order, valid until the journal is closed; seq counts from 1. */
size_t journal_len(const struct journal *j);
const json_t *journal_record(const struct journal *j, size_t i);

/* Durable when it returns 0. Steals record. Adds "time" (UTC, RFC 3339). */
int journal_append(struct journal *j, json_t *record, struct error **err);
