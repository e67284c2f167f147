/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The state directory: who may use it, who does, and what the journal says happened in it. */

#include "internal.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char *text_of(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

/* ---- replay ---- */

static void reset_actions(struct run *run, size_t i)
{
        for (size_t k = 0; k < run->plan->steps[i].n_actions; k++) {
                struct run_action *a = &run->steps[i].actions[k];

                json_decref(a->intent);
                json_decref(a->done);
                *a = (struct run_action){0};
        }
        json_array_clear(run->steps[i].acquired);
}

void run_free(struct run *run)
{
        if (!run)
                return;
        for (size_t i = 0; run->steps && i < run->plan->n; i++) {
                reset_actions(run, i);
                json_decref(run->steps[i].acquired);
                free(run->steps[i].actions);
                free(run->steps[i].error);
        }
        free(run->steps);
        free(run->id);
        free(run->started);
        free(run->yaml);
        plan_free(run->plan);
        json_decref(run->facts);
        answers_free(run->answers);
        free(run);
}
CLEANUP_FUNC(struct run, run_free);

static int replay_run(const json_t *record, struct run **ret, struct error **err)
{
        _cleanup_(run_freep) struct run *run = xcalloc(1, sizeof(*run));
        _cleanup_problems_ struct problems problems = {0};
        const char *yaml = text_of(record, "answers");
        int r = plan_from_json(json_object_get(record, "plan"), action_verbs(), &run->plan, err);

        if (r < 0)
                return error_prefix(err, "The plan in the journal cannot be read");
        run->answers = answers_new();
        if (yaml && answers_load(run->answers, "journal", yaml, strlen(yaml), &problems) < 0) {
                (void) problems_error(&problems, err);
                return error_prefix(err, "The answers in the journal cannot be read");
        }
        run->yaml = xstrdup(yaml ?: "");
        run->id = xstrdup(text_of(record, "run") ?: "");
        run->started = xstrdup(text_of(record, "time") ?: "");
        run->facts = json_incref(json_object_get(record, "facts"));
        run->steps = xcalloc(run->plan->n + 1, sizeof(*run->steps));
        for (size_t i = 0; i < run->plan->n; i++) {
                run->steps[i].actions =
                        xcalloc(run->plan->steps[i].n_actions + 1, sizeof(*run->steps[i].actions));
                run->steps[i].acquired = json_array();
        }
        run->phase = RUN_UNFINISHED;
        *ret = TAKE_PTR(run);
        return 0;
}

static void replay_state(struct run *run, size_t i, const json_t *record)
{
        struct run_step *s = &run->steps[i];

        if (step_state_parse(text_of(record, "state"), &s->state) < 0)
                return;
        if (s->state == STEP_DOING)
                s->attempts++;
        if (s->state == STEP_DONE) {
                s->attempts = 0;
                s->seconds = json_number_value(json_object_get(record, "seconds"));
        }
        if (json_is_true(json_object_get(record, "interrupted")) && s->attempts > 0)
                s->attempts--;
        if (text_of(record, "error"))
                str_set(&s->error, text_of(record, "error"));
        if (s->state == STEP_UNDONE)
                reset_actions(run, i);
        if (s->state == STEP_UNDOING || s->state == STEP_DOING)
                run->phase = RUN_UNFINISHED;
}

static void replay_action(struct run *run, size_t i, const char *type, const json_t *record)
{
        json_t *n = json_object_get(record, "n");
        struct run_action *a;

        if (!json_is_integer(n) || json_integer_value(n) < 0 ||
                (size_t) json_integer_value(n) >= run->plan->steps[i].n_actions)
                return;
        a = &run->steps[i].actions[json_integer_value(n)];
        if (str_eq(type, "intent")) {
                json_decref(a->intent);
                a->intent = json_incref(json_object_get(record, "intent"));
                json_decref(a->done);
                a->done = NULL;
                a->undone = false;
        } else if (str_eq(type, "done")) {
                json_decref(a->done);
                a->done = json_incref(json_object_get(record, "done"));
        } else if (str_eq(type, "undone")) {
                a->undone = true;
        }
}

static void replay_record(struct run *run, const json_t *record)
{
        const char *type = text_of(record, "type"), *id = text_of(record, "step");
        size_t i = 0;

        if (str_eq(type, "end")) {
                run->phase =
                        str_eq(text_of(record, "state"), "committed") ? RUN_COMMITTED : RUN_NONE;
                return;
        }
        if (!id || !plan_find(run->plan, id, &i))
                return;
        if (str_eq(type, "step"))
                replay_state(run, i, record);
        else if (str_eq(type, "acquired"))
                json_array_append(run->steps[i].acquired, json_object_get(record, "done"));
        else
                replay_action(run, i, type, record);
}

static void settle_phase(struct run *run)
{
        for (size_t i = 0; i < run->plan->n; i++)
                if (run->steps[i].state == STEP_ATTENTION && run->phase == RUN_UNFINISHED)
                        run->phase = RUN_ATTENTION;
}

int run_replay(struct engine *e, const struct journal *j, struct run **ret, struct error **err)
{
        _cleanup_(run_freep) struct run *run = NULL;

        for (size_t k = 0; k < journal_len(j); k++) {
                const json_t *record = journal_record(j, k);

                if (str_eq(text_of(record, "type"), "run")) {
                        int r;

                        run_free(run);
                        run = NULL;
                        r = replay_run(record, &run, err);
                        if (r < 0)
                                return r;
                } else if (run) {
                        replay_record(run, record);
                }
        }
        if (run)
                settle_phase(run);
        *ret = TAKE_PTR(run);
        return 0;
}

int run_record(struct engine *e, json_t *record, struct error **err)
{
        int r;

        json_incref(record);
        r = journal_append(e->journal, record, err);
        if (r == 0 && e->run)
                replay_record(e->run, record);
        json_decref(record);
        return r;
}

/* ---- directory and lock ---- */

static int check_owner(struct engine *e, struct error **err)
{
        struct stat st;

        if (fstat(e->state_fd, &st) < 0)
                return error_errno(err, errno, "Could not look at %s", e->options.state_dir);
        if (st.st_uid != geteuid() || (st.st_mode & 077)) {
                error_kind(err, ERROR_ATTENTION, EPERM,
                        "%s is not a private directory of this user (owner %d, mode %04o)",
                        e->options.state_dir, (int) st.st_uid, st.st_mode & 07777);
                error_hint(err, "It must belong to you and have mode 0700.");
                return -EPERM;
        }
        return 0;
}

static int open_directory(struct engine *e, struct error **err)
{
        struct fsroot root = {.fd = -1};
        _cleanup_close_ int parent = -1;
        const char *name = NULL;
        int r = fsroot_open("/", false, &root, err);

        if (r < 0)
                return r;
        parent = file_open_parent(&root, e->options.state_dir, &name, NULL);
        fsroot_close(&root);
        if (parent < 0)
                return -ENOENT;
        e->state_fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (e->state_fd < 0 && errno == ENOENT)
                return -ENOENT;
        if (e->state_fd < 0 && errno == EACCES)
                return -EACCES;
        if (e->state_fd < 0)
                return error_errno(err, errno, "Could not open %s", e->options.state_dir);
        return check_owner(e, err);
}

static int take_lock(struct engine *e, struct error **err)
{
        char pid[32] = {0};
        ssize_t n;

        if (e->lock_fd >= 0)
                return 0;
        e->lock_fd = openat(e->state_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (e->lock_fd < 0)
                return error_errno(
                        err, errno, "Could not open the lock in %s", e->options.state_dir);
        if (flock(e->lock_fd, LOCK_EX | LOCK_NB) < 0) {
                int saved = errno;

                n = pread(e->lock_fd, pid, sizeof(pid) - 1, 0);
                closep(&e->lock_fd);
                e->lock_fd = -1;
                if (saved != EWOULDBLOCK)
                        return error_errno(err, saved, "Could not lock %s", e->options.state_dir);
                error_kind(err, ERROR_LOCKED, EWOULDBLOCK,
                        "Another k3wizard is at work here (process %d)", n > 0 ? atoi(pid) : 0);
                error_hint(err, "Wait for it, or look: k3wizard status");
                return -EWOULDBLOCK;
        }
        /* Only for the message above; the lock is the open file, so a stale number does no harm. */
        (void) !ftruncate(e->lock_fd, 0);
        n = snprintf(pid, sizeof(pid), "%d\n", (int) getpid());
        (void) !pwrite(e->lock_fd, pid, (size_t) n, 0);
        return 0;
}

static int open_below(struct engine *e, const char *name, int *fd, struct error **err)
{
        if (*fd >= 0)
                return 0;
        if (mkdirat(e->state_fd, name, 0700) < 0 && errno != EEXIST)
                return error_errno(err, errno, "Could not make %s/%s", e->options.state_dir, name);
        *fd = openat(e->state_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (*fd < 0)
                return error_errno(err, errno, "Could not open %s/%s", e->options.state_dir, name);
        return 0;
}

static int replay(struct engine *e, struct error **err)
{
        struct run *run = NULL;
        int r = run_replay(e, e->journal, &run, err);

        if (r < 0)
                return r;
        run_free(e->run);
        e->run = run;
        return 0;
}

int state_look(struct engine *e, struct error **err)
{
        int r = open_directory(e, err);

        if (r == -ENOENT)
                return 0;
        /* Looking around needs no rights; what does need them will say so. */
        if (r == -EACCES) {
                e->denied = true;
                return 0;
        }
        if (r < 0)
                return r;
        r = journal_open(e->state_fd, true, &e->journal, err);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r : replay(e, err);
}

int state_lock_if_there(struct engine *e, struct error **err)
{
        if (e->state_fd < 0)
                return 0;
        return take_lock(e, err);
}

int state_begin(struct engine *e, struct error **err)
{
        struct fsroot root = {.fd = -1};
        int r;

        if (e->state_fd < 0) {
                r = fsroot_open("/", false, &root, err);
                if (r < 0)
                        return r;
                r = file_mkdirs(&root, e->options.state_dir, 0700, err);
                fsroot_close(&root);
                if (r == 0)
                        r = open_directory(e, err);
                if (r < 0)
                        return r == -ENOENT || r == -EACCES ?
                                       error_set(
                                               err, -r, "Could not make %s", e->options.state_dir) :
                                       r;
        }
        r = take_lock(e, err);
        if (r == 0)
                r = open_below(e, "images", &e->images_fd, err);
        if (r == 0)
                r = open_below(e, "cache", &e->cache_fd, err);
        if (r < 0)
                return r;
        /* What was read without the lock may be old by now. */
        journal_close(e->journal);
        e->journal = NULL;
        r = journal_open(e->state_fd, false, &e->journal, err);
        return r < 0 ? r : replay(e, err);
}

int state_write(struct engine *e, const char *name, const char *text, struct error **err)
{
        struct fsroot root = {.fd = e->state_fd, .confined = true};
        _cleanup_free_ char *path = xasprintf("/%s", name);

        return file_write(&root, path, text, strlen(text), FILE_OWNER_OURS(0600), err);
}

void state_close(struct engine *e)
{
        journal_close(e->journal);
        run_free(e->run);
        closep(&e->images_fd);
        closep(&e->cache_fd);
        closep(&e->lock_fd);
        closep(&e->state_fd);
}
