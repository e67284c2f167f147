/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "secret.h"
#include "str.h"
#include <sys/mman.h>

void secret_set(struct secret *s, const char *bytes, size_t len)
{
        size_t page = (size_t) sysconf(_SC_PAGESIZE), mapped;
        struct secret new = {0};

        if (len >= SIZE_MAX - page)
                memory_exhausted();
        mapped = (len + page) / page * page;
        /* Pages of its own: advice and locks work on whole pages, and the heap keeps no copy. */
        new.bytes = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (new.bytes == MAP_FAILED)
                memory_exhausted();
        new.mapped = mapped;
        new.len = len;
        /* Best effort: without them the secret is still only in memory. */
        (void) madvise(new.bytes, mapped, MADV_DONTDUMP);
        (void) mlock(new.bytes, mapped);
        if (len > 0)
                memcpy(new.bytes, bytes, len);
        secret_done(s);
        *s = new;
}

void secret_done(struct secret *s)
{
        if (s->bytes) {
                explicit_bzero(s->bytes, s->mapped);
                (void) munmap(s->bytes, s->mapped);
        }
        *s = (struct secret){0};
}

void secret_free_string(char *s)
{
        if (!s)
                return;
        explicit_bzero(s, strlen(s));
        free(s);
}
