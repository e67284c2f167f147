/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _XOPEN_SOURCE 700
#include "width.h"
#include "../base/escape.h"
#include <wchar.h>

/* Columns of the character at s; *ret_len: its bytes. */
static size_t one(const char *s, const char *end, size_t *ret_len)
{
        uint32_t c = 0;
        int len = utf8_decode(s, end, &c), width;

        if (len <= 0) {
                *ret_len = 1;
                return 1;
        }
        *ret_len = (size_t) len;
        if (c < 0x80)
                return 1;
        width = wcwidth((wchar_t) c);
        return width < 0 ? 1 : (size_t) width;
}

size_t text_width(const char *s)
{
        const char *end = s + strlen(s);
        size_t width = 0, len;

        for (; s < end; s += len)
                width += one(s, end, &len);
        return width;
}

char *text_fit(const char *s, size_t columns, bool utf8)
{
        const char *end = s + strlen(s), *p = s;
        const char *ellipsis = utf8 ? "…" : "...";
        size_t mark = utf8 ? 1 : 3, width = 0, len;

        if (text_width(s) <= columns)
                return xstrdup(s);
        if (columns < mark)
                return xstrdup("");
        for (; p < end; p += len) {
                size_t w = one(p, end, &len);

                if (width + w + mark > columns)
                        break;
                width += w;
        }
        return xasprintf("%.*s%s", (int) (p - s), s, ellipsis);
}

void text_pad(struct strbuf *b, const char *text, size_t columns)
{
        size_t width = text_width(text);

        strbuf_puts(b, text);
        while (width++ < columns)
                strbuf_putc(b, ' ');
}

static void begin_line(struct strbuf *b, size_t indent)
{
        strbuf_putc(b, '\n');
        for (size_t i = 0; i < indent; i++)
                strbuf_putc(b, ' ');
}

void text_wrap(struct strbuf *b, const char *text, size_t at, size_t indent, size_t columns)
{
        bool fresh = true;

        while (*text) {
                size_t n = strcspn(text, " \n"), width;
                _cleanup_free_ char *word = xstrndup(text, n);

                width = text_width(word);
                if (n > 0 && !fresh && at + 1 + width > columns) {
                        begin_line(b, indent);
                        at = indent;
                        fresh = true;
                }
                if (n > 0) {
                        if (!fresh) {
                                strbuf_putc(b, ' ');
                                at++;
                        }
                        strbuf_puts(b, word);
                        at += width;
                        fresh = false;
                }
                text += n;
                if (*text == '\n' && text[1]) {
                        begin_line(b, indent);
                        at = indent;
                        fresh = true;
                }
                if (*text)
                        text++;
        }
        strbuf_putc(b, '\n');
}
