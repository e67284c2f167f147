/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* ui: the one small interface through which the engine speaks and asks. The engine never prints and
 * never reads a terminal; the terminal, JSON lines and the tests are three users of this. */

#include "../checks/check.h"
#include "../model/plan.h"
#include "journal.h"

enum event_type {
        EVENT_FINDINGS, /* findings */
        EVENT_PLAN,     /* plan */
        EVENT_STEP,     /* step_id, title, index, total, state, seconds; error when failed */
        EVENT_PROGRESS, /* step_id, text (what is being waited for) or done/total bytes */
        EVENT_MESSAGE,  /* text: one line for the person */
        EVENT_ERROR,    /* error */
        EVENT_SUMMARY,  /* summary: JSON object, secrets only as file paths */
};

struct event {
        enum event_type type;
        const struct findings *findings;
        const struct plan *plan;
        const char *const
                *changes; /* EVENT_PLAN: one text per step, "\n"-separated lines, translated */
        const enum step_class *classes; /* EVENT_PLAN */
        const char *step_id;
        const char *title;
        size_t index, total; /* from 1 */
        enum step_state state;
        double seconds;
        const char *text; /* translated; foreign parts are escaped already */
        int64_t done, total_bytes, rate,
                seconds_left;         /* EVENT_PROGRESS of a download; total -1 unknown */
        int64_t elapsed_ms, limit_ms; /* EVENT_PROGRESS of a wait */
        const struct error *error;
        const json_t *summary;
};

enum consent { CONSENT_NO, CONSENT_YES };
enum failure_choice {
        FAILURE_LEAVE,
        FAILURE_RETRY,
        FAILURE_UNDO_STEP,
        FAILURE_UNDO_ALL,
        FAILURE_SKIP
};

struct ui {
        void (*event)(struct ui *ui, const struct event *e);
        /* Asked once, after the plan was shown. Unattended: always yes (the command line said so).
         */
        enum consent (*consent)(struct ui *ui, const char *question);
        /* A step failed and was (or will be) undone; NULL: unattended. */
        enum failure_choice (*failure)(struct ui *ui, const struct event *failed);
        void *data;
};
