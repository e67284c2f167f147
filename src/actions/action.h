/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* action: the closed vocabulary of what a step may do. One const row each.
 *
 * The engine calls, in this order: prepare (reads the machine and stores before-images; changes
 * nothing) → the intent goes into the journal → perform → "done" goes into the journal. After a
 * crash between the two it asks is_done; perform is idempotent and always gets the first intent, so
 * that the before-image stays the one from before. undo works from the journal alone, is
 * idempotent, and touches only what still looks as we left it. */

#include "../k3s/k3s.h"
#include "../model/plan.h"

struct action_progress {
        const char *text;                        /* what is being waited for, translated; or NULL */
        int64_t done, total, rate, seconds_left; /* of a download; total -1: unknown */
        int64_t elapsed_ms, limit_ms;            /* of a wait */
};

struct action_context {
        struct host *host;
        const struct answers *answers;
        int state_fd;
        int images_fd; /* before-images, named by their digest */
        int cache_fd;
        uid_t user_uid; /* for files that belong to the invoking user */
        gid_t user_gid;
        void (*progress)(void *data, const struct action_progress *p);
        void *data;
};

struct action {
        struct verb verb;
        enum step_class class;
        /* One line, or several, of what changes; translated; the caller frees. NULL: nothing to
         * say. */
        char *(*describe)(const struct plan_action *a);
        int (*prepare)(struct action_context *c, const struct plan_action *a, json_t **ret_intent,
                struct error **err);
        int (*perform)(struct action_context *c, const struct plan_action *a, const json_t *intent,
                json_t **ret_done, struct error **err);
        int (*is_done)(struct action_context *c, const struct plan_action *a, const json_t *intent,
                bool *ret, struct error **err);
        /* done: NULL when the action was cut off. -EEXIST with kind ERROR_ATTENTION: a conflict;
         * all that could be undone has been. */
        int (*undo)(struct action_context *c, const json_t *intent, const json_t *done,
                struct error **err);
};

/* VERIFY verbs have perform only (it waits, within its limit, until the statement is true); ACQUIRE
 * verbs have perform only and touch nothing but the cache. */

const struct action *action_find(const char *verb);
/* For procedure_parse(): ends with NULL. */
const struct verb *const *action_verbs(void);

/* ---- image.c: before-images ---- */

/* What is at path, content kept below images_fd when `keep`; parents that are absent are listed,
 * topmost first. tree: a directory's present entries are listed too, so that undo removes only what
 * is new. */
int image_take(struct action_context *c, const char *path, bool keep, bool tree, json_t **ret,
        struct error **err);
/* Makes the listed absent parents, mode 0755. */
int image_make_parents(struct action_context *c, const json_t *image, struct error **err);
/* Puts path back to the image. after: how we left it (an image without content), NULL: unknown or
 * changing by nature, then it is not compared. A conflict is -EEXIST with kind ERROR_ATTENTION. */
int image_restore(
        struct action_context *c, const json_t *image, const json_t *after, struct error **err);
/* Whether path looks like this image now: kind, content, mode, owner, target. */
int image_matches(struct action_context *c, const json_t *image, bool *ret, struct error **err);

/* Arrays of images: take all, restore all in reverse (going on after conflicts). after: array or
 * NULL. */
int images_take(struct action_context *c, const json_t *paths, bool keep, bool tree, json_t **ret,
        struct error **err);
int images_restore(
        struct action_context *c, const json_t *images, const json_t *after, struct error **err);

extern const struct action action_fetch;
extern const struct action action_file;
extern const struct action action_settings;
extern const struct action action_place;
extern const struct action action_copy;
extern const struct action action_installer;
extern const struct action action_service;
extern const struct action action_verify_address;
extern const struct action action_verify_unit;
extern const struct action action_verify_api;
extern const struct action action_verify_node;
extern const struct action action_verify_file;
extern const struct action action_verify_token;
