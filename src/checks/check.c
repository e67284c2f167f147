/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check.h"
#include "../base/str.h"
#include "families.h"

const struct check *const check_families[] = {
        checks_system, checks_network, checks_k3s, checks_profile, NULL};

const char *severity_name(enum severity s)
{
        static const char *const names[] = {
                [FINDING_OK] = "ok",
                [FINDING_NOTE] = "note",
                [FINDING_WARN] = "warn",
                [FINDING_BLOCK] = "block",
        };

        return names[s];
}

void finding_add(
        struct findings *f, const struct check *check, enum severity s, const char *format, ...)
{
        struct finding *one;
        va_list ap;

        f->list = xrealloc(f->list, f->n + 1, sizeof(*f->list));
        one = &f->list[f->n++];
        *one = (struct finding){.check = check->id, .severity = s};
        va_start(ap, format);
        one->message = xvasprintf(_(format), ap);
        va_end(ap);
        va_start(ap, format);
        one->plain = xvasprintf(format, ap);
        va_end(ap);
}

void finding_fix(struct findings *f, const char *format, ...)
{
        struct finding *one = &f->list[f->n - 1];
        va_list ap;

        free(one->fix);
        free(one->plain_fix);
        va_start(ap, format);
        one->fix = xvasprintf(_(format), ap);
        va_end(ap);
        va_start(ap, format);
        one->plain_fix = xvasprintf(format, ap);
        va_end(ap);
}

void findings_done(struct findings *f)
{
        for (size_t i = 0; i < f->n; i++) {
                free(f->list[i].message);
                free(f->list[i].plain);
                free(f->list[i].fix);
                free(f->list[i].plain_fix);
        }
        free(f->list);
        *f = (struct findings){0};
}

bool findings_block(const struct findings *f)
{
        return findings_count(f, FINDING_BLOCK) > 0;
}

size_t findings_count(const struct findings *f, enum severity s)
{
        size_t n = 0;

        for (size_t i = 0; i < f->n; i++)
                n += f->list[i].severity == s;
        return n;
}

/* Worst first; the order of the table otherwise. */
static void sort(struct findings *f)
{
        for (size_t i = 1; i < f->n; i++) {
                struct finding one = f->list[i];
                size_t k = i;

                for (; k > 0 && f->list[k - 1].severity < one.severity; k--)
                        f->list[k] = f->list[k - 1];
                f->list[k] = one;
        }
}

void checks_run(const struct check_context *c, struct findings *ret)
{
        for (size_t i = 0; check_families[i]; i++)
                for (const struct check *check = check_families[i]; check->id; check++)
                        if (!check->applies || check->applies(c))
                                check->run(c, check, ret);
        sort(ret);
}

/* ---- what the families share ---- */

bool check_has(const struct check_context *c, const char *path)
{
        _cleanup_file_state_ struct file_state s = {0};

        return file_state(&c->host->root, path, false, &s, NULL) >= 0 && s.kind != FILE_ABSENT;
}

char *check_read(const struct check_context *c, const char *path, size_t limit)
{
        return host_fact(c->host, path, limit, NULL);
}

bool check_server(const struct check_context *c)
{
        return str_eq(answers_get(c->answers, "role"), "server");
}

bool check_at_least(const struct check_context *c, int major, int minor)
{
        const char *version =
                c->release ? c->release->version : answers_get(c->answers, "k3s.version");
        int have_major = 0, have_minor = 0;

        /* A channel that could not be resolved is a current one. */
        if (!version || k3s_version_parse(version, &have_major, &have_minor) < 0)
                return true;
        return have_major > major || (have_major == major && have_minor >= minor);
}
