/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "values.h"
#include "../base/escape.h"
#include "../base/str.h"
#include "answers.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>

bool value_has_credentials(const char *url)
{
        const char *host = strstr(url, "://");
        size_t len;

        host = host ? host + 3 : url;
        len = strcspn(host, "/?#");
        return memchr(host, '@', len) != NULL;
}

static int refuse(struct error **err, const char *why, const char *hint)
{
        error_kind(err, ERROR_INVALID, EINVAL, "%s", why);
        if (hint)
                error_hint(err, "%s", hint);
        return -EINVAL;
}

/* No value may hold what could change a line, a terminal or a command. */
static int check_plain(const char *text, struct error **err)
{
        const char *end = text + strlen(text);

        if (strlen(text) > 4096)
                return refuse(err, _("it is longer than 4096 bytes"), NULL);
        while (text < end) {
                uint32_t c = 0;
                int n = utf8_decode(text, end, &c);

                if (n < 0 || !utf8_is_plain(c))
                        return refuse(err, _("it holds a character that cannot be seen"), NULL);
                text += n;
        }
        return 0;
}

static int check_enum(const struct answer_key *key, const char *text, struct error **err)
{
        _cleanup_free_ char *shown = NULL, *all = NULL;
        const char *nearest;

        if (str_in(text, key->choices))
                return 0;
        shown = escape_text(text);
        all = strv_join((char *const *) key->choices, ", ");
        error_kind(err, ERROR_INVALID, EINVAL, "\"%s\" is none of: %s", shown, all);
        nearest = str_nearest(text, key->choices);
        if (nearest)
                error_hint(err, "Did you mean %s?", nearest);
        return -EINVAL;
}

static int check_integer(const struct answer_key *key, const char *text, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(text);
        int64_t n = 0;
        int r = str_to_int(text, key->min, key->max, &n);

        if (r == 0)
                return 0;
        if (key->min == key->max)
                return error_kind(err, ERROR_INVALID, EINVAL, "\"%s\" is not %lld", shown,
                        (long long) key->min);
        return error_kind(err, ERROR_INVALID, EINVAL, "\"%s\" is not a number from %lld to %lld",
                shown, (long long) key->min, (long long) key->max);
}

static int check_ip(const char *text, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(text);
        unsigned char bytes[16];

        if (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1)
                return 0;
        error_kind(err, ERROR_INVALID, EINVAL, "\"%s\" is not an IP address", shown);
        if (strchr(text, '/'))
                error_hint(err, "Leave out the prefix: the address alone.");
        return -EINVAL;
}

/* RFC 1123 as Kubernetes reads it: labels of at most 63, 253 in all, lower case. */
static int check_hostname(const char *text, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(text);
        size_t label = 0;

        if (strlen(text) > 253)
                return refuse(err, _("a name has at most 253 characters"), NULL);
        for (const char *p = text; *p; p++) {
                bool edge = label == 0 || p[1] == '.' || !p[1];

                if (isupper((unsigned char) *p))
                        return refuse(err, _("names of nodes are in lower case"), NULL);
                if (*p == '.' ? label == 0 : !isalnum((unsigned char) *p) && (*p != '-' || edge)) {
                        error_kind(err, ERROR_INVALID, EINVAL, "\"%s\" is not a host name", shown);
                        error_hint(err, "Letters, digits and hyphens, with dots between labels; no "
                                        "hyphen at an end.");
                        return -EINVAL;
                }
                label = *p == '.' ? 0 : label + 1;
                if (label > 63)
                        return refuse(err, _("a label of a name has at most 63 characters"), NULL);
        }
        return label > 0 ? 0 : refuse(err, _("a name does not end with a dot"), NULL);
}

static int check_interface(const char *text, struct error **err)
{
        if (strlen(text) >= IFNAMSIZ)
                return refuse(err, _("names of interfaces have at most 15 characters"), NULL);
        for (const char *p = text; *p; p++)
                if (!isgraph((unsigned char) *p) || strchr("/:$`\"'\\;|&<>(){}*?[]!#~=,", *p))
                        return refuse(err, _("this is not the name of an interface"),
                                _("Look: k3wizard interfaces"));
        if (text[0] == '-' || str_eq(text, ".") || str_eq(text, ".."))
                return refuse(err, _("this is not the name of an interface"),
                        _("Look: k3wizard interfaces"));
        return 0;
}

static int check_url(const struct answer_key *key, const char *text, struct error **err)
{
        bool https = str_starts(text, "https://"), http = str_starts(text, "http://");
        const char *host = text + (https ? 8 : 7);

        if (http && !(key->flags & ANSWER_HTTP_OK))
                return refuse(err, _("it begins with http://, which nobody can verify"),
                        _("Write https:// instead."));
        if (!https && !http)
                return refuse(err, _("it does not begin with https://"), NULL);
        if (!(key->flags & ANSWER_MAY_HOLD_SECRET) && value_has_credentials(text))
                return refuse(
                        err, _("it holds a user or a password, which do not belong here"), NULL);
        for (const char *p = text; *p; p++)
                if (!isgraph((unsigned char) *p) || strchr("\"'`\\<>{}|^$", *p))
                        return refuse(err, _("it holds a character that a URL cannot have"), NULL);
        if (!isalnum((unsigned char) *host) && *host != '[' && !value_has_credentials(text))
                return refuse(err, _("it names no host"), NULL);
        return 0;
}

static int check_path(const char *text, struct error **err)
{
        if (text[0] != '/')
                return refuse(err, _("it is not an absolute path"), _("Begin with /."));
        if (text[strlen(text) - 1] == '/')
                return refuse(err, _("it names a directory, not a file"), NULL);
        return 0;
}

static int check_duration(const char *text, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(text);
        int64_t ms = 0;

        if (str_to_duration(text, &ms) == 0 && ms > 0 && ms <= 7LL * 24 * 3600 * 1000)
                return 0;
        error_kind(err, ERROR_INVALID, EINVAL, "\"%s\" is not a duration", shown);
        error_hint(err, "Write a number with its unit: 90s, 10m, 8h.");
        return -EINVAL;
}

static int check_mode(const char *text, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(text);

        if (strspn(text, "01234567") == strlen(text) && strlen(text) >= 3 && strlen(text) <= 4)
                return 0;
        error_kind(err, ERROR_INVALID, EINVAL, "\"%s\" is not a file mode", shown);
        error_hint(err, "Write it as octal digits in quotes: \"0600\".");
        return -EINVAL;
}

static int check_sha256(const char *text, struct error **err)
{
        if (strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64)
                return 0;
        return refuse(err, _("a SHA-256 has 64 digits of 0-9 and a-f"), NULL);
}

static const char *digits(const char *p)
{
        const char *start = p;

        while (isdigit((unsigned char) *p))
                p++;
        return p > start && p - start <= 4 ? p : NULL;
}

/* v1.36.3+k3s1, v1.36.0-rc1+k3s1, v0.9.1 */
static int check_version(const char *text, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(text);
        const char *p = text[0] == 'v' ? text + 1 : NULL;

        for (int part = 0; p && part < 3; part++) {
                p = digits(p);
                if (p && part < 2)
                        p = *p == '.' ? p + 1 : NULL;
        }
        if (p && str_starts(p, "-rc"))
                p = digits(p + 3);
        if (p && str_starts(p, "+k3s"))
                p = digits(p + 4);
        if (p && !*p)
                return 0;
        error_kind(err, ERROR_INVALID, EINVAL, "\"%s\" is not a version of K3s", shown);
        error_hint(err, "Write it as the release is named: v1.36.3+k3s1.");
        return -EINVAL;
}

static int check_bool(const char *text, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(text);

        if (str_eq(text, "true") || str_eq(text, "false"))
                return 0;
        return error_kind(err, ERROR_INVALID, EINVAL, "\"%s\" is neither true nor false", shown);
}

/* Free text that ends up in settings and command lines of the installer. */
static int check_string(const struct answer_key *key, const char *text, struct error **err)
{
        if (key->flags & ANSWER_IS_SECRET)
                return 0;
        if (text[0] == '-')
                return refuse(err, _("it begins with a hyphen"), NULL);
        if (strpbrk(text, " \t\"'`\\$;&|<>(){}*?[]!#,"))
                return refuse(err, _("it holds a character that has no place here"), NULL);
        return 0;
}

int answer_value_check(const struct answer_key *key, const char *text, struct error **err)
{
        int r = check_plain(text, err);

        if (r < 0)
                return r;
        if (!*text)
                return refuse(err, _("it is empty"), NULL);
        switch (key->type) {
        case ANSWER_STRING:
                return check_string(key, text, err);
        case ANSWER_ENUM:
                return check_enum(key, text, err);
        case ANSWER_BOOL:
                return check_bool(text, err);
        case ANSWER_INTEGER:
                return check_integer(key, text, err);
        case ANSWER_IP:
                return check_ip(text, err);
        case ANSWER_HOSTNAME:
                return check_hostname(text, err);
        case ANSWER_INTERFACE:
                return check_interface(text, err);
        case ANSWER_URL:
                return check_url(key, text, err);
        case ANSWER_PATH:
                return check_path(text, err);
        case ANSWER_DURATION:
                return check_duration(text, err);
        case ANSWER_MODE:
                return check_mode(text, err);
        case ANSWER_SHA256:
                return check_sha256(text, err);
        case ANSWER_VERSION:
                return check_version(text, err);
        }
        return -EINVAL;
}
