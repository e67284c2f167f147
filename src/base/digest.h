/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* digest: SHA-256 by OpenSSL (FIPS 180-4), of a string or of a stream. */

#include "error.h"

#define DIGEST_HEX_SIZE 65 /* 64 lower-case hex digits and NUL */

struct digest;
struct digest *digest_new(void);
void digest_update(struct digest *d, const void *bytes, size_t len);
/* Finishes; d can only be freed afterwards. */
void digest_finish(struct digest *d, char ret[DIGEST_HEX_SIZE]);
void digest_free(struct digest *d);
CLEANUP_FUNC(struct digest, digest_free);
#define _cleanup_digest_ _cleanup_(digest_freep)

void digest_bytes(const void *bytes, size_t len, char ret[DIGEST_HEX_SIZE]);

/* Hashes what is left of fd from its current offset. */
int digest_fd(int fd, char ret[DIGEST_HEX_SIZE], struct error **err);
