/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table.h"
#include "width.h"

#define GAP       2
#define NARROWEST 6

void table_begin(struct table *t, size_t n_columns)
{
        *t = (struct table){.n_columns = n_columns};
}

void table_cell(struct table *t, const char *text)
{
        size_t n = strv_len(t->cells);

        strv_add(&t->cells, text ?: "");
        t->n_rows = n / t->n_columns + 1;
}

void table_cellf(struct table *t, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = xvasprintf(format, ap);
        va_end(ap);
        table_cell(t, text);
}

static void measure(const struct table *t, size_t columns, size_t indent, size_t *widths)
{
        size_t total = indent;

        for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
                size_t w = text_width(t->cells[i]);

                if (w > widths[i % t->n_columns])
                        widths[i % t->n_columns] = w;
        }
        for (size_t c = 0; c < t->n_columns; c++)
                total += widths[c] + (c ? GAP : 0);
        while (total > columns) {
                size_t widest = 0;

                for (size_t c = 1; c < t->n_columns; c++)
                        if (widths[c] > widths[widest])
                                widest = c;
                if (widths[widest] <= NARROWEST)
                        break;
                widths[widest]--;
                total--;
        }
}

static void add_cell(
        struct strbuf *b, const char *text, size_t width, bool right, bool last, bool utf8)
{
        _cleanup_free_ char *fit = text_fit(text, width, utf8);
        size_t have = text_width(fit);

        for (size_t i = have; right && i < width; i++)
                strbuf_putc(b, ' ');
        strbuf_puts(b, fit);
        for (size_t i = have; !right && !last && i < width; i++)
                strbuf_putc(b, ' ');
}

char *table_text(const struct table *t, const struct theme *theme, size_t indent)
{
        size_t widths[TABLE_COLUMNS_MAX] = {0};
        struct strbuf b = {0};

        measure(t, theme_columns(theme), indent, widths);
        for (size_t r = 0; r < t->n_rows; r++) {
                for (size_t i = 0; i < indent; i++)
                        strbuf_putc(&b, ' ');
                if (r == 0)
                        strbuf_puts(&b, theme_on(theme, MEANING_QUIET));
                for (size_t c = 0; c < t->n_columns; c++) {
                        for (int i = 0; c > 0 && i < GAP; i++)
                                strbuf_putc(&b, ' ');
                        add_cell(&b, t->cells[r * t->n_columns + c], widths[c], t->right[c],
                                c + 1 == t->n_columns, theme->utf8);
                }
                while (b.len > 0 && b.s[b.len - 1] == ' ')
                        b.s[--b.len] = '\0';
                if (r == 0)
                        strbuf_puts(&b, theme_off(theme));
                strbuf_putc(&b, '\n');
        }
        return strbuf_take(&b);
}

void table_done(struct table *t)
{
        strv_free(t->cells);
        *t = (struct table){0};
}
