/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* secret: bytes that are wiped when they are no longer needed, kept out of core dumps
 * (madvise(2) MADV_DONTDUMP) and, where the limit allows, out of swap (mlock(2)). */

#include "macro.h"

struct secret {
        char *bytes; /* NUL-terminated; NULL when empty */
        size_t len;
        size_t mapped;
};

void secret_set(struct secret *s, const char *bytes, size_t len);
void secret_done(struct secret *s); /* wipes */
#define _cleanup_secret_ _cleanup_(secret_done)

/* Wipes and frees an ordinary string that held a secret for a moment; NULL is fine. */
void secret_free_string(char *s);
