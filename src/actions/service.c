/* SPDX-License-Identifier: GPL-3.0-or-later */

/* service: enable and start a unit within a limit; undo stops it, cleans up what it left running,
 * and removes what it made.
 *
 * K3s fills directories of its own while it runs; their content changes by nature, so nothing in
 * them is compared on undo: what was not there before the step goes, what was there stays or comes
 * back. */

#include "../base/escape.h"
#include "../base/str.h"
#include "action.h"

#define STOP_LIMIT_MS    (90 * 1000)
#define CLEANUP_LIMIT_MS (120 * 1000)
#define LOG_LINES        6

struct wait {
        struct action_context *context;
        int64_t started, limit_ms;
};

static void on_line(void *data, const char *line, size_t len)
{
        struct wait *w = data;
        _cleanup_free_ char *text = escape_bytes(line, len, 0);

        if (w->context->progress)
                w->context->progress(w->context->data,
                        &(struct action_progress){.text = text,
                                .total = -1,
                                .elapsed_ms = w->context->host->ops->monotonic(w->context->host) -
                                              w->started,
                                .limit_ms = w->limit_ms});
}

static int service_prepare(
        struct action_context *c, const struct plan_action *a, json_t **ret, struct error **err)
{
        const char *unit = plan_text(a, "unit");
        struct unit_state state = {0};
        json_t *images = NULL, *wants = NULL;
        _cleanup_free_ char *link =
                xasprintf("/etc/systemd/system/multi-user.target.wants/%s.service", unit);
        int r = c->host->ops->unit_show(c->host, unit, &state, err);

        if (r < 0)
                return r;
        r = images_take(c, json_object_get(a->args, "creates"), true, true, &images, err);
        if (r == 0)
                r = image_take(c, link, true, false, &wants, err);
        if (r < 0) {
                json_decref(images);
                return r;
        }
        *ret = json_pack("{s:s, s:s, s:s, s:o, s:o}", "unit", unit, "active_before", state.active,
                "enabled_before", state.enabled, "images", images, "wants", wants);
        if (json_object_get(a->args, "cleanup"))
                json_object_set(*ret, "cleanup", json_object_get(a->args, "cleanup"));
        return 0;
}

/* Adds what the unit's result and journal say to the error of a start. */
static int explain_failure(struct action_context *c, const char *unit, struct error **err)
{
        struct unit_state state = {0};
        _cleanup_free_ char *log = NULL, *shown = NULL;

        if (c->host->ops->unit_show(c->host, unit, &state, NULL) == 0)
                (void) error_prefix(err, "%s.service is %s (%s), result %s, exit status %d", unit,
                        state.active, state.sub, *state.result ? state.result : "unknown",
                        state.exit_status);
        if (c->host->ops->unit_log(c->host, unit, LOG_LINES, &log, NULL) < 0 || !log || !*log)
                return 0;
        shown = escape_bytes(log, strlen(log), ESCAPE_LINES);
        error_hint(err, "Its journal says, last:\n%s", shown);
        return 0;
}

static int service_perform(struct action_context *c, const struct plan_action *a,
        const json_t *intent, json_t **ret_done, struct error **err)
{
        const char *unit = plan_text(a, "unit");
        struct unit_state state = {0};
        struct wait w = {.context = c, .started = c->host->ops->monotonic(c->host)};
        int r;

        r = str_to_duration(plan_text(a, "within"), &w.limit_ms);
        if (r < 0)
                return error_set(err, -r, "The time limit of %s is not a duration", unit);
        r = image_make_parents(c, json_object_get(intent, "wants"), err);
        if (r == 0)
                r = c->host->ops->unit_do(c->host, UNIT_RELOAD_ALL, unit, 60000, NULL, NULL, err);
        if (r == 0)
                r = c->host->ops->unit_do(c->host, UNIT_ENABLE, unit, 60000, NULL, NULL, err);
        if (r == 0)
                r = c->host->ops->unit_show(c->host, unit, &state, err);
        if (r < 0)
                return r;
        if (!str_eq(state.active, "active")) {
                r = c->host->ops->unit_do(c->host, UNIT_START, unit, w.limit_ms, on_line, &w, err);
                if (r < 0 && r != -ECANCELED)
                        (void) explain_failure(c, unit, err);
                if (r < 0)
                        return r;
        }
        *ret_done = json_object();
        return 0;
}

static int service_is_done(struct action_context *c, const struct plan_action *a,
        const json_t *intent, bool *ret, struct error **err)
{
        struct unit_state state = {0};
        int r = c->host->ops->unit_show(c->host, plan_text(a, "unit"), &state, err);

        if (r < 0)
                return r;
        *ret = str_eq(state.active, "active") && str_eq(state.enabled, "enabled");
        return 0;
}

static int clean_up(struct action_context *c, const json_t *command, struct error **err)
{
        _cleanup_run_result_ struct run_result result = {0};
        _cleanup_strv_ char **argv = NULL;
        _cleanup_file_state_ struct file_state s = {0};
        struct run_request request = {.timeout_ms = CLEANUP_LIMIT_MS, .finish_on_cancel = true};
        int r;

        for (size_t i = 0; i < json_array_size(command); i++)
                strv_add(&argv, json_string_value(json_array_get(command, i)));
        if (!argv)
                return 0;
        r = file_state(&c->host->root, argv[0], false, &s, err);
        if (r < 0 || s.kind != FILE_REGULAR)
                return r;
        request.argv = (const char *const *) argv;
        r = c->host->ops->run(c->host, &request, &result, err);
        if (r == 0 && result.timed_out)
                r = error_set(err, ETIMEDOUT, "%s did not end within 2 min", argv[0]);
        /* Its exit status proves nothing (it runs with no `set -e`); what counts is what is gone.
         */
        return r;
}

static void keep_first(struct error **first, struct error *e)
{
        if (!*first)
                *first = e;
        else
                error_free(e);
}

static int service_undo(
        struct action_context *c, const json_t *intent, const json_t *done, struct error **err)
{
        const char *unit = json_string_value(json_object_get(intent, "unit"));
        bool was_enabled =
                str_eq(json_string_value(json_object_get(intent, "enabled_before")), "enabled");
        struct unit_state state = {0};
        struct error *first = NULL, *e = NULL;

        if (c->host->ops->unit_show(c->host, unit, &state, &e) < 0)
                return error_move(err, e);
        if (!str_eq(state.load, "not-found")) {
                if (c->host->ops->unit_do(c->host, UNIT_STOP, unit, STOP_LIMIT_MS, NULL, NULL, &e) <
                        0)
                        return error_move(err, e);
                if (!was_enabled && c->host->ops->unit_do(
                                            c->host, UNIT_DISABLE, unit, 60000, NULL, NULL, &e) < 0)
                        keep_first(&first, TAKE_PTR(e));
        }
        if (clean_up(c, json_object_get(intent, "cleanup"), &e) < 0)
                keep_first(&first, TAKE_PTR(e));
        if (image_restore(c, json_object_get(intent, "wants"), NULL, &e) < 0)
                keep_first(&first, TAKE_PTR(e));
        if (images_restore(c, json_object_get(intent, "images"), NULL, &e) < 0)
                keep_first(&first, TAKE_PTR(e));
        (void) c->host->ops->unit_do(c->host, UNIT_RESET_FAILED, unit, 30000, NULL, NULL, NULL);
        return first ? error_move(err, first) : 0;
}

static char *service_describe(const struct plan_action *a)
{
        const json_t *creates = json_object_get(a->args, "creates");
        _cleanup_strbuf_ struct strbuf b = {0};

        strbuf_addf(&b, _("enables and starts %s.service, which makes"), plan_text(a, "unit"));
        for (size_t i = 0; i < json_array_size(creates); i++)
                strbuf_addf(&b, "\n  %s", json_string_value(json_array_get(creates, i)));
        return strbuf_take(&b);
}

const struct action action_service = {
        .verb = {"service", VERB_DO,
                (const struct verb_arg[]){{"unit", VERB_ARG_TEXT, true},
                        {"within", VERB_ARG_TEXT, true}, {"creates", VERB_ARG_LIST, false},
                        {"cleanup", VERB_ARG_LIST, false}, {0}}},
        .describe = service_describe,
        .prepare = service_prepare,
        .perform = service_perform,
        .is_done = service_is_done,
        .undo = service_undo,
};
