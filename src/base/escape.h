/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* escape: the one door through which foreign bytes reach a person.
 *
 * Foreign is every byte that is not from our own catalogue: what a server, a child, a file or an
 * answer said. Printable UTF-8 passes; control characters (C0, C1, DEL), invalid sequences,
 * surrogates, non-characters, bidirectional controls (Unicode TR 36, section 2.6), zero-width and
 * other format characters become \n, \t, \xNN or \u{NNNN}. */

#include "macro.h"

enum escape_flags {
        ESCAPE_LINES = 1 << 0, /* newlines and tabs pass, for text of several lines */
};

/* Returns a new string; the caller frees. bytes may hold NUL; NULL with len 0 gives "". */
char *escape_bytes(const void *bytes, size_t len, unsigned flags) _must_check_;

/* The same for a C string; NULL gives "". */
char *escape_text(const char *s) _must_check_;

/* Decodes one code point at s (end: one past the last byte). Returns its length in bytes, or
 * -EILSEQ. Overlong forms, surrogates and values above U+10FFFF are refused (RFC 3629). */
int utf8_decode(const char *s, const char *end, uint32_t *ret);

/* Whether a code point may reach a terminal or stand in an answers file: not a control, format,
 * bidirectional, surrogate or non-character. */
bool utf8_is_plain(uint32_t c);
