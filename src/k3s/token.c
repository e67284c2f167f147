/* SPDX-License-Identifier: GPL-3.0-or-later */

/* token: the join tokens of K3s, parsed without being believed. No message quotes any part of one.
 */

#include "../base/str.h"
#include "k3s.h"

#define PREFIX   "K10"
#define TEXT_MAX 4096
#define HASH_LEN 64

static const char *const form_names[] = {
        [TOKEN_SHORT] = "short",
        [TOKEN_SECURE] = "secure",
        [TOKEN_BOOTSTRAP] = "bootstrap",
        [TOKEN_SECURE_BOOTSTRAP] = "secure-bootstrap",
};

const char *token_form_name(enum token_form f)
{
        return (size_t) f < ARRAY_LEN(form_names) ? form_names[f] : "";
}

void token_done(struct token *t)
{
        if (t->user)
                secret_free_string(t->user);
        secret_done(&t->password);
        *t = (struct token){0};
}

static bool is_space(char c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_lower_or_digit(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z0-9]{6} "." [a-z0-9]{16}, as kubeadm defined it. */
static bool is_bootstrap(const char *s, size_t len)
{
        if (len != 23 || s[6] != '.')
                return false;
        for (size_t i = 0; i < len; i++)
                if (i != 6 && !is_lower_or_digit(s[i]))
                        return false;
        return true;
}

static int check_hash(const char *s, size_t len, bool legacy, struct error **err)
{
        if (len == 0)
                return 0;
        for (size_t i = 0; i < len; i++) {
                if (s[i] >= 'A' && s[i] <= 'F')
                        return error_set(err, EINVAL,
                                "The CA hash in the token has capital letters; K3s compares it in "
                                "lower "
                                "case and would refuse the server");
                if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
                        return error_set(err, EINVAL,
                                "The CA hash in the token has a character that is not a "
                                "hexadecimal "
                                "digit, at place %zu of the hash",
                                i + 1);
        }
        /* v0.9.1 does not look at the length; nothing longer than a SHA-256 can be one in any
         * version. */
        if (len > HASH_LEN || (!legacy && len != HASH_LEN))
                return error_set(err, EINVAL,
                        "The CA hash in the token has %zu digits instead of 64; a part of the "
                        "token was "
                        "probably lost when it was copied",
                        len);
        return 0;
}

static int check_characters(const char *s, size_t len, struct error **err)
{
        if (len == 0)
                return error_set(err, EINVAL, "The token is empty");
        if (len > TEXT_MAX)
                return error_set(err, EINVAL, "The token is longer than %d characters", TEXT_MAX);
        for (size_t i = 0; i < len; i++)
                if (s[i] == '\n' || s[i] == '\r')
                        return error_set(err, EINVAL, "The token has more than one line");
                else if ((unsigned char) s[i] < ' ' || s[i] == 0x7f)
                        return error_set(err, EINVAL,
                                "The token has a control character at place %zu", i + 1);
        return 0;
}

static void token_fill(struct token *t, const char *user, size_t user_len, const char *password,
        size_t password_len)
{
        if (user)
                t->user = xstrndup(user, user_len);
        secret_set(&t->password, password, password_len);
}

/* What follows the prefix and the hash: user ":" password, or a bootstrap token. */
static int parse_credentials(
        const char *s, size_t len, bool legacy, struct token *t, struct error **err)
{
        const char *colon = memchr(s, ':', len);

        if (!legacy && is_bootstrap(s, len)) {
                t->form = TOKEN_SECURE_BOOTSTRAP;
                token_fill(t, NULL, 0, s, len);
                return 0;
        }
        if (!colon)
                return error_set(err, EINVAL,
                        "The token has no \"user:password\" after its CA hash; its end was "
                        "probably lost "
                        "when it was copied");
        if (colon + 1 == s + len)
                return error_set(err, EINVAL,
                        "The token has no password after its user; its end was probably lost when "
                        "it was "
                        "copied");
        t->form = TOKEN_SECURE;
        token_fill(t, s, (size_t) (colon - s), colon + 1, (size_t) (s + len - colon - 1));
        return 0;
}

static int parse_full(const char *s, size_t len, bool legacy, struct token *t, struct error **err)
{
        const char *separator = memmem(s, len, "::", 2);
        int r;

        if (separator) {
                size_t hash_len = (size_t) (separator - s);

                r = check_hash(s, hash_len, legacy, err);
                if (r < 0)
                        return r;
                memcpy(t->ca_hash, s, hash_len);
                t->ca_hash[hash_len] = '\0';
                len -= hash_len + 2;
                s = separator + 2;
        }
        return parse_credentials(s, len, legacy, t, err);
}

static int parse_bare(const char *s, size_t len, bool legacy, struct token *t, struct error **err)
{
        if (legacy)
                return error_set(err, EINVAL,
                        "The token does not start with K10, and K3s v0.9.1 takes no short or "
                        "bootstrap "
                        "tokens");
        t->form = is_bootstrap(s, len) ? TOKEN_BOOTSTRAP : TOKEN_SHORT;
        token_fill(t, t->form == TOKEN_SHORT ? "" : NULL, 0, s, len);
        return 0;
}

int token_parse(const char *text, bool legacy, struct token *ret, struct error **err)
{
        struct token t = {0};
        const char *s = text ? text : "";
        size_t len;
        int r;

        while (is_space(*s))
                s++;
        len = strlen(s);
        while (len > 0 && is_space(s[len - 1]))
                len--;
        r = check_characters(s, len, err);
        if (r >= 0)
                r = len >= 3 && memcmp(s, PREFIX, 3) == 0 ?
                            parse_full(s + 3, len - 3, legacy, &t, err) :
                            parse_bare(s, len, legacy, &t, err);
        if (r < 0) {
                token_done(&t);
                error_hint(err, "On the server, this shows the whole token: sudo cat "
                                "/var/lib/rancher/k3s/server/node-token");
                return r;
        }
        *ret = t;
        return 0;
}
