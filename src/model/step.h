/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* step: procedures as data. Reads the files of steps/ into steps and actions; knows no action by
 * itself, only the vocabulary it is given (actions/ owns it). Pure. Grammar: docs/steps.md. */

#include "../base/problem.h"
#include "../base/yaml.h"

enum verb_where { VERB_DO = 1 << 0, VERB_VERIFY = 1 << 1, VERB_ACQUIRE = 1 << 2 };
enum verb_arg_type { VERB_ARG_TEXT, VERB_ARG_LIST, VERB_ARG_MAP };

struct verb_arg {
        const char *name; /* NULL ends the list */
        enum verb_arg_type type;
        bool required;
};

/* One word of the vocabulary. */
struct verb {
        const char *name;
        unsigned where; /* verb_where */
        const struct verb_arg *args;
};

/* The classes, mildest first: a step is as strict as its strictest action. */
enum step_class { STEP_REVERSIBLE, STEP_COMPENSABLE, STEP_IRREVERSIBLE };
const char *step_class_name(enum step_class c); /* "reversible"… untranslated */

struct step_action {
        const struct verb *verb;
        const struct yaml_node *args; /* mapping, inside the procedure's document */
        int line, column;
};

struct step_when { /* every pair must hold; value may be one text or a list of which one matches */
        char *key;
        char **values;
};

struct step {
        char *id;      /* "server.service" */
        char *title;   /* an order: "Start the K3s server" (msgid) */
        char *explain; /* the reason, one paragraph (msgid) */
        char *by_hand; /* what the blog types; may be several lines; may hold {{}} */
        char *safer;   /* what we do instead and why (msgid); may be NULL */
        char *undo;    /* how it is undone, in words (msgid); may be NULL */
        struct step_when *when;
        size_t n_when;
        struct step_action *acquire, *actions, *verify;
        size_t n_acquire, n_actions, n_verify;
        bool skippable;
        int line;
};

struct procedure {
        char *name;
        char *title;
        char *file;
        struct step *steps;
        size_t n;
        struct yaml_node *document; /* owns the args */
};

/* verbs ends with a row whose name is NULL. All problems at once; returns 0 or -EINVAL. */
int procedure_parse(const char *name, const char *bytes, size_t len,
        const struct verb *const *verbs, struct procedure **ret, struct problems *problems);
void procedure_free(struct procedure *p);
CLEANUP_FUNC(struct procedure, procedure_free);
#define _cleanup_procedure_ _cleanup_(procedure_freep)

const struct step *procedure_find(const struct procedure *p, const char *id);
