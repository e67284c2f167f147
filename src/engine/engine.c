/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "internal.h"
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#define OVERRIDES_DIR "/etc/k3wizard/steps"
#define STEP_FILE_MAX (64 * 1024)

int engine_open(const struct engine_options *options, struct host *host, struct ui *ui,
        struct engine **ret, struct error **err)
{
        _cleanup_engine_ struct engine *e = xcalloc(1, sizeof(*e));
        int r;

        e->options = *options;
        e->host = host;
        e->ui = ui;
        e->state_fd = e->lock_fd = e->images_fd = e->cache_fd = -1;
        r = state_look(e, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(e);
        return 0;
}

void engine_close(struct engine *e)
{
        if (!e)
                return;
        state_close(e);
        free(e);
}

enum run_phase engine_phase(const struct engine *e)
{
        return e->run ? e->run->phase : RUN_NONE;
}

void engine_insist(struct engine *e)
{
        e->insist = true;
}

/* ---- step files ---- */

static int read_steps(const char *directory, const char *name, char **ret_path, char **ret_text,
        size_t *ret_len, struct error **err)
{
        struct fsroot root = {.fd = -1};
        char *absolute = realpath(directory, NULL);
        int r;

        if (!absolute)
                return -ENOENT;
        *ret_path = xasprintf("%s/%s.yaml", absolute, name);
        free(absolute);
        r = fsroot_open("/", false, &root, err);
        if (r < 0)
                return r;
        r = file_read(&root, *ret_path, STEP_FILE_MAX, ret_text, ret_len, err);
        fsroot_close(&root);
        return r;
}

int engine_procedure(struct engine *e, const char *name, struct procedure **ret, struct error **err)
{
        const char *directories[] = {e->options.steps_dir ?: OVERRIDES_DIR,
                e->options.steps_dir ? NULL : K3WIZARD_STEPS_DIR,
                e->options.steps_dir ? NULL : K3WIZARD_SOURCE_STEPS};

        for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
                _cleanup_free_ char *path = NULL, *text = NULL;
                _cleanup_problems_ struct problems problems = {0};
                _cleanup_error_ struct error *e1 = NULL;
                size_t len = 0;
                int r;

                if (!directories[i])
                        continue;
                r = read_steps(directories[i], name, &path, &text, &len, &e1);
                if (r == -ENOENT)
                        continue;
                if (r < 0) {
                        error_set_kind(&e1, ERROR_INVALID);
                        return error_move(err, TAKE_PTR(e1));
                }
                if (procedure_parse(path, text, len, action_verbs(), ret, &problems) < 0)
                        return problems_error(&problems, err);
                return 0;
        }
        error_kind(err, ERROR_INVALID, ENOENT, "There is no procedure %s.yaml", name);
        error_hint(
                err, "Looked in %s", e->options.steps_dir ?: OVERRIDES_DIR ", " K3WIZARD_STEPS_DIR);
        return -ENOENT;
}

/* ---- looking ---- */

int engine_suggest(struct engine *e, struct answers *a, struct error **err)
{
        _cleanup_net_picture_ struct net_picture network = {0};
        _cleanup_platform_ struct platform platform = {0};
        int r = e->host->ops->network(e->host, &network, err);

        if (r == 0)
                r = platform_read(e->host, &platform, err);
        return r < 0 ? r : facts_suggest(a, &network, &platform, err);
}

static void check(struct engine *e, const struct answers *a, const struct machine_facts *f,
        struct findings *ret)
{
        bool ours = e->run && e->run->phase != RUN_NONE;
        struct check_context c = {
                .host = e->host,
                .answers = a,
                .platform = &f->platform,
                .network = &f->network,
                .release = f->release_known ? &f->release : NULL,
                .release_error = f->release_error,
                .run_version =
                        ours ? json_string_value(json_object_get(e->run->facts, "k3s.release")) :
                               NULL,
                .ours = ours,
        };

        checks_run(&c, ret);
}

static int look(struct engine *e, const struct answers *a, struct answers **ret_answers,
        struct machine_facts *facts, struct error **err)
{
        _cleanup_answers_ struct answers *all = answers_copy(a);
        int r = machine_facts_read(e, all, facts, err);

        if (r == 0)
                r = facts_suggest(all, &facts->network, &facts->platform, err);
        if (r < 0)
                return r;
        *ret_answers = TAKE_PTR(all);
        return 0;
}

int engine_preflight(
        struct engine *e, const struct answers *a, struct findings *ret, struct error **err)
{
        _cleanup_(machine_facts_done) struct machine_facts facts = {0};
        _cleanup_answers_ struct answers *all = NULL;
        int r = look(e, a, &all, &facts, err);

        if (r < 0)
                return r;
        check(e, all, &facts, ret);
        return 0;
}

/* ---- the plan ---- */

static char **describe(const struct plan *plan)
{
        char **changes = NULL;

        for (size_t i = 0; i < plan->n; i++) {
                const struct plan_step *s = &plan->steps[i];
                _cleanup_strbuf_ struct strbuf b = {0};

                for (size_t k = 0; k < s->n_acquire + s->n_actions; k++) {
                        const struct plan_action *a =
                                k < s->n_acquire ? &s->acquire[k] : &s->actions[k - s->n_acquire];
                        const struct action *action = action_find(a->verb->name);
                        _cleanup_free_ char *text = action->describe ? action->describe(a) : NULL;

                        if (text)
                                strbuf_addf(&b, "%s%s", b.len ? "\n" : "", text);
                }
                strv_add(&changes, b.s ?: "");
        }
        return changes;
}

static enum step_class *classes_of(const struct plan *plan)
{
        enum step_class *classes = xcalloc(plan->n + 1, sizeof(*classes));

        for (size_t i = 0; i < plan->n; i++)
                for (size_t k = 0; k < plan->steps[i].n_actions; k++) {
                        enum step_class c =
                                action_find(plan->steps[i].actions[k].verb->name)->class;

                        if (c > classes[i])
                                classes[i] = c;
                }
        return classes;
}

int engine_plan(struct engine *e, const struct answers *a, struct plan **ret, char ***ret_changes,
        struct error **err)
{
        _cleanup_(machine_facts_done) struct machine_facts facts = {0};
        _cleanup_answers_ struct answers *all = NULL;
        json_t *json;
        int r = look(e, a, &all, &facts, err);

        if (r < 0)
                return r;
        if (facts.release_error)
                return error_move(err, TAKE_PTR(facts.release_error));
        json = facts_to_json(e, all, &facts);
        r = facts_plan(e, all, json, ret, err);
        json_decref(json);
        if (r == 0 && ret_changes)
                *ret_changes = describe(*ret);
        return r;
}

static void show_plan(struct engine *e, const struct plan *plan)
{
        _cleanup_strv_ char **changes = describe(plan);
        _cleanup_free_ enum step_class *classes = classes_of(plan);

        if (e->ui->event)
                e->ui->event(e->ui, &(struct event){.type = EVENT_PLAN,
                                            .plan = plan,
                                            .changes = (const char *const *) changes,
                                            .classes = classes});
}

int engine_show_plan(struct engine *e, const struct answers *a, struct error **err)
{
        _cleanup_plan_ struct plan *plan = NULL;
        int r = engine_plan(e, a, &plan, NULL, err);

        if (r == 0)
                show_plan(e, plan);
        return r;
}

/* ---- a run ---- */

static char *new_id(void)
{
        uint16_t tail = 0;
        char text[32];
        time_t now = time(NULL);
        struct tm tm;

        if (getrandom(&tail, sizeof(tail), 0) < 0)
                tail = (uint16_t) getpid();
        gmtime_r(&now, &tm);
        strftime(text, sizeof(text), "%Y%m%d-%H%M%S", &tm);
        return xasprintf("%s-%04x", text, tail);
}

/* Secrets go into files of their own, so that the answers that are kept can name them. */
static int keep_secrets(struct engine *e, const struct answers *a, struct error **err)
{
        struct fsroot state = {.fd = e->state_fd, .confined = true};

        for (size_t i = 0; i < answer_keys_len; i++) {
                const char *name = answer_keys[i].name;
                _cleanup_free_ char *path = xasprintf("secrets/%s", name);
                int r;

                if (!answers_is_set(a, name) || !answers_value_is_secret(a, name))
                        continue;
                r = file_mkdir(&state, "/secrets", 0700, err);
                if (r == 0)
                        r = state_write(e, path, answers_get(a, name), err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int begin(struct engine *e, const struct answers *a, const struct plan *plan,
        const json_t *facts, struct error **err)
{
        _cleanup_free_ char *id = new_id(), *yaml = NULL, *secrets = NULL;
        json_t *record;
        struct run *run = NULL;
        int r = keep_secrets(e, a, err);

        if (r < 0)
                return r;
        secrets = xasprintf("%s/secrets", e->options.state_dir);
        yaml = answers_to_yaml(a, secrets);
        record = json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:O, s:s}", "type", "run", "run", id,
                "k3wizard", K3WIZARD_VERSION, "procedure", plan->procedure, "practice",
                e->options.practice, "plan", plan_to_json(plan), "facts", facts, "answers", yaml);
        if (!record)
                return error_set(err, EILSEQ, "The plan holds text that is not UTF-8");
        r = journal_append(e->journal, record, err);
        if (r == 0)
                r = run_replay(e, e->journal, &run, err);
        if (r < 0)
                return r;
        run_free(e->run);
        e->run = run;
        return state_write(e, "answers.yaml", yaml, err);
}

static int finish(struct engine *e, struct error **err)
{
        json_t *summary;
        int r = run_walk(e, err);

        if (r < 0)
                return r;
        run_sweep(e);
        r = summary_write(e, err);
        if (r == 0)
                r = run_record(e,
                        json_pack("{s:s, s:s, s:s}", "type", "end", "run", e->run->id, "state",
                                "committed"),
                        err);
        if (r < 0)
                return r;
        summary = engine_summary(e);
        if (e->ui->event)
                e->ui->event(e->ui, &(struct event){.type = EVENT_SUMMARY, .summary = summary});
        json_decref(summary);
        return 0;
}

static void say(struct engine *e, const char *text)
{
        if (e->ui->event)
                e->ui->event(e->ui, &(struct event){.type = EVENT_MESSAGE, .text = text});
}

static int already_here(struct engine *e, const struct plan *plan, struct error **err)
{
        bool holds = false;
        json_t *summary;
        int r;

        if (!plan_equal(e->run->plan, plan)) {
                error_kind(err, ERROR_BLOCKED, EEXIST,
                        "K3s is here already, from the run of %s, and these answers would make it "
                        "different.",
                        e->run->started);
                error_hint(
                        err, "Nothing was changed. Take the old one back first: k3wizard rollback");
                return -EEXIST;
        }
        r = run_still_true(e, &holds, err);
        if (r < 0) {
                error_hint(err, "Nothing was changed. Look: k3wizard changes. Take it back: "
                                "k3wizard rollback");
                return r;
        }
        say(e, _("Nothing to do: everything is as it should be. Nothing was changed."));
        summary = engine_summary(e);
        if (e->ui->event)
                e->ui->event(e->ui, &(struct event){.type = EVENT_SUMMARY, .summary = summary});
        json_decref(summary);
        return 0;
}

static bool touched_nothing(const struct run *run)
{
        for (size_t i = 0; i < run->plan->n; i++)
                for (size_t n = 0; n < run->plan->steps[i].n_actions; n++)
                        if (run->steps[i].actions[n].intent && !run->steps[i].actions[n].undone)
                                return false;
        return true;
}

static int unfinished(struct engine *e, const struct plan *plan, struct error **err)
{
        if (plan_equal(e->run->plan, plan))
                return engine_resume(e, err);
        error_kind(err, ERROR_FAILED, EBUSY,
                "An unfinished run from %s is here, with other answers.", e->run->started);
        error_hint(err, "Nothing was changed. Go on with it: k3wizard resume. Take it back: "
                        "k3wizard rollback");
        return -EBUSY;
}

static int preflight_and_plan(struct engine *e, const struct answers *a,
        struct answers **ret_answers, json_t **ret_facts, struct plan **ret_plan,
        struct error **err)
{
        _cleanup_(machine_facts_done) struct machine_facts facts = {0};
        _cleanup_findings_ struct findings findings = {0};
        _cleanup_answers_ struct answers *all = NULL;
        json_t *json;
        int r = look(e, a, &all, &facts, err);

        if (r < 0)
                return r;
        check(e, all, &facts, &findings);
        if (e->ui->event)
                e->ui->event(e->ui, &(struct event){.type = EVENT_FINDINGS, .findings = &findings});
        if (findings_block(&findings)) {
                error_kind(
                        err, ERROR_BLOCKED, EPERM, "The checks found what would make this fail.");
                error_hint(err, "Nothing was changed.");
                return -EPERM;
        }
        json = facts_to_json(e, all, &facts);
        r = facts_plan(e, all, json, ret_plan, err);
        if (r < 0) {
                json_decref(json);
                return r;
        }
        *ret_facts = json;
        *ret_answers = TAKE_PTR(all);
        return 0;
}

static int run_new(struct engine *e, const struct answers *a, const struct plan *plan,
        const json_t *facts, struct error **err)
{
        int r;

        if (e->ui->consent && e->ui->consent(e->ui, _("Make these changes?")) != CONSENT_YES) {
                error_kind(err, ERROR_INTERRUPTED, ECANCELED, "Nothing was changed.");
                return -ECANCELED;
        }
        r = state_begin(e, err);
        if (r < 0)
                return r;
        /* One that stopped before it touched anything (at a download, say) is in nobody's way. */
        if (e->run && e->run->phase == RUN_UNFINISHED && touched_nothing(e->run))
                r = rollback_to(e, 0, err);
        if (r < 0)
                return r;
        if (e->run && e->run->phase != RUN_NONE)
                return error_kind(
                        err, ERROR_LOCKED, EBUSY, "Another k3wizard began a run in the meantime");
        r = begin(e, a, plan, facts, err);
        return r < 0 ? r : finish(e, err);
}

int engine_apply(struct engine *e, const struct answers *a, struct error **err)
{
        _cleanup_answers_ struct answers *all = NULL;
        _cleanup_plan_ struct plan *plan = NULL;
        json_t *facts = NULL;
        int r = state_lock_if_there(e, err);

        if (r == 0)
                r = preflight_and_plan(e, a, &all, &facts, &plan, err);
        if (r < 0)
                return r;
        show_plan(e, plan);
        if (e->options.dry_run) {
                say(e, _("Nothing was changed: this was a dry run."));
                r = 0;
        } else if (engine_phase(e) == RUN_COMMITTED) {
                r = state_begin(e, err);
                if (r == 0)
                        r = already_here(e, plan, err);
        } else if (engine_phase(e) != RUN_NONE &&
                   (plan_equal(e->run->plan, plan) || !touched_nothing(e->run))) {
                r = unfinished(e, plan, err);
        } else {
                r = run_new(e, all, plan, facts, err);
        }
        json_decref(facts);
        return r;
}

static int denied(struct engine *e, struct error **err)
{
        error_kind(err, ERROR_FAILED, EACCES, "%s belongs to root", e->options.state_dir);
        error_hint(err, "Type: sudo k3wizard");
        return -EACCES;
}

int engine_resume(struct engine *e, struct error **err)
{
        int r;

        if (e->denied)
                return denied(e, err);

        if (engine_phase(e) == RUN_NONE || engine_phase(e) == RUN_COMMITTED) {
                error_kind(err, ERROR_USAGE, ENOENT, "There is no unfinished run to resume.");
                error_hint(err, "Look: k3wizard status");
                return -ENOENT;
        }
        r = state_begin(e, err);
        if (r < 0)
                return r;
        run_sweep(e);
        r = state_write(e, "answers.yaml", e->run->yaml, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < e->run->plan->n; i++) {
                enum step_state s = e->run->steps[i].state;

                if (s != STEP_UNDOING && s != STEP_ATTENTION)
                        continue;
                r = rollback_step(e, i, err);
                if (r < 0)
                        return r;
        }
        return finish(e, err);
}

int engine_rollback(struct engine *e, const char *to, struct error **err)
{
        size_t first = 0;
        int r;

        if (e->denied)
                return denied(e, err);

        if (engine_phase(e) == RUN_NONE) {
                error_kind(err, ERROR_USAGE, ENOENT, "There is no run to roll back.");
                error_hint(err, "Look: k3wizard status");
                return -ENOENT;
        }
        r = state_begin(e, err);
        if (r < 0)
                return r;
        if (to) {
                if (!plan_find(e->run->plan, to, &first))
                        return error_kind(err, ERROR_USAGE, EINVAL, "The run has no step %s", to);
                first++;
        }
        return rollback_to(e, first, err);
}
