/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* terminal: the run for a person: findings, plan, a checklist that fills, the summary. On a
 * terminal the line of the running step is written over; in a pipe every line is written once. */

#include "../engine/engine.h"
#include "theme.h"

struct terminal {
        struct ui ui; /* hand over this */
        struct theme theme;
        FILE *out;
        bool live;     /* an unfinished line stands on the screen */
        char *running; /* title of the running step */
        size_t index;
        int64_t said; /* seconds of waiting at the last word, where nothing can be redrawn */
        bool quiet;   /* failures are told by the caller */
        bool verbose; /* findings that are ok are listed too */
        bool (*ask)(void *data, const char *question);
        void *ask_data;
};

void terminal_begin(struct terminal *t, FILE *out, const struct theme *theme);
void terminal_done(struct terminal *t);
/* Ends a line that is being written over, so that something else may print. */
void terminal_break(struct terminal *t);
void terminal_findings(struct terminal *t, const struct findings *f, bool all);
void terminal_plan(struct terminal *t, const struct event *e);
/* The error, its hint, wrapped; for stderr. */
void terminal_error(const struct theme *theme, FILE *stream, const struct error *error);
/* "12.3 MB", decimal. The caller frees. */
char *terminal_size(int64_t bytes);
/* "0.4 s", "12 s", "3 min 5 s". The caller frees. */
char *terminal_seconds(double seconds);
