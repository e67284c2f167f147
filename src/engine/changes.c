/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What was changed, by which step, and whether it still stands; and where the run stands. */

#include "internal.h"

static const char *text_of(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

static const json_t *after_of(const json_t *intent, const json_t *done, const char *path)
{
        const json_t *after = json_object_get(done, "after") ?: json_object_get(intent, "after");

        if (json_is_object(after))
                return str_eq(text_of(after, "path"), path) ? after : NULL;
        for (size_t i = 0; i < json_array_size(after); i++)
                if (str_eq(text_of(json_array_get(after, i), "path"), path))
                        return json_array_get(after, i);
        return NULL;
}

static const char *kind_of_change(const json_t *image, const json_t *after)
{
        if (str_eq(text_of(image, "kind"), "absent"))
                return "created";
        if (after && str_eq(text_of(after, "kind"), "absent"))
                return "removed";
        return "changed";
}

static json_t *text_or_null(const char *text)
{
        return text ? json_string(text) : json_null();
}

static bool stands(struct engine *e, const json_t *image, const json_t *after)
{
        struct action_context c = {
                .host = e->host, .state_fd = -1, .images_fd = -1, .cache_fd = -1};
        bool same = false;

        if (after)
                return image_matches(&c, after, &same, NULL) == 0 && same;
        /* Its content changes by nature: it stands as long as it is not back to what it was. */
        return image_matches(&c, image, &same, NULL) == 0 && !same;
}

static bool unchanged(const json_t *image, const json_t *after)
{
        return after && str_eq(text_of(image, "kind"), text_of(after, "kind")) &&
               str_eq(text_of(image, "sha256"), text_of(after, "sha256")) &&
               str_eq(text_of(image, "target"), text_of(after, "target"));
}

static void add_path(struct engine *e, json_t *list, const json_t *record, const json_t *image,
        const json_t *done, bool undone)
{
        const json_t *intent = json_object_get(record, "intent");
        const char *path = text_of(image, "path");
        const json_t *after = after_of(intent, done, path);
        json_t *change;

        if (!path || unchanged(image, after))
                return;
        /* It might have been made, and was not. */
        if (!undone && !after && !stands(e, image, NULL))
                return;
        change = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:b, s:b}", "run",
                text_of(record, "run") ?: "", "step", text_of(record, "step") ?: "", "action",
                text_of(record, "verb") ?: "", "path", path, "change", kind_of_change(image, after),
                "before", text_or_null(text_of(image, "sha256")), "after",
                text_or_null(text_of(after, "sha256")), "time", text_of(record, "time") ?: "",
                "stands", !undone && stands(e, image, after), "undone", undone);
        json_array_append_new(list, change);
}

static void add_unit(struct engine *e, json_t *list, const json_t *record, bool undone)
{
        const char *unit = text_of(json_object_get(record, "intent"), "unit");
        struct unit_state state = {0};
        bool active;

        if (!unit || !str_eq(text_of(record, "verb"), "service"))
                return;
        active = e->host->ops->unit_show(e->host, unit, &state, NULL) == 0 &&
                 str_eq(state.active, "active");
        json_array_append_new(
                list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:n, s:n, s:s, s:b, s:b}", "run",
                              text_of(record, "run") ?: "", "step", text_of(record, "step") ?: "",
                              "action", "service", "unit", unit, "change", "started", "before",
                              "after", "time", text_of(record, "time") ?: "", "stands",
                              !undone && active, "undone", undone));
}

/* Looks ahead from an intent for its "done" and "undone". */
static void outcome(const struct journal *j, size_t at, const json_t **ret_done, bool *ret_undone)
{
        const json_t *intent = journal_record(j, at);

        for (size_t k = at + 1; k < journal_len(j); k++) {
                const json_t *r = journal_record(j, k);

                if (!str_eq(text_of(r, "step"), text_of(intent, "step")) ||
                        !str_eq(text_of(r, "run"), text_of(intent, "run")))
                        continue;
                if (json_integer_value(json_object_get(r, "n")) !=
                                json_integer_value(json_object_get(intent, "n")) ||
                        !json_object_get(r, "n"))
                        continue;
                if (str_eq(text_of(r, "type"), "intent"))
                        return;
                if (str_eq(text_of(r, "type"), "done"))
                        *ret_done = json_object_get(r, "done");
                if (str_eq(text_of(r, "type"), "undone")) {
                        *ret_undone = true;
                        return;
                }
        }
}

json_t *engine_changes(struct engine *e)
{
        json_t *list = json_array();

        for (size_t k = 0; k < journal_len(e->journal); k++) {
                const json_t *record = journal_record(e->journal, k), *done = NULL;
                const json_t *intent = json_object_get(record, "intent");
                const json_t *images = json_object_get(intent, "images");
                bool undone = false;

                if (!str_eq(text_of(record, "type"), "intent"))
                        continue;
                outcome(e->journal, k, &done, &undone);
                if (json_object_get(intent, "image"))
                        add_path(e, list, record, json_object_get(intent, "image"), done, undone);
                for (size_t i = 0; i < json_array_size(images); i++)
                        add_path(e, list, record, json_array_get(images, i), done, undone);
                add_unit(e, list, record, undone);
        }
        return list;
}

/* ---- status ---- */

static const char *const phase_names[] = {
        [RUN_NONE] = "none",
        [RUN_UNFINISHED] = "unfinished",
        [RUN_COMMITTED] = "committed",
        [RUN_ATTENTION] = "attention",
};

static json_t *unit_status(struct engine *e)
{
        const char *unit = e->run && str_eq(answers_get(e->run->answers, "role"), "agent") ?
                                   "k3s-agent" :
                                   "k3s";
        struct unit_state state = {0};

        if (e->host->ops->unit_show(e->host, unit, &state, NULL) < 0 ||
                str_eq(state.load, "not-found"))
                return json_null();
        return json_pack("{s:s, s:s, s:s, s:s}", "name", unit, "active", state.active, "sub",
                state.sub, "enabled", state.enabled);
}

static void add_steps(struct engine *e, json_t *status)
{
        json_t *steps = json_array(), *attention = json_array();
        const char *current = NULL, *error = NULL;

        for (size_t i = 0; i < e->run->plan->n; i++) {
                const struct plan_step *p = &e->run->plan->steps[i];
                const struct run_step *s = &e->run->steps[i];

                json_array_append_new(
                        steps, json_pack("{s:s, s:s, s:s, s:f, s:i}", "id", p->id, "title",
                                       p->title, "state", step_state_name(s->state), "seconds",
                                       s->seconds, "attempts", s->attempts));
                if (!current && s->state != STEP_DONE && s->state != STEP_SKIPPED) {
                        current = p->id;
                        error = s->error;
                }
                if (s->state == STEP_ATTENTION)
                        json_array_append_new(attention, json_string(s->error ?: p->id));
        }
        json_object_set_new(
                status, "step", text_or_null(e->run->phase == RUN_NONE ? NULL : current));
        json_object_set_new(
                status, "error", text_or_null(e->run->phase == RUN_NONE ? NULL : error));
        json_object_set_new(status, "steps", steps);
        json_object_set_new(status, "attention", attention);
}

json_t *engine_status(struct engine *e)
{
        json_t *status = json_pack("{s:i, s:s, s:o}", "v", 1, "state",
                e->denied ? "unknown" : phase_names[engine_phase(e)], "unit", unit_status(e));

        if (!e->run)
                return status;
        json_object_set_new(status, "run", json_string(e->run->id));
        json_object_set_new(status, "started", json_string(e->run->started));
        json_object_set_new(status, "procedure", json_string(e->run->plan->procedure));
        json_object_set_new(status, "version", text_or_null(text_of(e->run->facts, "k3s.release")));
        add_steps(e, status);
        return status;
}
