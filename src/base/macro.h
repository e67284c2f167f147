/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* macro: the few words that every file uses. */

#include <errno.h>
#include <libintl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define _(text)        gettext(text)
#define N_(text)       (text)

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _must_check_   __attribute__((warn_unused_result))
#define _unused_       __attribute__((unused))
/* Not exported by the executable: a shared library with a function of the same name keeps its own.
 */
#define _hidden_     __attribute__((visibility("hidden")))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Defines NAMEp(), for _cleanup_(), from the destructor NAME(TYPE *). */
#define CLEANUP_FUNC(type, name)                                                                   \
        static inline void name##p(type **p)                                                       \
        {                                                                                          \
                name(*p);                                                                          \
        }                                                                                          \
        struct swallow_semicolon

static inline void freep(void *p)
{
        free(*(void **) p);
}

/* Closes a descriptor and leaves errno alone. Only for descriptors whose close() cannot lose data:
 * what was written is closed by hand and the result is looked at. */
static inline void closep(int *fd)
{
        int saved = errno;

        if (*fd >= 0)
                (void) close(*fd);
        errno = saved;
}

#define _cleanup_free_  _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

/* Hands over what a _cleanup_ variable owns. */
#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) taken_ = (p);                                                        \
                (p) = NULL;                                                                        \
                taken_;                                                                            \
        })
#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int taken_ = (fd);                                                                 \
                (fd) = -1;                                                                         \
                taken_;                                                                            \
        })
