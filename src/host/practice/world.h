/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* world: what the files of practice/ share. */

#include "../../base/escape.h"
#include "../../base/str.h"
#include "practice.h"
#include <jansson.h>

#define WORLD_FILE  "/world.json"
#define WORLD_EPOCH 1788253200 /* 2026-09-01T09:00:00Z: every world begins then */

struct world {
        struct host host; /* first: a host is its world */
        struct fsroot directory;
        json_t *state; /* world.json: {"scenario","fault","ms","units":{…},"ready_ms"} */
        double speed;
        char *fault; /* of the scenario, or NULL */
};

static inline struct world *world_of(struct host *h)
{
        return (struct world *) h;
}

bool world_has_fault(const struct world *w, const char *fault);
int64_t world_ms(const struct world *w);
/* Simulated time passes; real time in proportion to the speed. -ECANCELED when the run is
 * cancelled. */
int world_pass(struct world *w, int64_t ms);
int world_save(struct world *w, struct error **err);

/* A file of the world; parents are made. Durable. */
int world_put(struct world *w, const char *path, const char *text, mode_t mode, struct error **err);
bool world_has(struct world *w, const char *path);

/* fresh.c: a machine nobody has touched */
int world_populate(struct world *w, struct error **err);
int practice_network(struct host *h, struct net_picture *ret, struct error **err);

/* web.c: the servers it can reach, and its own API */
int practice_http(struct host *h, struct http_session **session, const struct http_request *request,
        struct http_reply *ret, struct error **err);
void practice_http_close(struct host *h, struct http_session *session);

/* programs.c: the programs it can run */
int practice_run(struct host *h, const struct run_request *request, struct run_result *ret,
        struct error **err);

/* units.c: systemd, and K3s as a unit */
int practice_unit_show(
        struct host *h, const char *unit, struct unit_state *ret, struct error **err);
int practice_unit_do(struct host *h, enum unit_verb verb, const char *unit, int64_t timeout_ms,
        void (*on_line)(void *data, const char *line, size_t len), void *data, struct error **err);
int practice_unit_log(struct host *h, const char *unit, int lines, char **ret, struct error **err);
bool practice_k3s_active(struct world *w);
/* A setting of K3s: from config.yaml, config.yaml.d and the unit's command line. NULL: not set. The
 * caller frees. */
char *practice_k3s_setting(struct world *w, const char *key);
