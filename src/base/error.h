/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* error: what was attempted, on what, why it failed, and what to type next.
 *
 * An error carries its text twice: as the person reads it (through gettext) and as it was written
 * in the source, for the journal, the log and JSON, which are never translated. Format strings are
 * given bare: xgettext knows these functions by name (locales/meson.build).
 *
 * Convention of the whole program: a function that can fail returns 0 (or a count) on success and a
 * negative errno value on failure, and then has filled *err when err is not NULL. Outputs named
 * ret_… are untouched on failure. */

#include "macro.h"
#include <stdarg.h>

/* The kind decides the exit code (docs/contract: the numbers are public). */
enum error_kind {
        ERROR_FAILED = 1,      /* did not work; undone as asked; resumable */
        ERROR_USAGE = 2,       /* the command line is wrong */
        ERROR_INVALID = 3,     /* answers or step files are wrong; nothing changed */
        ERROR_BLOCKED = 4,     /* a check says no; nothing changed */
        ERROR_ATTENTION = 5,   /* needs a person */
        ERROR_LOCKED = 6,      /* another k3wizard holds the lock */
        ERROR_INTERRUPTED = 7, /* a signal or a lost terminal; resumable */
        ERROR_UNHEALTHY = 8,   /* verify found the cluster unhealthy */
};

struct error {
        enum error_kind kind;
        int errnum;    /* positive errno value, never 0 */
        char *message; /* translated, no trailing newline */
        char *plain;   /* the same, untranslated */
        char *hint;    /* what to type next, translated; or NULL */
        char *plain_hint;
};

/* Fills *err (when err is not NULL; an error already there is replaced) with kind ERROR_FAILED.
 * errnum: a positive errno value. Returns -errnum. */
int error_set(struct error **err, int errnum, const char *format, ...) _printf_(3, 4);

/* The same with a kind. */
int error_kind(struct error **err, enum error_kind kind, int errnum, const char *format, ...)
        _printf_(4, 5);

/* As error_set(), and appends ": " and the system's words for errnum. */
int error_errno(struct error **err, int errnum, const char *format, ...) _printf_(3, 4);

/* Puts "…: " in front of the message. Returns -errnum of *err; -EIO when there is no error to
 * prefix. */
int error_prefix(struct error **err, const char *format, ...) _printf_(2, 3);

/* Sets the hint and/or kind of an existing error; does nothing when there is none. */
void error_hint(struct error **err, const char *format, ...) _printf_(2, 3);
void error_set_kind(struct error **err, enum error_kind kind);

/* Moves src to *dst, or frees it when dst is NULL. Returns -errnum of src. */
int error_move(struct error **dst, struct error *src);

/* NULL-safe readers: "unknown error" when e is NULL. */
const char *error_message(const struct error *e);
const char *error_plain(const struct error *e);

void error_free(struct error *e);
CLEANUP_FUNC(struct error, error_free);
#define _cleanup_error_ _cleanup_(error_freep)
