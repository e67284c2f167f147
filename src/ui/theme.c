/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "theme.h"
#include <langinfo.h>
#include <sys/ioctl.h>

#define COLUMNS_DEFAULT 80
#define COLUMNS_LEAST   40
#define COLUMNS_MOST    100

static const struct {
        const char *on, *sign, *ascii;
} looks[] = {
        [MEANING_OK] = {"\033[32m", "✓", "+"},
        [MEANING_NOTE] = {"\033[36m", "·", "."},
        [MEANING_WARN] = {"\033[33m", "!", "!"},
        [MEANING_STOP] = {"\033[31m", "✗", "x"},
        [MEANING_RUNNING] = {"\033[36m", "●", ">"},
        [MEANING_UNDONE] = {"\033[33m", "↶", "<"},
        [MEANING_SKIPPED] = {"\033[2m", "–", "-"},
        [MEANING_TITLE] = {"\033[1m", "", ""},
        [MEANING_QUIET] = {"\033[2m", "", ""},
};

void theme_detect(struct theme *t, FILE *stream, enum color_choice color, bool accessible)
{
        const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
        bool dumb = !term || !*term || str_eq(term, "dumb");
        struct winsize size = {0};

        *t = (struct theme){.terminal = isatty(fileno(stream)), .columns = COLUMNS_DEFAULT};
        t->accessible = accessible || (t->terminal && dumb);
        t->utf8 = str_eq(nl_langinfo(CODESET), "UTF-8");
        t->redraw = t->terminal && !t->accessible;
        t->color = color == COLOR_ALWAYS ||
                   (color == COLOR_AUTO && t->terminal && !dumb && !(no_color && *no_color));
        if (t->terminal && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                t->columns = size.ws_col;
}

const char *theme_on(const struct theme *t, enum meaning m)
{
        return t->color ? looks[m].on : "";
}

const char *theme_off(const struct theme *t)
{
        return t->color ? "\033[0m" : "";
}

const char *theme_sign(const struct theme *t, enum meaning m)
{
        return t->utf8 ? looks[m].sign : looks[m].ascii;
}

size_t theme_columns(const struct theme *t)
{
        if (t->columns < COLUMNS_LEAST)
                return COLUMNS_LEAST;
        return t->columns > COLUMNS_MOST ? COLUMNS_MOST : t->columns;
}
