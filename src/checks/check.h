/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* check: read-only tests before anything is changed. One const row each, one file per family. */

#include "../k3s/k3s.h"

enum severity { FINDING_OK, FINDING_NOTE, FINDING_WARN, FINDING_BLOCK };
const char *severity_name(enum severity s); /* "ok" "note" "warn" "block", for JSON */

struct finding {
        const char *check; /* stable id: "P01", or a name such as "root" */
        enum severity severity;
        char *message, *plain; /* translated and not */
        char *fix, *plain_fix; /* what to type or do; NULL for ok */
};
struct findings {
        struct finding *list;
        size_t n;
};
void findings_done(struct findings *f);
#define _cleanup_findings_ _cleanup_(findings_done)

/* What a check may look at. */
struct check_context {
        struct host *host;
        const struct answers *answers;
        const struct platform *platform;
        const struct net_picture *network;
        const struct release *release; /* NULL when it could not be resolved */
        const struct error *release_error;
        const char *run_version; /* version of K3s that an own run already put here; NULL */
        bool ours; /* a K3s found here was put here by an unfinished or finished run of ours */
};

struct check {
        const char *id;
        const char *title;                              /* N_() */
        bool (*applies)(const struct check_context *c); /* NULL: always */
        void (*run)(const struct check_context *c, const struct check *self, struct findings *f);
};
extern const struct check *const check_families[]; /* each ends with id NULL; the list with NULL */

/* Adds a finding. finding_fix() gives the last one its fix. */
void finding_add(struct findings *f, const struct check *check, enum severity s, const char *format,
        ...) _printf_(4, 5);
void finding_fix(struct findings *f, const char *format, ...) _printf_(2, 3);

/* Runs every check that applies; the result is ordered worst first. */
void checks_run(const struct check_context *c, struct findings *ret);
bool findings_block(const struct findings *f);
size_t findings_count(const struct findings *f, enum severity s);
