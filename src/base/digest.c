/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "digest.h"
#include "str.h"
#include <openssl/evp.h>

struct digest {
        EVP_MD_CTX *context;
};

/* SHA-256 of a library that is there fails only for want of memory, or where a FIPS policy has
 * broken it; neither leaves anything sensible to do. */
static void must(int ok)
{
        if (ok != 1)
                memory_exhausted();
}

struct digest *digest_new(void)
{
        struct digest *d = xcalloc(1, sizeof(*d));

        d->context = EVP_MD_CTX_new();
        must(d->context != NULL);
        must(EVP_DigestInit_ex(d->context, EVP_sha256(), NULL));
        return d;
}

void digest_update(struct digest *d, const void *bytes, size_t len)
{
        must(EVP_DigestUpdate(d->context, bytes, len));
}

void digest_finish(struct digest *d, char ret[DIGEST_HEX_SIZE])
{
        static const char hex[] = "0123456789abcdef";
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned len = 0;

        must(EVP_DigestFinal_ex(d->context, sum, &len));
        must(len == (DIGEST_HEX_SIZE - 1) / 2);
        for (unsigned i = 0; i < len; i++) {
                ret[2 * i] = hex[sum[i] >> 4];
                ret[2 * i + 1] = hex[sum[i] & 15];
        }
        ret[DIGEST_HEX_SIZE - 1] = '\0';
}

void digest_free(struct digest *d)
{
        if (!d)
                return;
        EVP_MD_CTX_free(d->context);
        free(d);
}

void digest_bytes(const void *bytes, size_t len, char ret[DIGEST_HEX_SIZE])
{
        _cleanup_digest_ struct digest *d = digest_new();

        digest_update(d, bytes, len);
        digest_finish(d, ret);
}

int digest_fd(int fd, char ret[DIGEST_HEX_SIZE], struct error **err)
{
        _cleanup_digest_ struct digest *d = digest_new();
        size_t size = 128 * 1024;
        _cleanup_free_ char *buffer = xcalloc(size, 1);

        for (;;) {
                ssize_t n = read(fd, buffer, size);

                if (n == 0)
                        break;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_errno(err, errno, "Could not read while computing SHA-256");
                digest_update(d, buffer, (size_t) n);
        }
        digest_finish(d, ret);
        return 0;
}
