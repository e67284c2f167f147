/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "problem.h"
#include "escape.h"
#include "str.h"

void problems_add(
        struct problems *p, const char *file, int line, int column, const char *format, ...)
{
        struct problem *new;
        va_list ap;

        p->list = xrealloc(p->list, p->n + 1, sizeof(*p->list));
        new = &p->list[p->n++];
        *new = (struct problem){.file = xstrdup(file ? file : ""), .line = line, .column = column};
        va_start(ap, format);
        new->message = xvasprintf(*format ? _(format) : format, ap);
        va_end(ap);
        va_start(ap, format);
        new->plain = xvasprintf(format, ap);
        va_end(ap);
}

void problems_done(struct problems *p)
{
        for (size_t i = 0; i < p->n; i++) {
                free(p->list[i].file);
                free(p->list[i].message);
                free(p->list[i].plain);
        }
        free(p->list);
        *p = (struct problems){0};
}

static char *text_with(const struct problem *p, const char *message)
{
        _cleanup_free_ char *file = escape_text(p->file);

        if (p->line <= 0)
                return xasprintf("%s: %s", file, message);
        return xasprintf("%s:%d:%d: %s", file, p->line, p->column, message);
}

char *problem_text(const struct problem *p)
{
        return text_with(p, p->message);
}

/* By file, then position; equal positions keep the order in which they were found. */
static int compare(const void *a, const void *b)
{
        const struct problem *x = *(struct problem *const *) a, *y = *(struct problem *const *) b;
        int r = strcmp(x->file, y->file);

        if (r != 0)
                return r;
        if (x->line != y->line)
                return x->line < y->line ? -1 : 1;
        if (x->column != y->column)
                return x->column < y->column ? -1 : 1;
        return x < y ? -1 : x > y;
}

int problems_error(struct problems *p, struct error **err)
{
        _cleanup_strbuf_ struct strbuf message = {0}, plain = {0};
        _cleanup_free_ const struct problem **order = NULL;
        int r;

        if (p->n == 0)
                return 0;
        order = xcalloc(p->n, sizeof(*order));
        for (size_t i = 0; i < p->n; i++)
                order[i] = &p->list[i];
        qsort(order, p->n, sizeof(*order), compare);
        for (size_t i = 0; i < p->n; i++) {
                _cleanup_free_ char *translated = text_with(order[i], order[i]->message);
                _cleanup_free_ char *original = text_with(order[i], order[i]->plain);

                strbuf_addf(&message, "%s%s", i ? "\n" : "", translated);
                strbuf_addf(&plain, "%s%s", i ? "\n" : "", original);
        }
        r = error_kind(err, ERROR_INVALID, EINVAL, "%s", message.s);
        if (err)
                str_set(&(*err)->plain, plain.s);
        return r;
}
