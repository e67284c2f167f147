/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* theme: meaning, and how it looks. Sign and word carry it; colour only underlines. */

#include "../base/str.h"
#include <stdio.h>

enum meaning {
        MEANING_OK,
        MEANING_NOTE,
        MEANING_WARN,
        MEANING_STOP,
        MEANING_RUNNING,
        MEANING_UNDONE,
        MEANING_SKIPPED,
        MEANING_TITLE, /* no sign */
        MEANING_QUIET, /* no sign */
};

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct theme {
        bool color;
        bool utf8;
        bool redraw; /* a line may be written over */
        bool terminal;
        bool accessible;
        size_t columns;
};

/* Looks at the stream, TERM, NO_COLOR (no-color.org) and the locale's character set. */
void theme_detect(struct theme *t, FILE *stream, enum color_choice color, bool accessible);

/* Sequences around a coloured text; "" without colour. */
const char *theme_on(const struct theme *t, enum meaning m);
const char *theme_off(const struct theme *t);
/* One column wide; "" for a meaning without a sign. */
const char *theme_sign(const struct theme *t, enum meaning m);
/* Room for text: never wider than is good to read. */
size_t theme_columns(const struct theme *t);
