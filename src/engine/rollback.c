/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Undo, from the journal alone. A signal does not stop it: half an undo helps nobody, and every
 * part of it has a limit of its own. */

#include "internal.h"

static int record_state(struct engine *e, size_t i, enum step_state state, const struct error *why,
        struct error **err)
{
        json_t *record = json_pack("{s:s, s:s, s:s, s:s}", "type", "step", "run", e->run->id,
                "step", e->run->plan->steps[i].id, "state", step_state_name(state));

        if (why)
                json_object_set_new(
                        record, "error", json_string(error_plain(why)) ?: json_string(""));
        return run_record(e, record, err);
}

static int undo_actions(struct engine *e, size_t i, struct error **err)
{
        const struct plan_step *step = &e->run->plan->steps[i];
        struct action_context c = run_context(e);
        struct error *first = NULL;

        for (size_t n = step->n_actions; n > 0; n--) {
                struct run_action *a = &e->run->steps[i].actions[n - 1];
                struct error *why = NULL;
                int r;

                if (!a->intent || a->undone)
                        continue;
                r = action_find(step->actions[n - 1].verb->name)
                            ->undo(&c, a->intent, a->done, &why);
                if (r == 0)
                        r = run_record(e,
                                json_pack("{s:s, s:s, s:s, s:i}", "type", "undone", "run",
                                        e->run->id, "step", step->id, "n", (int) (n - 1)),
                                &why);
                if (r < 0 && !first)
                        first = why;
                else
                        error_free(why);
        }
        return first ? error_move(err, first) : 0;
}

static int leave_to_person(struct engine *e, size_t i, struct error *why, struct error **err)
{
        int r;

        (void) record_state(e, i, STEP_ATTENTION, why, NULL);
        run_event_step(e, i, why);
        error_set_kind(&why, ERROR_ATTENTION);
        r = error_move(err, why);
        (void) error_prefix(err, "Could not undo \"%s\" wholly", _(e->run->plan->steps[i].title));
        return r;
}

int rollback_step(struct engine *e, size_t i, struct error **err)
{
        volatile int *cancel = e->host->cancel;
        struct error *why = NULL;
        int r;

        if (e->run->steps[i].state == STEP_PENDING || e->run->steps[i].state == STEP_UNDONE)
                return 0;
        r = record_state(e, i, STEP_UNDOING, NULL, err);
        if (r < 0)
                return r;
        e->current = i;
        run_event_step(e, i, NULL);
        e->host->cancel = NULL;
        r = undo_actions(e, i, &why);
        e->host->cancel = cancel;
        if (r < 0)
                return leave_to_person(e, i, why, err);
        r = record_state(e, i, STEP_UNDONE, NULL, err);
        if (r == 0)
                run_event_step(e, i, NULL);
        return r;
}

int rollback_to(struct engine *e, size_t first, struct error **err)
{
        struct error *worst = NULL;
        int r;

        run_sweep(e);
        for (size_t i = e->run->plan->n; i > first; i--) {
                struct error *why = NULL;

                if (rollback_step(e, i - 1, &why) == 0)
                        continue;
                /* The others can still be undone. */
                if (!worst)
                        worst = why;
                else
                        error_free(why);
        }
        if (worst) {
                e->run->phase = RUN_ATTENTION;
                return error_move(err, worst);
        }
        if (first > 0)
                return 0;
        r = run_record(e,
                json_pack("{s:s, s:s, s:s}", "type", "end", "run", e->run->id, "state",
                        "rolled-back"),
                err);
        if (r == 0) {
                struct fsroot state = {.fd = e->state_fd, .confined = true};

                r = file_remove(&state, "/summary", err);
        }
        return r;
}
