/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* engine: one execution of a plan, from answers to summary, and back.
 *
 * load → check everything → show the plan → consent → acquire → [ do → verify ]* → commit →
 * summary. Nothing on the machine changes before consent; nothing outside our own cache before
 * everything needed has been acquired. The journal is written before each change (journal.h). */

#include "ui.h"

enum on_failure { ON_FAILURE_STEP, ON_FAILURE_ALL, ON_FAILURE_KEEP };

struct engine_options {
        const char *state_dir; /* "/var/lib/k3wizard"; made 0700 when a run begins */
        const char *steps_dir; /* --steps; NULL: /etc/k3wizard/steps over the shipped ones */
        bool practice;
        bool dry_run; /* apply stops after the plan */
        enum on_failure on_failure;
        const char *user_home; /* of the invoking user, for the kubeconfig copy; NULL: none */
        const char *user_name;
        uid_t user_uid; /* SUDO_UID… ; only with user_home */
        gid_t user_gid;
};

struct engine;

/* Looks at the state directory without changing it. host and ui must outlive the engine. Fails when
 * the journal is damaged or newer (kind ERROR_ATTENTION). */
int engine_open(const struct engine_options *options, struct host *host, struct ui *ui,
        struct engine **ret, struct error **err);
void engine_close(struct engine *e);
CLEANUP_FUNC(struct engine, engine_close);
#define _cleanup_engine_ _cleanup_(engine_closep)

/* Fills in what the machine suggests where a is silent (interface, address, node name) as
 * ANSWER_FROM_FACT. Does nothing that is ambiguous: the checks say so. */
int engine_suggest(struct engine *e, struct answers *a, struct error **err);

/* All read-only checks. Returns 0 whatever was found. The caller frees ret. */
int engine_preflight(
        struct engine *e, const struct answers *a, struct findings *ret, struct error **err);

/* The plan with every value filled in. ret_changes (may be NULL): one text per step, "\n"-separated
 * lines of what changes; strv_free(). */
int engine_plan(struct engine *e, const struct answers *a, struct plan **ret, char ***ret_changes,
        struct error **err);

/* The same, shown through ui instead of returned. */
int engine_show_plan(struct engine *e, const struct answers *a, struct error **err);

/* A whole run. Speaks through ui. 0: done, or nothing to do. Error kinds are the exit codes. */
int engine_apply(struct engine *e, const struct answers *a, struct error **err);

/* A person says: try once more, although a step has failed three times in a row. */
void engine_insist(struct engine *e);

/* Goes on with the unfinished run, after asking the machine what is true. */
int engine_resume(struct engine *e, struct error **err);

/* Undoes the last run down to and excluding step `to` (its id), or wholly when NULL. */
int engine_rollback(struct engine *e, const char *to, struct error **err);

enum run_phase {
        RUN_NONE,       /* no run in the journal, or the last one was rolled back */
        RUN_UNFINISHED, /* resumable */
        RUN_COMMITTED,
        RUN_ATTENTION, /* needs a person */
};
enum run_phase engine_phase(const struct engine *e);

/* For humans and JSON alike; new references, NULL when there is nothing.
 * status:
 * {"state":"none|unfinished|committed|attention","run":…,"started":…,"procedure":…,"version":…,
 *   "step":id|null,"steps":[{"id","title","state","seconds","attempts"}],
 *   "unit":{"name","active","sub","enabled"},"error":…|null,"attention":[text…]}
 * changes:
 * [{"run","step","action","path"|"unit","change":"created|changed|removed|enabled|started",
 *   "before":sha256|null,"after":sha256|null,"time","stands":bool,"undone":bool}]
 * summary: {"role","version","node_name","node_ip","interface","api_url","kubeconfig",
 *   "kubeconfig_mode","user_kubeconfig"|null,"node_token_file","agent_answers","answers_file","undo",
 *   "installer_sha256","practice":bool}; agent_answers: the text of an answers file for an agent.
 */
json_t *engine_status(struct engine *e);
json_t *engine_changes(struct engine *e);
json_t *engine_summary(struct engine *e);

/* The summary as text for a person, translated; never a secret. The caller frees. */
char *summary_text(const json_t *summary);

/* The steps of a procedure by name ("server"), for `explain`. */
int engine_procedure(
        struct engine *e, const char *name, struct procedure **ret, struct error **err);

/* The node token for `summary --show-token`; kept in secret memory. */
int engine_node_token(struct engine *e, struct secret *ret, struct error **err);
