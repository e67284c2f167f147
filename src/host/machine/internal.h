/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the files of machine/ share. */

#include "../../base/str.h"
#include "machine.h"

struct bus;

struct machine {
        struct host host; /* first */
        struct bus *bus;  /* the service manager's, opened when first needed */
};

/* network.c */
int machine_network(struct host *h, struct net_picture *ret, struct error **err);

/* run.c */
int machine_run(struct host *h, const struct run_request *request, struct run_result *ret,
        struct error **err);

struct child {
        pid_t pid;
        int out, err; /* pipes, not blocking; -1: none */
};
/* Starts argv in a process group of its own, stdin from /dev/null. want_err: stderr has a pipe of
 * its own, else it goes to /dev/null. */
int child_start(
        const struct run_request *request, bool want_err, struct child *ret, struct error **err);
/* Ends it (SIGTERM, then SIGKILL) and waits for it. */
void child_stop(struct child *c);

/* units.c */
int machine_unit_show(struct host *h, const char *unit, struct unit_state *ret, struct error **err);
int machine_unit_do(struct host *h, enum unit_verb verb, const char *unit, int64_t timeout_ms,
        void (*on_line)(void *data, const char *line, size_t len), void *data, struct error **err);
int machine_unit_log(struct host *h, const char *unit, int lines, char **ret, struct error **err);
void bus_close(struct bus *bus);

/* curl.c */
int machine_http(struct host *h, struct http_session **session, const struct http_request *request,
        struct http_reply *ret, struct error **err);
void machine_http_close(struct host *h, struct http_session *session);

/* listeners.c */
int machine_listeners(struct host *h, struct listener **ret, size_t *ret_n, struct error **err);

int64_t monotonic_ms(void);
