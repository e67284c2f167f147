/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* plan: the steps that apply, with every value filled in. It goes into the journal as JSON, so that
 * a run is resumed and undone by what was agreed to, whatever became of the step files since. Pure.
 */

#include "step.h"
#include <jansson.h>

/* Values for {{key}} and `when`: the validated answers first, then facts. Returns NULL for an
 * unknown name and "" for a known one without a value. */
struct vars {
        const char *(*get)(void *data, const char *name);
        void *data;
};

struct plan_action {
        const struct verb *verb;
        json_t *args; /* object: text → string, list → array of strings, map → object of strings */
};

struct plan_step {
        char *id;
        char *title; /* msgid */
        char *explain;
        char *by_hand;
        char *safer;
        char *undo;
        bool skippable;
        struct plan_action *acquire, *actions, *verify;
        size_t n_acquire, n_actions, n_verify;
};

struct plan {
        char *procedure;
        struct plan_step *steps;
        size_t n;
};

/* Text: "{{a.b}}" is replaced; an unknown name is a problem with the position of the action. A list
 * item or map value that is empty after substitution is dropped; a list item that is exactly one
 * "{{key}}" whose value holds commas becomes several items. */
int plan_build(const struct procedure *p, const struct vars *vars, struct plan **ret,
        struct problems *problems);

/* Substitutes {{key}} in one text; the caller frees. Unknown names stay as they are. */
char *plan_substitute(const char *text, const struct vars *vars);

json_t *plan_to_json(const struct plan *p); /* new reference */
int plan_from_json(
        const json_t *json, const struct verb *const *verbs, struct plan **ret, struct error **err);
/* Whether two plans do the same (ids and filled-in actions, not their wording). */
bool plan_equal(const struct plan *a, const struct plan *b);

const struct plan_step *plan_find(const struct plan *p, const char *id, size_t *ret_index);

/* Argument readers for actions. Text: NULL when absent. */
const char *plan_text(const struct plan_action *a, const char *name);

void plan_free(struct plan *p);
CLEANUP_FUNC(struct plan, plan_free);
#define _cleanup_plan_ _cleanup_(plan_freep)
