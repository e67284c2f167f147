/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* answers: the typed values a run is made of, and the one table that describes every key.
 *
 * Validator, `answers show|check|schema|save`, prompts and completion all read answer_keys[]. Pure:
 * no I/O; files are read by the caller. */

#include "../base/problem.h"
#include "../base/yaml.h"

enum answer_type {
        ANSWER_STRING,
        ANSWER_ENUM,
        ANSWER_BOOL,      /* true | false */
        ANSWER_INTEGER,   /* min … max */
        ANSWER_IP,        /* IPv4 or IPv6; dual stack "a,b" where the row says list */
        ANSWER_HOSTNAME,  /* RFC 1123, lower case */
        ANSWER_INTERFACE, /* at most 15 bytes, no '/', no white space (IFNAMSIZ, netdevice(7)) */
        ANSWER_URL,       /* https only, unless the row allows http (proxy) */
        ANSWER_PATH,      /* absolute */
        ANSWER_DURATION,  /* "10m" */
        ANSWER_MODE,      /* octal, "0600" */
        ANSWER_SHA256,
        ANSWER_VERSION, /* vX.Y.Z+k3sN, vX.Y.Z-rcN+k3sN, v0.9.1 */
};

enum answer_flags {
        ANSWER_LIST = 1 << 0,      /* a sequence of the type */
        ANSWER_IS_SECRET = 1 << 1, /* never shown, never saved; has a …_file sibling */
        ANSWER_HTTP_OK = 1 << 2,
        ANSWER_ADVANCED = 1 << 3, /* not asked in the guided session */
        ANSWER_MAY_HOLD_SECRET = 1
                                 << 4, /* secret when it has user:password@ inside (source.proxy) */
};

struct answer_key {
        const char *name; /* "network.interface" */
        enum answer_type type;
        unsigned flags;
        const char *role;           /* "server", "agent", or NULL for both */
        const char *default_value;  /* list: comma-separated; NULL: none */
        const char *default_2020;   /* differs in profile blog-2020; NULL: as default_value */
        const char *const *choices; /* ENUM, NULL-terminated */
        int64_t min, max;           /* INTEGER */
        const char *title;          /* N_(): a few words, the prompt's question */
        const char *why;            /* N_(): one line */
        const char *help;           /* N_(): the long explanation behind "?" */
};

extern const struct answer_key answer_keys[];
extern const size_t answer_keys_len;

const struct answer_key *answer_key_find(const char *name);
/* "did you mean": nearest key name, or NULL. */
const char *answer_key_nearest(const char *name);

/* Checks one text against a key's type. Returns 0, or -EINVAL with the reason and, in the hint,
 * what would be right. For a list key: one item. */
int answer_value_check(const struct answer_key *key, const char *text, struct error **err);

enum answer_source {
        ANSWER_FROM_DEFAULT,
        ANSWER_FROM_FILE,
        ANSWER_FROM_OPTION, /* --set, --role */
        ANSWER_FROM_PROMPT,
        ANSWER_FROM_FACT, /* suggested by the machine: the interface of the default route */
};

struct answers;
struct answers *answers_new(void);
struct answers *answers_copy(const struct answers *a);
void answers_free(struct answers *a);
CLEANUP_FUNC(struct answers, answers_free);
#define _cleanup_answers_ _cleanup_(answers_freep)

/* Reads an answers document. All problems at once; returns 0 or -EINVAL. */
int answers_load(struct answers *a, const char *name, const char *bytes, size_t len,
        struct problems *problems);

/* Sets one key from text (a list: comma-separated). An empty text unsets. Returns 0, or -EINVAL and
 * the reason (unknown key with a suggestion, wrong type). */
int answers_set(struct answers *a, const char *key, const char *text, enum answer_source source,
        struct error **err);
void answers_unset(struct answers *a, const char *key);

/* The value, else the default of the profile, else NULL. Never "". A list reads comma-joined.
 * Owned by a, valid until the key is set again. */
const char *answers_get(const struct answers *a, const char *key);
/* The items of a list key; the caller frees with strv_free(). NULL when empty. */
char **answers_get_list(const struct answers *a, const char *key);
bool answers_get_bool(const struct answers *a, const char *key);
int64_t answers_get_integer(const struct answers *a, const char *key);
int64_t answers_get_ms(const struct answers *a, const char *key); /* DURATION */

bool answers_is_set(const struct answers *a, const char *key); /* not by default */
enum answer_source answers_source(const struct answers *a, const char *key);
/* Where it was written: file:line:column, 0 when not from a file. */
void answers_position(const struct answers *a, const char *key, const char **ret_file,
        int *ret_line, int *ret_column);

/* Whether any value set is itself a secret (not a …_file). */
bool answers_hold_secret(const struct answers *a);
/* Whether this value must not be shown or stored (an IS_SECRET key, or credentials in a URL). */
bool answers_value_is_secret(const struct answers *a, const char *key);
/* For people: the value, or "(secret)" . The caller frees. */
char *answers_display(const struct answers *a, const char *key);

/* Everything that can be judged without a machine: required keys for the role, keys of the other
 * role, combinations (profile against version, …). Adds to problems with positions. Returns 0 or
 * -EINVAL. */
int answers_check(const struct answers *a, struct problems *problems);

/* Replayable YAML of what is set, in the order of the table; a secret key becomes its …_file
 * sibling pointing below secrets_directory (NULL: left out with a comment). The caller frees. */
char *answers_to_yaml(const struct answers *a, const char *secrets_directory);
/* JSON Schema (draft 2020-12) of the table; the caller frees. */
char *answers_schema(void);
