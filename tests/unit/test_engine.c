/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Whole runs in the practice world, driven through the same interface as the terminal's. */

#include "../../src/base/str.h"
#include "../../src/engine/engine.h"
#include "../../src/host/practice/practice.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

struct bench {
        char directory[64];
        char *state_dir, *world;
        const char *scenario;
        volatile int cancel;
        struct host *host;
        struct engine *engine;
        struct answers *answers;
        struct ui ui;
        struct engine_options options;
        /* what happened */
        int done, undone, failed, skipped, summaries, plans, messages;
        char *last_message;
        /* what to do */
        enum consent consent;
        const enum failure_choice *choices; /* one after the other; then leave */
        size_t n_choices;
        size_t cancel_at; /* step, from 1; 0: never */
        void (*at_step)(struct bench *b, const struct event *e);
};

static void on_event(struct ui *ui, const struct event *e)
{
        struct bench *b = ui->data;

        if (e->type == EVENT_PLAN)
                b->plans++;
        if (e->type == EVENT_SUMMARY)
                b->summaries++;
        if (e->type == EVENT_MESSAGE) {
                b->messages++;
                str_set(&b->last_message, e->text);
        }
        if (e->type != EVENT_STEP)
                return;
        b->done += e->state == STEP_DONE;
        b->undone += e->state == STEP_UNDONE;
        b->failed += e->state == STEP_FAILED;
        b->skipped += e->state == STEP_SKIPPED;
        if (e->state == STEP_DOING && e->index == b->cancel_at)
                b->cancel = 1;
        if (e->state == STEP_DOING && b->at_step)
                b->at_step(b, e);
}

static enum consent on_consent(struct ui *ui, const char *question)
{
        return ((struct bench *) ui->data)->consent;
}

static enum failure_choice on_failure(struct ui *ui, const struct event *e)
{
        struct bench *b = ui->data;

        assert_non_null(e->error);
        if (!b->n_choices)
                return FAILURE_LEAVE;
        b->n_choices--;
        return *b->choices++;
}

static void open_engine(struct bench *b)
{
        struct practice_options world = {.directory = b->world, .scenario = b->scenario};
        struct error *e = NULL;

        b->ui = (struct ui){.event = on_event, .consent = on_consent, .data = b};
        if (b->choices)
                b->ui.failure = on_failure;
        if (practice_new(&world, &b->cancel, &b->host, &e) < 0)
                fail_msg("%s", error_message(e));
        b->options.state_dir = b->state_dir;
        b->options.steps_dir = K3WIZARD_SOURCE_STEPS;
        b->options.practice = true;
        b->options.user_home = "/home/student";
        b->options.user_name = "student";
        b->options.user_uid = getuid();
        b->options.user_gid = getgid();
        if (engine_open(&b->options, b->host, &b->ui, &b->engine, &e) < 0)
                fail_msg("%s", error_message(e));
}

static void close_engine(struct bench *b)
{
        engine_close(b->engine);
        host_free(b->host);
        b->engine = NULL;
        b->host = NULL;
}

/* A new process: everything that is known comes from the disk. */
static void again(struct bench *b)
{
        close_engine(b);
        b->cancel = 0;
        b->cancel_at = 0;
        b->done = b->undone = b->failed = b->skipped = b->summaries = b->plans = b->messages = 0;
        open_engine(b);
}

static void set(struct bench *b, const char *key, const char *value)
{
        assert_int_equal(answers_set(b->answers, key, value, ANSWER_FROM_OPTION, NULL), 0);
}

static void begin(struct bench *b)
{
        snprintf(b->directory, sizeof(b->directory), "/tmp/k3wizard-engine-XXXXXX");
        assert_non_null(mkdtemp(b->directory));
        b->state_dir = xasprintf("%s/state", b->directory);
        b->world = xasprintf("%s/world", b->directory);
        b->consent = CONSENT_YES;
        b->answers = answers_new();
        set(b, "role", "server");
        set(b, "network.interface", "enp0s8");
        open_engine(b);
}

static void end(struct bench *b)
{
        struct fsroot slash = {.fd = -1};

        close_engine(b);
        answers_free(b->answers);
        free(b->last_message);
        free(b->state_dir);
        free(b->world);
        if (fsroot_open("/", false, &slash, NULL) == 0)
                (void) file_remove_tree(&slash, b->directory, NULL);
        fsroot_close(&slash);
}
#define BENCH(b) _cleanup_(end) struct bench b = {0}

static bool there(struct bench *b, const char *path)
{
        _cleanup_file_state_ struct file_state s = {0};

        return file_state(&b->host->root, path, false, &s, NULL) == 0 && s.kind != FILE_ABSENT;
}

static void put(struct bench *b, const char *path, const char *text)
{
        assert_int_equal(
                file_write(&b->host->root, path, text, strlen(text), FILE_OWNER_OURS(0600), NULL),
                0);
}

/* r must be a failure of this kind with these words in its message. */
static void expect(int r, enum error_kind kind, struct error **e, const char *words)
{
        if (r >= 0)
                fail_msg("it worked, and should say \"%s\"", words);
        if ((*e)->kind != kind || !strstr((*e)->message, words))
                fail_msg("kind %d: %s", (*e)->kind, (*e)->message);
        error_free(TAKE_PTR(*e));
}

#define WANTS  "/etc/systemd/system/multi-user.target.wants/k3s.service"
#define DROPIN "/etc/rancher/k3s/config.yaml.d/50-k3wizard.yaml"

/* ---- the straight way ---- */

static void a_run_from_nothing_to_done_and_back(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        json_t *json;
        _cleanup_secret_ struct secret token = {0};
        _cleanup_free_ char *text = NULL;

        begin(&b);
        assert_int_equal(engine_phase(b.engine), RUN_NONE);
        assert_null(engine_summary(b.engine));
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        assert_int_equal(b.done, 9);
        assert_int_equal(b.plans, 1);
        assert_int_equal(b.summaries, 1);
        assert_int_equal(engine_phase(b.engine), RUN_COMMITTED);
        assert_true(there(&b, DROPIN));
        assert_true(there(&b, "/home/student/.kube/config"));
        assert_int_equal(engine_node_token(b.engine, &token, NULL), 0);
        assert_true(str_starts(token.bytes, "K10"));

        json = engine_status(b.engine);
        assert_string_equal(json_string_value(json_object_get(json, "state")), "committed");
        assert_int_equal(json_array_size(json_object_get(json, "steps")), 9);
        json_decref(json);
        json = engine_changes(b.engine);
        assert_true(json_array_size(json) >= 15);
        for (size_t i = 0; i < json_array_size(json); i++)
                assert_true(json_is_true(json_object_get(json_array_get(json, i), "stands")));
        json_decref(json);
        json = engine_summary(b.engine);
        text = summary_text(json);
        assert_non_null(strstr(text, "https://192.168.1.20:6443"));
        assert_null(strstr(text, token.bytes));
        json_decref(json);

        again(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        assert_int_equal(b.done, 0);
        assert_non_null(strstr(b.last_message, "Nothing to do"));
        expect(engine_resume(b.engine, &e), ERROR_USAGE, &e, "no unfinished run");

        again(&b);
        assert_int_equal(engine_rollback(b.engine, NULL, NULL), 0);
        assert_int_equal(b.undone, 9);
        assert_int_equal(engine_phase(b.engine), RUN_NONE);
        assert_false(there(&b, DROPIN));
        assert_false(there(&b, "/etc/rancher"));
        assert_false(there(&b, "/home/student/.kube"));
        expect(engine_rollback(b.engine, NULL, &e), ERROR_USAGE, &e, "no run to roll back");
        json = engine_changes(b.engine);
        for (size_t i = 0; i < json_array_size(json); i++)
                assert_true(json_is_true(json_object_get(json_array_get(json, i), "undone")));
        json_decref(json);
}

static void other_answers_than_those_of_the_run_change_nothing(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        int r;

        begin(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        again(&b);
        set(&b, "k3s.disable", "traefik");
        r = engine_apply(b.engine, b.answers, &e);
        expect(r, ERROR_BLOCKED, &e, "would make it different");
        assert_int_equal(b.done + b.undone, 0);
}

static void done_is_looked_at_again_not_believed(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        int r;

        begin(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        put(&b, DROPIN, "node-ip: 10.0.0.1\n");
        again(&b);
        r = engine_apply(b.engine, b.answers, &e);
        assert_true(r < 0);
        assert_non_null(strstr(e->hint, "Nothing was changed"));
        error_free(TAKE_PTR(e));
}

static void without_consent_nothing_is_touched(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        struct stat st;

        begin(&b);
        b.consent = CONSENT_NO;
        expect(engine_apply(b.engine, b.answers, &e), ERROR_INTERRUPTED, &e, "Nothing was changed");
        assert_int_equal(stat(b.state_dir, &st), -1);
        assert_false(there(&b, "/etc/rancher"));
}

static void a_dry_run_ends_with_the_plan(void **state)
{
        BENCH(b);
        struct stat st;

        begin(&b);
        b.options.dry_run = true;
        again(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        assert_int_equal(b.plans, 1);
        assert_int_equal(b.done, 0);
        assert_int_equal(stat(b.state_dir, &st), -1);
        assert_int_equal(engine_show_plan(b.engine, b.answers, NULL), 0);
        assert_int_equal(b.plans, 2);
}

static void blocking_findings_end_it_before_anything(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        struct stat st;
        _cleanup_findings_ struct findings f = {0};

        b.scenario = "server+port-6443-taken";
        begin(&b);
        expect(engine_apply(b.engine, b.answers, &e), ERROR_BLOCKED, &e, "checks found");
        assert_int_equal(stat(b.state_dir, &st), -1);
        assert_int_equal(engine_preflight(b.engine, b.answers, &f, NULL), 0);
        assert_true(findings_block(&f));
}

static void suggests_what_is_not_ambiguous(void **state)
{
        BENCH(b);

        begin(&b);
        answers_unset(b.answers, "network.interface");
        assert_int_equal(engine_suggest(b.engine, b.answers, NULL), 0);
        assert_string_equal(answers_get(b.answers, "network.interface"), "enp0s8");
        assert_string_equal(answers_get(b.answers, "network.node_ip"), "192.168.1.20");
        assert_string_equal(answers_get(b.answers, "k3s.node_name"), "k3s-master");
        assert_int_equal(answers_source(b.answers, "network.node_ip"), ANSWER_FROM_FACT);

        answers_unset(b.answers, "network.interface");
        set(&b, "network.node_ip", "10.0.2.15");
        assert_int_equal(engine_suggest(b.engine, b.answers, NULL), 0);
        assert_string_equal(answers_get(b.answers, "network.interface"), "enp0s3");
}

/* ---- failures ---- */

static void a_failed_step_is_undone_and_the_rest_stands(void **state)
{
        static const enum on_failure ways[] = {ON_FAILURE_STEP, ON_FAILURE_ALL, ON_FAILURE_KEEP};

        for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
                BENCH(b);
                struct error *e = NULL;
                int r;

                b.scenario = "server+start-fails";
                b.options.on_failure = ways[i];
                begin(&b);
                r = engine_apply(b.engine, b.answers, &e);
                expect(r, ERROR_FAILED, &e, "k3s.service");
                assert_int_equal(b.failed, 1);
                assert_int_equal(there(&b, DROPIN), ways[i] != ON_FAILURE_ALL);
                assert_int_equal(there(&b, WANTS), ways[i] == ON_FAILURE_KEEP);
                assert_int_equal(engine_phase(b.engine),
                        ways[i] == ON_FAILURE_ALL ? RUN_NONE : RUN_UNFINISHED);
                again(&b);
                if (ways[i] != ON_FAILURE_ALL)
                        assert_int_equal(engine_rollback(b.engine, NULL, NULL), 0);
                assert_false(there(&b, "/etc/rancher"));
        }
}

static void three_failures_in_a_row_wait_for_a_person(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        json_t *status;
        int r;

        b.scenario = "server+start-fails";
        begin(&b);
        r = engine_apply(b.engine, b.answers, &e);
        expect(r, ERROR_FAILED, &e, "k3s.service");
        for (int i = 0; i < 2; i++) {
                again(&b);
                r = engine_resume(b.engine, &e);
                expect(r, ERROR_FAILED, &e, "k3s.service");
        }
        again(&b);
        r = engine_resume(b.engine, &e);
        assert_true(r < 0);
        assert_int_equal(e->kind, ERROR_ATTENTION);
        assert_int_equal(b.failed, 0);
        error_free(TAKE_PTR(e));
        status = engine_status(b.engine);
        assert_string_equal(json_string_value(json_object_get(status, "state")), "unfinished");
        json_decref(status);
        again(&b);
        engine_insist(b.engine);
        r = engine_resume(b.engine, &e);
        expect(r, ERROR_FAILED, &e, "k3s.service");
        assert_int_equal(b.failed, 1);
}

static void a_person_at_the_terminal_chooses(void **state)
{
        static const enum failure_choice retry_then_all[] = {FAILURE_RETRY, FAILURE_UNDO_ALL};
        static const enum failure_choice leave[] = {FAILURE_LEAVE};
        static const enum failure_choice skip[] = {FAILURE_SKIP};
        BENCH(b);
        struct error *e = NULL;
        int r;

        b.scenario = "server+node-never-ready";
        b.choices = retry_then_all;
        b.n_choices = 2;
        begin(&b);
        set(&b, "timeouts.ready", "10s");
        r = engine_apply(b.engine, b.answers, &e);
        expect(r, ERROR_FAILED, &e, "k3s-master");
        assert_int_equal(b.failed, 2);
        assert_int_equal(engine_phase(b.engine), RUN_NONE);
        assert_false(there(&b, "/etc/rancher"));

        b.choices = leave;
        b.n_choices = 1;
        again(&b);
        r = engine_apply(b.engine, b.answers, &e);
        expect(r, ERROR_FAILED, &e, "k3s-master");
        assert_int_equal(engine_phase(b.engine), RUN_UNFINISHED);

        /* Not a step that may be skipped: it is undone instead. */
        b.choices = skip;
        b.n_choices = 1;
        again(&b);
        r = engine_resume(b.engine, &e);
        assert_true(r < 0);
        error_free(TAKE_PTR(e));
        assert_int_equal(b.skipped, 0);
}

static void interrupted_at_any_step_it_can_go_on_or_back(void **state)
{
        for (size_t step = 1; step <= 9; step++)
                for (int back = 0; back < 2; back++) {
                        BENCH(b);
                        struct error *e = NULL;
                        int r;

                        begin(&b);
                        b.cancel_at = step;
                        r = engine_apply(b.engine, b.answers, &e);
                        expect(r, ERROR_INTERRUPTED, &e, "Interrupted");
                        assert_int_equal(engine_phase(b.engine), RUN_UNFINISHED);
                        again(&b);
                        if (back) {
                                assert_int_equal(engine_rollback(b.engine, NULL, NULL), 0);
                                assert_false(there(&b, "/etc/rancher"));
                                continue;
                        }
                        assert_int_equal(engine_resume(b.engine, NULL), 0);
                        assert_int_equal(engine_phase(b.engine), RUN_COMMITTED);
                        /* A step that has nothing to wait for ends before it looks. */
                        assert_in_range(b.done, 9 - (int) step, 9 - (int) step + 1);
                }
}

static void an_unfinished_run_goes_on_by_apply_only_with_its_own_answers(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        int r;

        begin(&b);
        b.cancel_at = 6;
        r = engine_apply(b.engine, b.answers, &e);
        expect(r, ERROR_INTERRUPTED, &e, "Interrupted");
        again(&b);
        set(&b, "k3s.disable", "traefik");
        r = engine_apply(b.engine, b.answers, &e);
        expect(r, ERROR_FAILED, &e, "with other answers");
        again(&b);
        answers_unset(b.answers, "k3s.disable");
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        assert_int_equal(engine_phase(b.engine), RUN_COMMITTED);
        assert_int_equal(b.done, 4);
}

static void a_run_that_touched_nothing_is_in_nobodys_way(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        int r;

        begin(&b);
        b.cancel_at = 2;
        r = engine_apply(b.engine, b.answers, &e);
        expect(r, ERROR_INTERRUPTED, &e, "Interrupted");
        again(&b);
        set(&b, "k3s.disable", "traefik");
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        assert_int_equal(b.done, 9);
}

static void a_wrong_checksum_leaves_nothing_behind(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        int r;

        b.scenario = "server+wrong-checksum";
        begin(&b);
        r = engine_apply(b.engine, b.answers, &e);
        expect(r, ERROR_FAILED, &e, "SHA-256");
        assert_false(there(&b, "/usr/local/bin/k3s"));
        assert_false(there(&b, "/etc/rancher"));
}

/* ---- going back in part, and against resistance ---- */

static void goes_back_to_a_step_and_on_again(void **state)
{
        BENCH(b);
        struct error *e = NULL;

        begin(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        again(&b);
        expect(engine_rollback(b.engine, "server.nonsense", &e), ERROR_USAGE, &e, "no step");
        again(&b);
        assert_int_equal(engine_rollback(b.engine, "server.binary", NULL), 0);
        assert_int_equal(b.undone, 5);
        assert_true(there(&b, "/usr/local/bin/k3s"));
        assert_false(there(&b, "/usr/local/bin/kubectl"));
        assert_int_equal(engine_phase(b.engine), RUN_UNFINISHED);
        again(&b);
        assert_int_equal(engine_resume(b.engine, NULL), 0);
        assert_int_equal(b.done, 5);
        assert_int_equal(engine_phase(b.engine), RUN_COMMITTED);
}

/* k3s-killall.sh removes /var/lib/cni, whoever put something there. */
static void a_tree_of_another_program_comes_back(void **state)
{
        BENCH(b);
        char *text = NULL;
        _cleanup_file_state_ struct file_state s = {0}, link = {0};

        begin(&b);
        assert_int_equal(file_mkdirs(&b.host->root, "/var/lib/cni/networks/mine", 0750, NULL), 0);
        put(&b, "/var/lib/cni/networks/mine/lease", "192.168.9.1\n");
        assert_int_equal(
                file_symlink(&b.host->root, "/var/lib/cni/last", "networks/mine", NULL), 0);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        assert_int_equal(file_remove_tree(&b.host->root, "/var/lib/cni", NULL), 0);
        again(&b);
        assert_int_equal(engine_rollback(b.engine, NULL, NULL), 0);
        assert_int_equal(file_read(&b.host->root, "/var/lib/cni/networks/mine/lease", 100, &text,
                                 NULL, NULL),
                0);
        assert_string_equal(text, "192.168.9.1\n");
        free(text);
        assert_int_equal(
                file_state(&b.host->root, "/var/lib/cni/networks/mine", false, &s, NULL), 0);
        assert_int_equal(s.mode, 0750);
        assert_int_equal(file_state(&b.host->root, "/var/lib/cni/last", false, &link, NULL), 0);
        assert_string_equal(link.target, "networks/mine");
        assert_false(there(&b, "/var/lib/cni/networks/cbr0"));
}

static void what_another_hand_changed_is_left_alone_and_told(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        json_t *status;
        char *text = NULL;
        int r;

        begin(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        put(&b, DROPIN, "mine: now\n");
        again(&b);
        r = engine_rollback(b.engine, NULL, &e);
        expect(r, ERROR_ATTENTION, &e, "Could not undo");
        assert_int_equal(file_read(&b.host->root, DROPIN, 1000, &text, NULL, NULL), 0);
        assert_string_equal(text, "mine: now\n");
        free(text);
        assert_false(there(&b, "/usr/local/bin/k3s"));
        assert_int_equal(engine_phase(b.engine), RUN_ATTENTION);
        again(&b);
        assert_int_equal(engine_phase(b.engine), RUN_ATTENTION);
        status = engine_status(b.engine);
        assert_string_equal(json_string_value(json_object_get(status, "state")), "attention");
        assert_true(json_array_size(json_object_get(status, "attention")) > 0);
        json_decref(status);
        assert_int_equal(file_remove(&b.host->root, DROPIN, NULL), 0);
        assert_int_equal(engine_rollback(b.engine, NULL, NULL), 0);
        assert_int_equal(engine_phase(b.engine), RUN_NONE);
}

static void what_was_there_before_is_there_again(void **state)
{
        BENCH(b);
        char *text = NULL;
        _cleanup_file_state_ struct file_state s = {0};

        begin(&b);
        assert_int_equal(
                file_mkdirs(&b.host->root, "/etc/rancher/k3s/config.yaml.d", 0755, NULL), 0);
        put(&b, "/etc/rancher/k3s/config.yaml", "debug: true\n");
        put(&b, DROPIN, "old: settings\n");
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        again(&b);
        assert_int_equal(engine_rollback(b.engine, NULL, NULL), 0);
        assert_int_equal(file_read(&b.host->root, DROPIN, 1000, &text, NULL, NULL), 0);
        assert_string_equal(text, "old: settings\n");
        free(text);
        assert_int_equal(
                file_state(&b.host->root, "/etc/rancher/k3s/config.yaml", false, &s, NULL), 0);
        assert_int_equal(s.kind, FILE_REGULAR);
        assert_false(there(&b, "/etc/rancher/node"));
}

/* ---- the state directory ---- */

static void two_at_once_are_one_too_many(void **state)
{
        BENCH(b);
        struct bench other = {0};
        struct error *e = NULL;

        begin(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        /* The first still holds the lock. */
        other = (struct bench){.state_dir = b.state_dir, .world = b.world, .consent = CONSENT_YES};
        open_engine(&other);
        expect(engine_rollback(other.engine, NULL, &e), ERROR_LOCKED, &e, "at work");
        close_engine(&other);
        free(other.last_message);
}

static void refuse_to_open(struct bench *b, enum error_kind kind)
{
        struct error *e = NULL;

        engine_close(b->engine);
        b->engine = NULL;
        if (engine_open(&b->options, b->host, &b->ui, &b->engine, &e) == 0)
                fail_msg("it was opened");
        assert_int_equal(e->kind, kind);
        assert_non_null(e->hint);
        error_free(TAKE_PTR(e));
}

static void a_damaged_journal_is_not_guessed_at(void **state)
{
        BENCH(b);
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;

        begin(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        path = xasprintf("%s/journal", b.state_dir);
        fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, "X", 1, 200), 1);
        refuse_to_open(&b, ERROR_ATTENTION);
}

static void a_state_directory_open_to_others_is_refused(void **state)
{
        BENCH(b);

        begin(&b);
        assert_int_equal(mkdir(b.state_dir, 0700), 0);
        assert_int_equal(chmod(b.state_dir, 0755), 0);
        refuse_to_open(&b, ERROR_ATTENTION);
}

static void secrets_are_kept_in_files_of_their_own(void **state)
{
        BENCH(b);
        _cleanup_free_ char *answers = NULL, *secret = NULL, *text = NULL;
        struct fsroot slash = {.fd = -1};
        struct stat st;

        begin(&b);
        set(&b, "source.proxy", "http://user:canary@192.168.1.1:3128");
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        answers = xasprintf("%s/answers.yaml", b.state_dir);
        secret = xasprintf("%s/secrets/source.proxy", b.state_dir);
        assert_int_equal(stat(secret, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(fsroot_open("/", false, &slash, NULL), 0);
        assert_int_equal(file_read(&slash, answers, 65536, &text, NULL, NULL), 0);
        fsroot_close(&slash);
        assert_null(strstr(text, "canary"));
        assert_non_null(strstr(text, "proxy_file"));
}

static void steps_that_are_not_there_or_not_right_change_nothing(void **state)
{
        BENCH(b);
        struct procedure *p = NULL;
        struct error *e = NULL;
        _cleanup_free_ char *steps = NULL, *file = NULL;
        struct fsroot slash = {.fd = -1};

        begin(&b);
        expect(engine_procedure(b.engine, "nonsense", &p, &e), ERROR_INVALID, &e, "no procedure");
        assert_int_equal(engine_procedure(b.engine, "server", &p, NULL), 0);
        assert_int_equal(p->n, 10);
        procedure_free(p);
        steps = xasprintf("%s/steps", b.directory);
        file = xasprintf("%s/server.yaml", steps);
        assert_int_equal(fsroot_open("/", false, &slash, NULL), 0);
        assert_int_equal(file_mkdir(&slash, steps, 0755, NULL), 0);
        assert_int_equal(file_write(&slash, file, "procedure: server\nsteps: [oops]\n", 31,
                                 FILE_OWNER_OURS(0644), NULL),
                0);
        fsroot_close(&slash);
        engine_close(b.engine);
        b.options.steps_dir = steps;
        assert_int_equal(engine_open(&b.options, b.host, &b.ui, &b.engine, NULL), 0);
        expect(engine_apply(b.engine, b.answers, &e), ERROR_INVALID, &e, "server.yaml:2");
        assert_false(there(&b, "/etc/rancher"));
}

static void the_old_profile_is_blocked_where_it_cannot_work(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        _cleanup_findings_ struct findings f = {0};

        begin(&b);
        set(&b, "profile", "blog-2020");
        assert_int_equal(engine_preflight(b.engine, b.answers, &f, NULL), 0);
        assert_true(findings_count(&f, FINDING_WARN) >= 2);
        expect(engine_apply(b.engine, b.answers, &e), ERROR_BLOCKED, &e, "checks found");
        assert_false(there(&b, "/usr/local/bin/k3s"));
}

/* ---- a machine that does not answer ---- */

static int no_network(struct host *h, struct net_picture *ret, struct error **err)
{
        return error_set(err, EIO, "the network does not answer");
}

static int no_uname(struct host *h, struct host_uname *ret, struct error **err)
{
        return error_set(err, EIO, "the kernel does not answer");
}

static int no_unit(struct host *h, const char *unit, struct unit_state *ret, struct error **err)
{
        return error_set(err, EIO, "systemd does not answer");
}

static int no_listeners(struct host *h, struct listener **ret, size_t *ret_n, struct error **err)
{
        return error_set(err, EIO, "/proc does not answer");
}

static int no_disk(struct host *h, const char *path, int64_t *ret, struct error **err)
{
        return error_set(err, EIO, "the disk does not answer");
}

static int no_run(struct host *h, const struct run_request *request, struct run_result *ret,
        struct error **err)
{
        return error_set(err, EAGAIN, "no process can be started");
}

static void a_machine_that_does_not_answer_is_told_and_nothing_changed(void **state)
{
        for (int way = 0; way < 2; way++) {
                BENCH(b);
                struct host_ops ops;
                struct error *e = NULL;
                struct plan *plan = NULL;
                _cleanup_findings_ struct findings f = {0};
                const char *words = way ? "the kernel does not" : "the network does not";

                begin(&b);
                ops = *b.host->ops;
                if (way)
                        ops.uname = no_uname;
                else
                        ops.network = no_network;
                b.host->ops = &ops;
                answers_unset(b.answers, "network.interface");
                expect(engine_suggest(b.engine, b.answers, &e), ERROR_FAILED, &e, words);
                expect(engine_preflight(b.engine, b.answers, &f, &e), ERROR_FAILED, &e, words);
                expect(engine_plan(b.engine, b.answers, &plan, NULL, &e), ERROR_FAILED, &e, words);
                expect(engine_show_plan(b.engine, b.answers, &e), ERROR_FAILED, &e, words);
                expect(engine_apply(b.engine, b.answers, &e), ERROR_FAILED, &e, words);
        }
}

static void checks_that_cannot_look_do_not_stop_a_run(void **state)
{
        BENCH(b);
        struct host_ops ops;
        _cleanup_findings_ struct findings f = {0};

        begin(&b);
        ops = *b.host->ops;
        ops.listeners = no_listeners;
        ops.disk_free = no_disk;
        b.host->ops = &ops;
        assert_int_equal(engine_preflight(b.engine, b.answers, &f, NULL), 0);
        assert_false(findings_block(&f));
        assert_int_equal(findings_count(&f, FINDING_NOTE), 2);
}

static void a_service_manager_that_does_not_answer_stops_the_step(void **state)
{
        BENCH(b);
        struct host_ops ops;
        struct error *e = NULL;
        json_t *status;

        begin(&b);
        ops = *b.host->ops;
        ops.unit_show = no_unit;
        b.host->ops = &ops;
        expect(engine_apply(b.engine, b.answers, &e), ERROR_FAILED, &e, "systemd does not answer");
        assert_true(there(&b, DROPIN));
        status = engine_status(b.engine);
        assert_true(json_is_null(json_object_get(status, "unit")) ||
                    json_is_object(json_object_get(status, "unit")));
        assert_non_null(json_string_value(json_object_get(status, "error")));
        json_decref(status);
        again(&b);
        assert_int_equal(engine_rollback(b.engine, NULL, NULL), 0);
        assert_false(there(&b, "/etc/rancher"));
}

static void an_installer_that_cannot_be_started_is_undone(void **state)
{
        BENCH(b);
        struct host_ops ops;
        struct error *e = NULL;

        begin(&b);
        ops = *b.host->ops;
        ops.run = no_run;
        b.host->ops = &ops;
        b.options.on_failure = ON_FAILURE_ALL;
        engine_close(b.engine);
        assert_int_equal(engine_open(&b.options, b.host, &b.ui, &b.engine, NULL), 0);
        expect(engine_apply(b.engine, b.answers, &e), ERROR_FAILED, &e, "no process");
        assert_false(there(&b, "/usr/local/bin/k3s"));
        assert_false(there(&b, "/etc/rancher"));
        assert_false(there(&b, "/run/k3wizard"));
}

/* ---- other surroundings ---- */

static void nobody_listens_and_nobody_is_at_home(void **state)
{
        BENCH(b);
        json_t *summary;
        _cleanup_free_ char *text = NULL;

        begin(&b);
        close_engine(&b);
        open_engine(&b);
        engine_close(b.engine);
        b.ui = (struct ui){.event = NULL};
        b.options.user_home = NULL;
        b.options.user_name = NULL;
        assert_int_equal(engine_open(&b.options, b.host, &b.ui, &b.engine, NULL), 0);
        assert_int_equal(engine_show_plan(b.engine, b.answers, NULL), 0);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        summary = engine_summary(b.engine);
        assert_true(json_is_null(json_object_get(summary, "user_kubeconfig")));
        text = summary_text(summary);
        assert_null(strstr(text, ".kube"));
        json_decref(summary);
        assert_int_equal(engine_rollback(b.engine, NULL, NULL), 0);
}

static void a_kubeconfig_of_yours_is_never_replaced(void **state)
{
        BENCH(b);
        char *text = NULL;

        begin(&b);
        assert_int_equal(file_mkdirs(&b.host->root, "/home/student/.kube", 0700, NULL), 0);
        put(&b, "/home/student/.kube/config", "mine\n");
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        assert_int_equal(b.done, 8);
        again(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        assert_int_equal(engine_rollback(b.engine, NULL, NULL), 0);
        assert_int_equal(
                file_read(&b.host->root, "/home/student/.kube/config", 100, &text, NULL, NULL), 0);
        assert_string_equal(text, "mine\n");
        free(text);
}

static void no_plugin_of_ours_no_interface_for_it(void **state)
{
        BENCH(b);
        char *text = NULL;

        begin(&b);
        set(&b, "network.flannel_backend", "none");
        set(&b, "k3s.disable", "");
        set(&b, "k3s.node_name", "other");
        set(&b, "network.external_ip", "203.0.113.9");
        set(&b, "k3s.tls_san", "k3s-master,k3s.example");
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        assert_int_equal(file_read(&b.host->root, DROPIN, 4000, &text, NULL, NULL), 0);
        assert_null(strstr(text, "flannel-iface"));
        assert_non_null(strstr(text, "203.0.113.9"));
        assert_non_null(strstr(text, "k3s.example"));
        free(text);
}

static void places_that_cannot_be_a_state_directory(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        _cleanup_close_ int fd = -1;

        begin(&b);
        /* a file */
        fd = open(b.state_dir, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        engine_close(TAKE_PTR(b.engine));
        assert_true(engine_open(&b.options, b.host, &b.ui, &b.engine, &e) < 0);
        error_free(TAKE_PTR(e));
        /* a link */
        assert_int_equal(unlink(b.state_dir), 0);
        assert_int_equal(symlink("/tmp", b.state_dir), 0);
        assert_true(engine_open(&b.options, b.host, &b.ui, &b.engine, &e) < 0);
        error_free(TAKE_PTR(e));
        /* below a file */
        assert_int_equal(unlink(b.state_dir), 0);
        b.options.state_dir = "/dev/null/state";
        assert_int_equal(engine_open(&b.options, b.host, &b.ui, &b.engine, &e), 0);
        assert_true(engine_apply(b.engine, b.answers, &e) < 0);
        error_free(TAKE_PTR(e));
        assert_false(there(&b, "/etc/rancher"));
}

static void without_rights_it_says_whose_it_is(void **state)
{
        BENCH(b);
        struct error *e = NULL;
        json_t *status;

        if (geteuid() != 0)
                skip();
        begin(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        engine_close(TAKE_PTR(b.engine));
        assert_int_equal(chmod(b.directory, 0755), 0);
        assert_int_equal(seteuid(65534), 0);
        assert_int_equal(engine_open(&b.options, b.host, &b.ui, &b.engine, NULL), 0);
        status = engine_status(b.engine);
        assert_string_equal(json_string_value(json_object_get(status, "state")), "unknown");
        json_decref(status);
        expect(engine_resume(b.engine, &e), ERROR_FAILED, &e, "belongs to root");
        expect(engine_rollback(b.engine, NULL, &e), ERROR_FAILED, &e, "belongs to root");
        assert_int_equal(seteuid(0), 0);
}

static void steps_come_from_the_source_tree_when_nothing_is_installed(void **state)
{
        BENCH(b);
        struct procedure *p = NULL;
        struct error *e = NULL;

        begin(&b);
        engine_close(TAKE_PTR(b.engine));
        b.options.steps_dir = NULL;
        assert_int_equal(engine_open(&b.options, b.host, &b.ui, &b.engine, NULL), 0);
        assert_int_equal(engine_procedure(b.engine, "server", &p, NULL), 0);
        procedure_free(p);
        engine_close(TAKE_PTR(b.engine));
        b.options.steps_dir = "/no/such/steps";
        assert_int_equal(engine_open(&b.options, b.host, &b.ui, &b.engine, NULL), 0);
        expect(engine_procedure(b.engine, "server", &p, &e), ERROR_INVALID, &e, "no procedure");
}

static void two_conflicts_do_not_keep_the_rest_from_being_undone(void **state)
{
        BENCH(b);
        struct error *e = NULL;

        begin(&b);
        assert_int_equal(engine_apply(b.engine, b.answers, NULL), 0);
        put(&b, DROPIN, "mine: now\n");
        put(&b, "/home/student/.kube/config", "mine\n");
        again(&b);
        expect(engine_rollback(b.engine, NULL, &e), ERROR_ATTENTION, &e, "Could not undo");
        assert_false(there(&b, "/usr/local/bin/k3s"));
        assert_false(there(&b, "/var/lib/rancher"));
        again(&b);
        /* resume finishes what was being undone first, and meets them again */
        assert_true(engine_resume(b.engine, &e) < 0);
        assert_int_equal(e->kind, ERROR_ATTENTION);
        error_free(e);
}

/* ---- records that a journal should not hold ---- */

static void records_that_make_no_sense_are_passed_over(void **state)
{
        static const char *const records[] = {
                "{\"type\":\"step\",\"step\":\"no.such\",\"state\":\"done\"}",
                "{\"type\":\"step\",\"step\":\"server.binary\",\"state\":\"nonsense\"}",
                "{\"type\":\"step\"}",
                "{\"type\":\"intent\",\"step\":\"server.binary\",\"n\":77}",
                "{\"type\":\"intent\",\"step\":\"server.binary\",\"n\":-1}",
                "{\"type\":\"intent\",\"step\":\"server.binary\"}",
                "{\"type\":\"nonsense\",\"step\":\"server.binary\",\"n\":0}",
                "{\"nothing\":1}",
        };
        BENCH(b);
        struct journal *j = NULL;
        _cleanup_close_ int fd = -1;
        struct error *e = NULL;
        json_t *changes;

        begin(&b);
        b.cancel_at = 5;
        expect(engine_apply(b.engine, b.answers, &e), ERROR_INTERRUPTED, &e, "Interrupted");
        close_engine(&b);
        fd = open(b.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(journal_open(fd, false, &j, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(records); i++)
                assert_int_equal(journal_append(j, json_loads(records[i], 0, NULL), NULL), 0);
        journal_close(j);
        b.cancel = 0;
        b.cancel_at = 0;
        open_engine(&b);
        changes = engine_changes(b.engine);
        assert_true(json_array_size(changes) > 0);
        json_decref(changes);
        assert_int_equal(engine_resume(b.engine, NULL), 0);
        assert_int_equal(engine_rollback(b.engine, NULL, NULL), 0);
        assert_false(there(&b, "/etc/rancher"));
}

static void a_run_record_that_cannot_be_read_needs_a_person(void **state)
{
        static const char *const records[] = {
                "{\"type\":\"run\",\"plan\":{}}",
                "{\"type\":\"run\",\"plan\":{\"procedure\":\"p\",\"steps\":[]},\"answers\":\"[]\"}",
        };

        for (size_t i = 0; i < ARRAY_LEN(records); i++) {
                BENCH(b);
                struct journal *j = NULL;
                _cleanup_close_ int fd = -1;
                struct error *e = NULL;

                begin(&b);
                engine_close(TAKE_PTR(b.engine));
                assert_int_equal(mkdir(b.state_dir, 0700), 0);
                fd = open(b.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                assert_int_equal(journal_open(fd, false, &j, NULL), 0);
                assert_int_equal(journal_append(j, json_loads(records[i], 0, NULL), NULL), 0);
                journal_close(j);
                assert_true(engine_open(&b.options, b.host, &b.ui, &b.engine, &e) < 0);
                assert_non_null(strstr(e->message, "in the journal cannot be read"));
                error_free(e);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_run_from_nothing_to_done_and_back),
                cmocka_unit_test(other_answers_than_those_of_the_run_change_nothing),
                cmocka_unit_test(done_is_looked_at_again_not_believed),
                cmocka_unit_test(without_consent_nothing_is_touched),
                cmocka_unit_test(a_dry_run_ends_with_the_plan),
                cmocka_unit_test(blocking_findings_end_it_before_anything),
                cmocka_unit_test(suggests_what_is_not_ambiguous),
                cmocka_unit_test(a_failed_step_is_undone_and_the_rest_stands),
                cmocka_unit_test(three_failures_in_a_row_wait_for_a_person),
                cmocka_unit_test(a_person_at_the_terminal_chooses),
                cmocka_unit_test(interrupted_at_any_step_it_can_go_on_or_back),
                cmocka_unit_test(an_unfinished_run_goes_on_by_apply_only_with_its_own_answers),
                cmocka_unit_test(a_run_that_touched_nothing_is_in_nobodys_way),
                cmocka_unit_test(a_wrong_checksum_leaves_nothing_behind),
                cmocka_unit_test(goes_back_to_a_step_and_on_again),
                cmocka_unit_test(a_tree_of_another_program_comes_back),
                cmocka_unit_test(what_another_hand_changed_is_left_alone_and_told),
                cmocka_unit_test(what_was_there_before_is_there_again),
                cmocka_unit_test(two_at_once_are_one_too_many),
                cmocka_unit_test(a_damaged_journal_is_not_guessed_at),
                cmocka_unit_test(a_state_directory_open_to_others_is_refused),
                cmocka_unit_test(secrets_are_kept_in_files_of_their_own),
                cmocka_unit_test(steps_that_are_not_there_or_not_right_change_nothing),
                cmocka_unit_test(the_old_profile_is_blocked_where_it_cannot_work),
                cmocka_unit_test(a_machine_that_does_not_answer_is_told_and_nothing_changed),
                cmocka_unit_test(checks_that_cannot_look_do_not_stop_a_run),
                cmocka_unit_test(a_service_manager_that_does_not_answer_stops_the_step),
                cmocka_unit_test(an_installer_that_cannot_be_started_is_undone),
                cmocka_unit_test(nobody_listens_and_nobody_is_at_home),
                cmocka_unit_test(a_kubeconfig_of_yours_is_never_replaced),
                cmocka_unit_test(no_plugin_of_ours_no_interface_for_it),
                cmocka_unit_test(places_that_cannot_be_a_state_directory),
                cmocka_unit_test(without_rights_it_says_whose_it_is),
                cmocka_unit_test(steps_come_from_the_source_tree_when_nothing_is_installed),
                cmocka_unit_test(two_conflicts_do_not_keep_the_rest_from_being_undone),
                cmocka_unit_test(records_that_make_no_sense_are_passed_over),
                cmocka_unit_test(a_run_record_that_cannot_be_read_needs_a_person),
        };

        umask(077);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
