/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "str.h"
#include <ctype.h>
#include <stdio.h>

static void (*exhausted_handler)(void);

void memory_set_handler(void (*handler)(void))
{
        exhausted_handler = handler;
}

void memory_exhausted(void)
{
        if (exhausted_handler)
                exhausted_handler();
        abort();
}

void *xcalloc(size_t n, size_t size)
{
        void *p = calloc(n ? n : 1, size ? size : 1);

        if (!p)
                memory_exhausted();
        return p;
}

void *xrealloc(void *p, size_t n, size_t size)
{
        size_t bytes;
        void *q;

        if (__builtin_mul_overflow(n, size, &bytes))
                memory_exhausted();
        q = realloc(p, bytes ? bytes : 1);
        if (!q)
                memory_exhausted();
        return q;
}

char *xstrdup(const char *s)
{
        return s ? xstrndup(s, strlen(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
        size_t len = strnlen(s, n);
        char *copy = xcalloc(len + 1, 1);

        memcpy(copy, s, len);
        return copy;
}

char *xvasprintf(const char *format, va_list ap)
{
        char *s = NULL;

        if (vasprintf(&s, format, ap) < 0)
                memory_exhausted();
        return s;
}

char *xasprintf(const char *format, ...)
{
        va_list ap;
        char *s;

        va_start(ap, format);
        s = xvasprintf(format, ap);
        va_end(ap);
        return s;
}

void str_set(char **p, const char *s)
{
        char *copy = xstrdup(s);

        free(*p);
        *p = copy;
}

bool str_eq(const char *a, const char *b)
{
        if (!a || !b)
                return a == b;
        return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
        return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
        size_t len = s ? strlen(s) : 0, tail = strlen(suffix);

        return s && len >= tail && strcmp(s + len - tail, suffix) == 0;
}

bool str_in(const char *s, const char *const *list)
{
        for (; s && list && *list; list++)
                if (strcmp(s, *list) == 0)
                        return true;
        return false;
}

/* isspace() of the C locale: what counts as white space does not change with LANG. */
static bool is_space(char c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

char *str_strip(char *s)
{
        size_t len;

        while (is_space(*s))
                s++;
        for (len = strlen(s); len > 0 && is_space(s[len - 1]); len--)
                s[len - 1] = '\0';
        return s;
}

static void strbuf_reserve(struct strbuf *b, size_t more)
{
        size_t want, size = b->size ? b->size : 64;

        if (__builtin_add_overflow(b->len, more, &want) || want > SIZE_MAX / 4)
                memory_exhausted();
        want++;
        if (want <= b->size)
                return;
        while (size < want)
                size *= 2;
        b->s = xrealloc(b->s, size, 1);
        b->size = size;
}

void strbuf_add(struct strbuf *b, const void *bytes, size_t len)
{
        strbuf_reserve(b, len);
        if (len > 0)
                memcpy(b->s + b->len, bytes, len);
        b->len += len;
        b->s[b->len] = '\0';
}

void strbuf_puts(struct strbuf *b, const char *s)
{
        strbuf_add(b, s, strlen(s));
}

void strbuf_putc(struct strbuf *b, char c)
{
        strbuf_add(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *format, ...)
{
        _cleanup_free_ char *s = NULL;
        va_list ap;
        int len;

        va_start(ap, format);
        len = vasprintf(&s, format, ap);
        va_end(ap);
        if (len < 0) {
                s = NULL;
                memory_exhausted();
        }
        strbuf_add(b, s, (size_t) len);
}

char *strbuf_take(struct strbuf *b)
{
        char *s = b->s ? b->s : xstrdup("");

        *b = (struct strbuf){0};
        return s;
}

void strbuf_done(struct strbuf *b)
{
        free(b->s);
        *b = (struct strbuf){0};
}

size_t strv_len(char *const *v)
{
        size_t n = 0;

        while (v && v[n])
                n++;
        return n;
}

/* Takes s. */
static void strv_push(char ***v, char *s)
{
        size_t n = strv_len(*v);

        *v = xrealloc(*v, n + 2, sizeof(char *));
        (*v)[n] = s;
        (*v)[n + 1] = NULL;
}

void strv_add(char ***v, const char *s)
{
        strv_push(v, xstrdup(s ? s : ""));
}

void strv_addf(char ***v, const char *format, ...)
{
        va_list ap;
        char *s;

        va_start(ap, format);
        s = xvasprintf(format, ap);
        va_end(ap);
        strv_push(v, s);
}

char **strv_copy(char *const *v)
{
        char **copy = NULL;

        for (; v && *v; v++)
                strv_add(&copy, *v);
        return copy;
}

bool strv_has(char *const *v, const char *s)
{
        for (; s && v && *v; v++)
                if (strcmp(*v, s) == 0)
                        return true;
        return false;
}

char **strv_split(const char *s, const char *separators)
{
        char **v = NULL;

        while (s && *s) {
                size_t len = strcspn(s, separators);

                if (len > 0)
                        strv_push(&v, xstrndup(s, len));
                s += len;
                s += strspn(s, separators);
        }
        return v;
}

char *strv_join(char *const *v, const char *separator)
{
        struct strbuf b = {0};

        for (size_t i = 0; v && v[i]; i++) {
                if (i > 0)
                        strbuf_puts(&b, separator);
                strbuf_puts(&b, v[i]);
        }
        return strbuf_take(&b);
}

void strv_free(char **v)
{
        for (size_t i = 0; v && v[i]; i++)
                free(v[i]);
        free(v);
}

static size_t min3(size_t a, size_t b, size_t c)
{
        size_t m = a < b ? a : b;

        return m < c ? m : c;
}

static bool same_letter(char a, char b)
{
        return tolower((unsigned char) a) == tolower((unsigned char) b);
}

/* Optimal string alignment: insert, delete, replace, and swap of neighbours each count one, because
 * swapped letters are the most common slip of the fingers. */
static size_t edit_distance(const char *a, size_t la, const char *b, size_t lb)
{
        size_t width = lb + 1;
        _cleanup_free_ size_t *rows = xcalloc(3 * width, sizeof(size_t));
        size_t *before = rows, *last = rows + width, *now = rows + 2 * width;

        for (size_t j = 0; j <= lb; j++)
                last[j] = j;
        for (size_t i = 1; i <= la; i++) {
                size_t *swap = before;

                now[0] = i;
                for (size_t j = 1; j <= lb; j++) {
                        size_t cost = same_letter(a[i - 1], b[j - 1]) ? 0 : 1;

                        now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
                        if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                                same_letter(a[i - 2], b[j - 1]) && before[j - 2] + 1 < now[j])
                                now[j] = before[j - 2] + 1;
                }
                before = last;
                last = now;
                now = swap;
        }
        return last[lb];
}

const char *str_nearest(const char *word, const char *const *candidates)
{
        const char *best = NULL;
        size_t best_distance = SIZE_MAX, len = word ? strlen(word) : 0;

        /* No name of ours is longer; the time for a hostile word stays bounded. */
        if (len == 0 || len > 128)
                return NULL;
        for (; candidates && *candidates; candidates++) {
                size_t other = strlen(*candidates);
                size_t longer = len > other ? len : other;
                size_t allowed = longer / 3 ? longer / 3 : 1;
                size_t distance = edit_distance(word, len, *candidates, other);

                /* Two words without a letter in common are never near. */
                if (distance > allowed || distance >= longer || distance >= best_distance)
                        continue;
                best = *candidates;
                best_distance = distance;
        }
        return best;
}

int str_to_int(const char *s, int64_t min, int64_t max, int64_t *ret)
{
        bool negative, digits = false, over = false;
        int64_t value = 0;

        if (!s)
                return -EINVAL;
        negative = *s == '-';
        for (s += negative ? 1 : 0; *s >= '0' && *s <= '9'; s++) {
                int digit = *s - '0';

                digits = true;
                /* Counted downwards: INT64_MIN has no positive twin. */
                over = over || __builtin_mul_overflow(value, 10, &value) ||
                       __builtin_sub_overflow(value, digit, &value);
        }
        if (!digits || *s)
                return -EINVAL;
        if (!negative)
                over = over || __builtin_sub_overflow(0, value, &value);
        if (over || value < min || value > max)
                return -ERANGE;
        *ret = value;
        return 0;
}

static const struct {
        char unit;
        int64_t ms;
} duration_units[] = {{'d', 86400000}, {'h', 3600000}, {'m', 60000}, {'s', 1000}};

int str_to_duration(const char *s, int64_t *ret_ms)
{
        int64_t total = 0;
        size_t next = 0;

        if (!s || !*s)
                return -EINVAL;
        while (*s) {
                int64_t number = 0, part;
                const char *start = s;

                for (; *s >= '0' && *s <= '9'; s++)
                        if (__builtin_mul_overflow(number, 10, &number) ||
                                __builtin_add_overflow(number, *s - '0', &number))
                                return -EINVAL;
                if (s == start)
                        return -EINVAL;
                /* Units go from large to small and come once: "5m1h" is a slip, not a time. */
                while (next < ARRAY_LEN(duration_units) && duration_units[next].unit != *s)
                        next++;
                if (next == ARRAY_LEN(duration_units))
                        return -EINVAL;
                if (__builtin_mul_overflow(number, duration_units[next++].ms, &part) ||
                        __builtin_add_overflow(total, part, &total))
                        return -EINVAL;
                s++;
        }
        *ret_ms = total;
        return 0;
}
