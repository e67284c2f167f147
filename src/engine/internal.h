/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What the files of engine/ share. */

#include "../actions/action.h"
#include "../base/str.h"
#include "engine.h"

#define ATTEMPTS_MAX 3

struct run_action {
        json_t *intent; /* from the journal; NULL: nothing was attempted */
        json_t *done;   /* NULL: cut off */
        bool undone;
};

struct run_step {
        enum step_state state;
        double seconds;
        int attempts; /* in a row, without success, not counting interruptions by a person */
        struct run_action *actions; /* as many as the plan's step has */
        json_t *acquired;           /* array of what the acquire actions reported */
        char *error;                /* untranslated, of the last failure */
};

struct run {
        char *id;
        char *started;
        struct plan *plan;
        struct run_step *steps; /* as many as plan->n */
        json_t *facts;          /* name → text */
        char *yaml;             /* the answers as they were kept */
        struct answers *answers;
        enum run_phase phase;
};

struct engine {
        struct engine_options options;
        struct host *host;
        struct ui *ui;
        int state_fd; /* -1: no state directory yet */
        int lock_fd;  /* -1: not locked */
        int images_fd, cache_fd;
        struct journal *journal; /* NULL: none yet */
        struct run *run;         /* the last one; NULL: none */
        bool insist;
        bool denied; /* the state directory is somebody else's: what is in it is not known */
        /* for progress events */
        size_t current;
        int64_t step_started;
};

/* state.c: the state directory, the lock, the journal's replay */
int state_look(struct engine *e, struct error **err); /* opens read-only what is there */
int state_begin(
        struct engine *e, struct error **err); /* makes, locks, opens for writing, replays */
int state_lock_if_there(struct engine *e, struct error **err);
void state_close(struct engine *e);
/* Writes a 0600 file into the state directory. */
int state_write(struct engine *e, const char *name, const char *text, struct error **err);
void run_free(struct run *run);
int run_replay(struct engine *e, const struct journal *j, struct run **ret, struct error **err);
/* Appends and applies to e->run; steals record. */
int run_record(struct engine *e, json_t *record, struct error **err);

/* facts.c */
struct machine_facts {
        struct platform platform;
        struct net_picture network;
        struct release release;
        struct error *release_error;
        bool release_known;
};
void machine_facts_done(struct machine_facts *f);
int machine_facts_read(
        struct engine *e, const struct answers *a, struct machine_facts *ret, struct error **err);
json_t *facts_to_json(struct engine *e, const struct answers *a, const struct machine_facts *f);
int facts_suggest(struct answers *a, const struct net_picture *network,
        const struct platform *platform, struct error **err);
/* Fills in the plan from answers and facts. */
int facts_plan(struct engine *e, const struct answers *a, const json_t *facts, struct plan **ret,
        struct error **err);

/* run.c */
int run_walk(struct engine *e, struct error **err);
struct action_context run_context(struct engine *e);
void run_event_step(struct engine *e, size_t i, const struct error *error);
void run_sweep(struct engine *e);
/* The machine still says that every done action and every statement of the run holds. */
int run_still_true(struct engine *e, bool *ret, struct error **err);

/* rollback.c */
int rollback_step(struct engine *e, size_t i, struct error **err);
int rollback_to(struct engine *e, size_t first, struct error **err);

/* summary.c */
int summary_write(struct engine *e, struct error **err);
