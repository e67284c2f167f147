/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "error.h"
#include "str.h"
#include <locale.h>

/* gettext("") answers with the header of the catalogue. */
static const char *translate(const char *format)
{
        return *format ? _(format) : format;
}

static _printf_(1, 0) char *format_both(const char *format, va_list ap, char **ret_plain)
{
        va_list again;
        char *message;

        va_copy(again, ap);
        message = xvasprintf(translate(format), ap);
        *ret_plain = xvasprintf(format, again);
        va_end(again);
        return message;
}

/* The system's words in English, for what is never translated. */
static const char *plain_strerror(int errnum)
{
        static locale_t c_locale;

        if (!c_locale)
                c_locale = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
        return c_locale ? strerror_l(errnum, c_locale) : "unknown reason";
}

static _printf_(5, 0) int error_fill(struct error **err, enum error_kind kind, int errnum,
        bool with_reason, const char *format, va_list ap)
{
        struct error *e;

        if (errnum <= 0)
                errnum = EIO;
        if (!err)
                return -errnum;
        e = xcalloc(1, sizeof(*e));
        e->kind = kind;
        e->errnum = errnum;
        e->message = format_both(format, ap, &e->plain);
        if (with_reason) {
                char *message = xasprintf("%s: %s", e->message, strerror(errnum));
                char *plain = xasprintf("%s: %s", e->plain, plain_strerror(errnum));

                free(e->message);
                free(e->plain);
                e->message = message;
                e->plain = plain;
        }
        /* Freed last: an argument may be the text of the error that is replaced. */
        error_free(*err);
        *err = e;
        return -errnum;
}

int error_set(struct error **err, int errnum, const char *format, ...)
{
        va_list ap;
        int r;

        va_start(ap, format);
        r = error_fill(err, ERROR_FAILED, errnum, false, format, ap);
        va_end(ap);
        return r;
}

int error_kind(struct error **err, enum error_kind kind, int errnum, const char *format, ...)
{
        va_list ap;
        int r;

        va_start(ap, format);
        r = error_fill(err, kind, errnum, false, format, ap);
        va_end(ap);
        return r;
}

int error_errno(struct error **err, int errnum, const char *format, ...)
{
        va_list ap;
        int r;

        va_start(ap, format);
        r = error_fill(err, ERROR_FAILED, errnum, true, format, ap);
        va_end(ap);
        return r;
}

int error_prefix(struct error **err, const char *format, ...)
{
        _cleanup_free_ char *message = NULL, *plain = NULL;
        struct error *e = err ? *err : NULL;
        char *joined;
        va_list ap;

        if (!e)
                return -EIO;
        va_start(ap, format);
        message = format_both(format, ap, &plain);
        va_end(ap);
        joined = xasprintf("%s: %s", message, e->message);
        free(e->message);
        e->message = joined;
        joined = xasprintf("%s: %s", plain, e->plain);
        free(e->plain);
        e->plain = joined;
        return -e->errnum;
}

void error_hint(struct error **err, const char *format, ...)
{
        struct error *e = err ? *err : NULL;
        char *hint, *plain;
        va_list ap;

        if (!e)
                return;
        va_start(ap, format);
        hint = format_both(format, ap, &plain);
        va_end(ap);
        free(e->hint);
        free(e->plain_hint);
        e->hint = hint;
        e->plain_hint = plain;
}

void error_set_kind(struct error **err, enum error_kind kind)
{
        if (err && *err)
                (*err)->kind = kind;
}

int error_move(struct error **dst, struct error *src)
{
        int r = src ? -src->errnum : -EIO;

        if (!dst) {
                error_free(src);
                return r;
        }
        if (*dst != src)
                error_free(*dst);
        *dst = src;
        return r;
}

const char *error_message(const struct error *e)
{
        return e && e->message ? e->message : _("unknown error");
}

const char *error_plain(const struct error *e)
{
        return e && e->plain ? e->plain : "unknown error";
}

void error_free(struct error *e)
{
        if (!e)
                return;
        free(e->message);
        free(e->plain);
        free(e->hint);
        free(e->plain_hint);
        free(e);
}
