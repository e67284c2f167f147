/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* problem: everything that is wrong with an input file, collected, so that a person mends a file
 * once and not error by error. */

#include "error.h"

struct problem {
        char *file;    /* as the user named it */
        int line;      /* from 1; 0: the file as a whole */
        int column;    /* from 1, in characters */
        char *message; /* translated */
        char *plain;
};

struct problems {
        struct problem *list;
        size_t n;
};

void problems_add(struct problems *p, const char *file, int line, int column, const char *format,
        ...) _printf_(5, 6);
void problems_done(struct problems *p);
#define _cleanup_problems_ _cleanup_(problems_done)

/* "FILE:LINE:COLUMN: message"; without a line "FILE: message". The caller frees. The file name is
 * escaped; messages are escaped where they quote. */
char *problem_text(const struct problem *p);

/* One error of kind ERROR_INVALID with all problems, a line each, sorted by line. Returns -EINVAL,
 * or 0 when there are none. */
int problems_error(struct problems *p, struct error **err);
