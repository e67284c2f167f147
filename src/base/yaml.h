/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* yaml: the strict reader for answers and step files, over libyaml's event API.
 *
 * One document of at most 64 KiB and 16 levels; no anchors, aliases, tags, merge keys or duplicate
 * keys; every scalar is a string. A UTF-8 BOM and CRLF line ends are accepted; NUL, UTF-16, invalid
 * UTF-8, control and bidirectional characters are refused, raw or escaped ("\e"). The limits are
 * checked while the events come, because libyaml's own time is quadratic in the depth of nesting.
 */

#include "problem.h"

#define YAML_SIZE_MAX  (64 * 1024)
#define YAML_DEPTH_MAX 16

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_pair;
struct yaml_node {
        enum yaml_kind kind;
        int line;    /* from 1 */
        int column;  /* from 1 */
        char *value; /* scalar: its text, never NULL; a null scalar ("key:" or "~" unquoted) is ""
                      */
        bool quoted; /* scalar: written with quotes or as a block */
        struct yaml_node **items; /* sequence */
        struct yaml_pair *pairs;  /* mapping, in file order */
        size_t n;                 /* of items or pairs */
};
struct yaml_pair {
        struct yaml_node *key; /* always a scalar */
        struct yaml_node *value;
};

/* Parses len bytes; name is used in problems. Returns 0 with *ret (NULL for an empty document), or
 * -EINVAL with at least one problem added. Syntax stops at the first error, as it must; everything
 * else is reported at once. */
int yaml_parse(const char *name, const char *bytes, size_t len, struct yaml_node **ret,
        struct problems *problems);

/* The value of key in a mapping, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key);

/* Not yaml_free: libyaml exports that name, and a program's own symbol would win over it. */
void yaml_node_free(struct yaml_node *node);
CLEANUP_FUNC(struct yaml_node, yaml_node_free);
#define _cleanup_yaml_ _cleanup_(yaml_node_freep)
