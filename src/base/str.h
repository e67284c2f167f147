/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* str: memory and strings.
 *
 * Running out of memory is not handled at every call. The allocators below call one handler, which
 * main() registers: it says so and ends the process at once. That is as safe as SIGKILL, which the
 * journal is made to survive (docs/architecture.md, "A run"), and it keeps a path that nobody
 * can test out of every function. */

#include "macro.h"
#include <stdarg.h>
#include <string.h>

/* Called when memory is exhausted; must not return. The default aborts. */
void memory_set_handler(void (*handler)(void));
/* Calls it. */
_Noreturn void memory_exhausted(void);

void *xcalloc(size_t n, size_t size) _must_check_;
/* readline(3) has an xrealloc() of its own, with other arguments, and calls it by that name. */
void *xrealloc(void *p, size_t n, size_t size) _must_check_ _hidden_;
char *xstrdup(const char *s) _must_check_; /* NULL gives NULL */
char *xstrndup(const char *s, size_t n) _must_check_;
char *xasprintf(const char *format, ...) _printf_(1, 2) _must_check_;
char *xvasprintf(const char *format, va_list ap) _printf_(1, 0) _must_check_;

/* Replaces *p by a copy of s (which may point into *p). */
void str_set(char **p, const char *s);

bool str_eq(const char *a, const char *b); /* NULL equals NULL only */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_in(const char *s, const char *const *list); /* list ends with NULL; a NULL list is empty */
char *str_strip(char *s);                            /* in place; returns its first non-space */

/* A growing buffer; zero-initialise it. buf.s is NUL-terminated once something was added, and may
 * be NULL before. May hold NUL bytes. */
struct strbuf {
        char *s;
        size_t len;
        size_t size;
};
void strbuf_add(struct strbuf *b, const void *bytes, size_t len);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *format, ...) _printf_(2, 3);
char *strbuf_take(struct strbuf *b); /* never NULL; the caller frees; b is empty then */
void strbuf_done(struct strbuf *b);
#define _cleanup_strbuf_ _cleanup_(strbuf_done)

/* NULL-terminated vectors of strings. A NULL vector is an empty one. */
size_t strv_len(char *const *v);
void strv_add(char ***v, const char *s); /* copies s */
void strv_addf(char ***v, const char *format, ...) _printf_(2, 3);
char **strv_copy(char *const *v);
bool strv_has(char *const *v, const char *s);
char **strv_split(const char *s, const char *separators); /* empty parts are dropped */
char *strv_join(char *const *v, const char *separator);
void strv_free(char **v);
static inline void strv_freep(char ***v)
{
        strv_free(*v);
}
#define _cleanup_strv_ _cleanup_(strv_freep)

/* The nearest of the candidates (NULL-terminated) to word by edit distance, or NULL when none is
 * near enough to be what was meant. */
const char *str_nearest(const char *word, const char *const *candidates);

/* Whole-string, decimal, in range; returns 0, -EINVAL or -ERANGE. */
int str_to_int(const char *s, int64_t min, int64_t max, int64_t *ret);

/* "10m", "90s", "8h", "1h30m", "2d" to milliseconds; returns 0 or -EINVAL. A bare number is
 * refused: nobody can tell its unit. */
int str_to_duration(const char *s, int64_t *ret_ms);
