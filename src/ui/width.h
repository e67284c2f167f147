/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* width: how much room text takes on a terminal. Text is UTF-8; what is not counts one column a
 * byte. Widths: wcwidth(3) for wide and combining characters where the locale knows them. */

#include "../base/str.h"

size_t text_width(const char *s);
/* At most `columns` wide, with an ellipsis (or "...") where it was cut. The caller frees. */
char *text_fit(const char *s, size_t columns, bool utf8) _must_check_;
/* Adds text, wrapped at spaces within `columns`; every line but the first is indented. at: the
 * column where the first line begins. Newlines in the text begin new lines. Ends with one. */
void text_wrap(struct strbuf *b, const char *text, size_t at, size_t indent, size_t columns);
/* Adds text and blanks up to `columns`. */
void text_pad(struct strbuf *b, const char *text, size_t columns);
