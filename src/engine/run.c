/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The walk: step after step, each written down before it is tried. */

#include "internal.h"

static json_t *step_record(struct engine *e, size_t i, enum step_state state)
{
        return json_pack("{s:s, s:s, s:s, s:s}", "type", "step", "run", e->run->id, "step",
                e->run->plan->steps[i].id, "state", step_state_name(state));
}

static json_t *action_record(struct engine *e, size_t i, size_t n, const char *type)
{
        const struct plan_step *step = &e->run->plan->steps[i];

        return json_pack("{s:s, s:s, s:s, s:i, s:s}", "type", type, "run", e->run->id, "step",
                step->id, "n", (int) n, "verb", step->actions[n].verb->name);
}

static void on_progress(void *data, const struct action_progress *p)
{
        struct engine *e = data;
        const struct plan_step *step = &e->run->plan->steps[e->current];

        if (e->ui->event)
                e->ui->event(e->ui, &(struct event){
                                            .type = EVENT_PROGRESS,
                                            .step_id = step->id,
                                            .title = step->title,
                                            .index = e->current + 1,
                                            .total = e->run->plan->n,
                                            .state = STEP_DOING,
                                            .text = p->text,
                                            .done = p->done,
                                            .total_bytes = p->total,
                                            .rate = p->rate,
                                            .seconds_left = p->seconds_left,
                                            .elapsed_ms = p->elapsed_ms,
                                            .limit_ms = p->limit_ms,
                                    });
}

struct action_context run_context(struct engine *e)
{
        return (struct action_context){
                .host = e->host,
                .answers = e->run->answers,
                .state_fd = e->state_fd,
                .images_fd = e->images_fd,
                .cache_fd = e->cache_fd,
                .user_uid = e->options.user_uid,
                .user_gid = e->options.user_gid,
                .progress = on_progress,
                .data = e,
        };
}

void run_event_step(struct engine *e, size_t i, const struct error *error)
{
        const struct plan_step *step = &e->run->plan->steps[i];

        if (e->ui->event)
                e->ui->event(e->ui, &(struct event){
                                            .type = EVENT_STEP,
                                            .step_id = step->id,
                                            .title = step->title,
                                            .index = i + 1,
                                            .total = e->run->plan->n,
                                            .state = e->run->steps[i].state,
                                            .seconds = e->run->steps[i].seconds,
                                            .error = error,
                                    });
}

/* ---- what a killed attempt may have left half-written ---- */

static void sweep_parent(struct engine *e, const char *path)
{
        _cleanup_free_ char *directory = xstrdup(path);
        char *slash = directory ? strrchr(directory, '/') : NULL;

        if (!slash || slash == directory)
                return;
        *slash = '\0';
        (void) file_sweep(&e->host->root, directory, NULL);
}

static void sweep_action(struct engine *e, const struct plan_action *a)
{
        const json_t *creates = json_object_get(a->args, "creates");

        if (plan_text(a, "path"))
                sweep_parent(e, plan_text(a, "path"));
        if (plan_text(a, "to"))
                sweep_parent(e, plan_text(a, "to"));
        for (size_t i = 0; i < json_array_size(creates); i++)
                sweep_parent(e, json_string_value(json_array_get(creates, i)));
        /* Where the link that enables a unit is put back. */
        if (plan_text(a, "within"))
                (void) file_sweep(
                        &e->host->root, "/etc/systemd/system/multi-user.target.wants", NULL);
}

void run_sweep(struct engine *e)
{
        struct fsroot state = {.fd = e->state_fd, .confined = true};

        for (size_t i = 0; i < e->run->plan->n; i++)
                for (size_t k = 0; k < e->run->plan->steps[i].n_actions; k++)
                        sweep_action(e, &e->run->plan->steps[i].actions[k]);
        (void) file_sweep(&state, "/", NULL);
        (void) file_sweep(&state, "/images", NULL);
        (void) file_sweep(&state, "/cache", NULL);
        /* Where installers are run from; its own removal may have been what failed. */
        (void) file_remove_tree(&e->host->root, "/run/k3wizard", NULL);
}

/* ---- one step ---- */

static int acquire(struct engine *e, size_t i, struct error **err)
{
        const struct plan_step *step = &e->run->plan->steps[i];
        struct action_context c = run_context(e);

        for (size_t k = 0; k < step->n_acquire; k++) {
                const struct action *action = action_find(step->acquire[k].verb->name);
                json_t *done = NULL;
                int r = action->perform(&c, &step->acquire[k], NULL, &done, err);

                if (r < 0)
                        return r;
                r = run_record(e,
                        json_pack("{s:s, s:s, s:s, s:o}", "type", "acquired", "run", e->run->id,
                                "step", step->id, "done", done ?: json_object()),
                        err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The intent is durable before anything is changed. A cut-off attempt keeps its first intent: its
 * before-image is the one from before. */
static int intend(
        struct engine *e, struct action_context *c, size_t i, size_t n, struct error **err)
{
        const struct plan_action *a = &e->run->plan->steps[i].actions[n];
        json_t *intent = NULL, *record;
        int r;

        if (e->run->steps[i].actions[n].intent && !e->run->steps[i].actions[n].undone)
                return 0;
        r = action_find(a->verb->name)->prepare(c, a, &intent, err);
        if (r < 0)
                return r;
        record = action_record(e, i, n, "intent");
        json_object_set_new(record, "intent", intent);
        return run_record(e, record, err);
}

static int act(struct engine *e, size_t i, size_t n, struct error **err)
{
        const struct plan_action *a = &e->run->plan->steps[i].actions[n];
        const struct action *action = action_find(a->verb->name);
        struct action_context c = run_context(e);
        bool already = false;
        json_t *done = NULL, *record;
        int r;

        if (e->run->steps[i].actions[n].done && !e->run->steps[i].actions[n].undone)
                return 0;
        r = intend(e, &c, i, n, err);
        if (r == 0)
                r = action->is_done(&c, a, e->run->steps[i].actions[n].intent, &already, err);
        if (r == 0 && !already)
                r = action->perform(&c, a, e->run->steps[i].actions[n].intent, &done, err);
        if (r < 0)
                return r;
        record = action_record(e, i, n, "done");
        json_object_set_new(record, "done", done ?: json_object());
        return run_record(e, record, err);
}

static int verify(struct engine *e, const struct plan_step *step, struct error **err)
{
        struct action_context c = run_context(e);

        for (size_t k = 0; k < step->n_verify; k++) {
                const struct action *action = action_find(step->verify[k].verb->name);
                json_t *done = NULL;
                int r = action->perform(&c, &step->verify[k], NULL, &done, err);

                json_decref(done);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int attempt(struct engine *e, size_t i, struct error **err)
{
        const struct plan_step *step = &e->run->plan->steps[i];
        json_t *record;
        double seconds;
        int r;

        r = run_record(e, step_record(e, i, STEP_DOING), err);
        if (r < 0)
                return r;
        run_event_step(e, i, NULL);
        r = acquire(e, i, err);
        for (size_t n = 0; r == 0 && n < step->n_actions; n++)
                r = act(e, i, n, err);
        if (r == 0)
                r = verify(e, step, err);
        if (r < 0)
                return r;
        seconds = (double) (e->host->ops->monotonic(e->host) - e->step_started) / 1000;
        record = step_record(e, i, STEP_DONE);
        json_object_set_new(record, "seconds", json_real(seconds));
        r = run_record(e, record, err);
        if (r == 0)
                run_event_step(e, i, NULL);
        return r;
}

/* ---- failure ---- */

static int interrupted(struct engine *e, size_t i, struct error **err)
{
        error_free(*err);
        *err = NULL;
        error_kind(err, ERROR_INTERRUPTED, EINTR,
                "Interrupted at step %zu of %zu (%s). The step was undone; what came before it "
                "stands.",
                i + 1, e->run->plan->n, _(e->run->plan->steps[i].title));
        error_hint(err, "Go on: k3wizard resume. Take everything back: k3wizard rollback");
        return -EINTR;
}

static enum failure_choice choose(struct engine *e, size_t i, const struct error *error)
{
        if (error->kind == ERROR_INTERRUPTED)
                return FAILURE_UNDO_STEP;
        if (e->ui->failure)
                return e->ui->failure(e->ui, &(struct event){
                                                     .type = EVENT_STEP,
                                                     .step_id = e->run->plan->steps[i].id,
                                                     .title = e->run->plan->steps[i].title,
                                                     .index = i + 1,
                                                     .total = e->run->plan->n,
                                                     .state = STEP_FAILED,
                                                     .error = error,
                                             });
        switch (e->options.on_failure) {
        case ON_FAILURE_ALL:
                return FAILURE_UNDO_ALL;
        case ON_FAILURE_KEEP:
                return FAILURE_LEAVE;
        default:
                return FAILURE_UNDO_STEP;
        }
}

static int record_failure(struct engine *e, size_t i, const struct error *error, struct error **err)
{
        json_t *record = step_record(e, i, STEP_FAILED);
        json_t *text = json_string(error_plain(error));

        json_object_set_new(record, "error", text ?: json_string("(not UTF-8)"));
        if (error->kind == ERROR_INTERRUPTED)
                json_object_set_new(record, "interrupted", json_true());
        return run_record(e, record, err);
}

/* Behind what the error says already: what stands now, and what to type. */
static void add_way_on(enum failure_choice choice, struct error **err)
{
        const char *way = choice == FAILURE_UNDO_ALL ?
                                  N_("Everything that this run did was undone.") :
                          choice == FAILURE_LEAVE ? N_("The step was left as it is. Go on: "
                                                       "k3wizard resume. Take everything back: "
                                                       "k3wizard rollback") :
                                                    N_("The step was undone; what came before it "
                                                       "stands. Go on: k3wizard resume. Take "
                                                       "everything back: k3wizard rollback");
        _cleanup_free_ char *before = err && *err ? xstrdup((*err)->hint) : NULL;

        if (before)
                error_hint(err, "%s\n%s", before, _(way));
        else
                error_hint(err, "%s", _(way));
}

/* Returns 0 to try the step again, 1 to go on behind it, negative to stop. Takes the failure over.
 */
static int fail(struct engine *e, size_t i, struct error *failure, struct error **err)
{
        const struct plan_step *step = &e->run->plan->steps[i];
        enum failure_choice choice;
        int r;

        if (host_cancelled(e->host))
                error_set_kind(&failure, ERROR_INTERRUPTED);
        if (record_failure(e, i, failure, NULL) < 0) {
                /* Nothing can be written down, so nothing more is touched; the next start sees
                 * "doing". */
                error_set_kind(&failure, ERROR_FAILED);
                return error_move(err, failure);
        }
        run_event_step(e, i, failure);
        choice = choose(e, i, failure);
        if (choice == FAILURE_SKIP && step->skippable) {
                error_free(failure);
                r = rollback_step(e, i, err);
                if (r == 0)
                        r = run_record(e, step_record(e, i, STEP_SKIPPED), err);
                return r < 0 ? r : 1;
        }
        if (choice != FAILURE_LEAVE) {
                r = choice == FAILURE_UNDO_ALL ? rollback_to(e, 0, err) : rollback_step(e, i, err);
                if (r < 0) {
                        (void) error_prefix(err, "%s", error_message(failure));
                        error_free(failure);
                        return r;
                }
        }
        if (choice == FAILURE_RETRY) {
                error_free(failure);
                return 0;
        }
        if (failure->kind == ERROR_INTERRUPTED) {
                *err = failure;
                return interrupted(e, i, err);
        }
        r = error_move(err, failure);
        (void) error_prefix(
                err, "Step %zu of %zu (%s) failed", i + 1, e->run->plan->n, _(step->title));
        add_way_on(choice, err);
        return r;
}

static int too_often(struct engine *e, size_t i, struct error **err)
{
        error_kind(err, ERROR_ATTENTION, ELOOP,
                "Step %zu of %zu (%s) failed %d times in a row. The last time: %s", i + 1,
                e->run->plan->n, _(e->run->plan->steps[i].title), e->run->steps[i].attempts,
                e->run->steps[i].error ?: _("it was cut off"));
        error_hint(err, "Mend the cause, then try once more: k3wizard --yes resume. Or take "
                        "everything back: "
                        "k3wizard rollback");
        return -ELOOP;
}

int run_walk(struct engine *e, struct error **err)
{
        for (size_t i = 0; i < e->run->plan->n;) {
                enum step_state state = e->run->steps[i].state;
                struct error *failure = NULL;
                int r;

                if (state == STEP_DONE || state == STEP_SKIPPED) {
                        i++;
                        continue;
                }
                if (host_cancelled(e->host)) {
                        error_kind(err, ERROR_INTERRUPTED, EINTR,
                                "Interrupted before step %zu of %zu (%s). What came before it "
                                "stands.",
                                i + 1, e->run->plan->n, _(e->run->plan->steps[i].title));
                        error_hint(err,
                                "Go on: k3wizard resume. Take everything back: k3wizard rollback");
                        return -EINTR;
                }
                if (e->run->steps[i].attempts >= ATTEMPTS_MAX && !e->insist)
                        return too_often(e, i, err);
                e->current = i;
                e->step_started = e->host->ops->monotonic(e->host);
                r = attempt(e, i, &failure);
                if (r == 0) {
                        i++;
                        continue;
                }
                if (!failure)
                        (void) error_set(&failure, -r, "The step failed without a word");
                r = fail(e, i, failure, err);
                if (r < 0)
                        return r;
                if (r > 0)
                        i++;
        }
        if (!host_cancelled(e->host))
                return 0;
        error_kind(err, ERROR_INTERRUPTED, EINTR,
                "Interrupted after the last step; what is missing is the summary.");
        error_hint(err, "Go on: k3wizard resume. Take everything back: k3wizard rollback");
        return -EINTR;
}

/* ---- is it still so? ---- */

static int action_still_true(struct engine *e, size_t i, size_t n, bool *ret, struct error **err)
{
        const struct plan_action *a = &e->run->plan->steps[i].actions[n];
        const struct run_action *ra = &e->run->steps[i].actions[n];
        struct action_context c = run_context(e);
        json_t *known = json_object();
        int r;

        json_object_update(known, ra->intent);
        json_object_update(known, ra->done);
        r = action_find(a->verb->name)->is_done(&c, a, known, ret, err);
        json_decref(known);
        return r;
}

int run_still_true(struct engine *e, bool *ret, struct error **err)
{
        *ret = true;
        for (size_t i = 0; i < e->run->plan->n; i++) {
                const struct plan_step *step = &e->run->plan->steps[i];

                if (e->run->steps[i].state != STEP_DONE)
                        continue;
                e->current = i;
                for (size_t n = 0; n < step->n_actions && *ret; n++) {
                        int r = action_still_true(e, i, n, ret, err);

                        if (r < 0)
                                return r;
                        if (!*ret)
                                return error_kind(err, ERROR_ATTENTION, ESTALE,
                                        "What the step \"%s\" did was changed since",
                                        _(step->title));
                }
                if (verify(e, step, err) < 0) {
                        *ret = false;
                        return error_prefix(err, "%s", _(step->title));
                }
        }
        return 0;
}
