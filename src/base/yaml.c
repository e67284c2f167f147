/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "yaml.h"
#include "escape.h"
#include "str.h"
#include <yaml.h>

/* A file of nonsense has a problem in every byte. Nobody reads more than this many. */
#define PROBLEMS_MAX 50

struct reader {
        yaml_parser_t parser;
        const char *name;
        const char *text; /* what libyaml reads: no BOM, no refused character */
        size_t len;
        struct problems *problems;
        int found;
};

/* ---- before libyaml: the bytes ---- */

static bool may_report(struct reader *r)
{
        if (r->found == PROBLEMS_MAX)
                problems_add(r->problems, r->name, 0, 0, "only the first %d problems are listed",
                        PROBLEMS_MAX);
        return ++r->found <= PROBLEMS_MAX;
}

static void refuse_bytes(struct reader *r, int line, int column, const char *at, int n, uint32_t c)
{
        _cleanup_free_ char *shown = escape_bytes(at, n > 0 ? (size_t) n : 1, 0);

        if (!may_report(r))
                return;
        if (n < 0)
                problems_add(r->problems, r->name, line, column,
                        "byte %s is not UTF-8; save the file as UTF-8", shown);
        else if (c == 0)
                problems_add(r->problems, r->name, line, column, "a NUL byte cannot stand here");
        else
                problems_add(r->problems, r->name, line, column,
                        "the invisible character %s cannot stand here", shown);
}

/* Reports every character that may not be there, and replaces each by U+FFFD, so that libyaml can
 * go on and the other problems are found in the same pass. Columns stay as they are. */
static char *clean(struct reader *r, const char *s, const char *end, size_t *ret_len)
{
        struct strbuf b = {0};
        int line = 1, column = 1;

        while (s < end) {
                uint32_t c = 0;
                int n = utf8_decode(s, end, &c);
                int step = n > 0 ? n : 1;
                bool break_here =
                        n == 1 && (c == '\n' || (c == '\r' && (end - s < 2 || s[1] != '\n')));

                if (n > 0 && (utf8_is_plain(c) || c == '\n' || c == '\r' || c == '\t')) {
                        strbuf_add(&b, s, (size_t) n);
                } else {
                        refuse_bytes(r, line, column, s, n, c);
                        strbuf_puts(&b, "\xef\xbf\xbd");
                }
                column = break_here ? 1 : column + 1;
                line += break_here ? 1 : 0;
                s += step;
        }
        *ret_len = b.len;
        return strbuf_take(&b);
}

static bool is_utf16(const char *s, size_t len)
{
        if (len < 2)
                return false;
        if (memcmp(s, "\xff\xfe", 2) == 0 || memcmp(s, "\xfe\xff", 2) == 0)
                return true;
        /* Without a mark: every other byte of ASCII text is NUL. */
        return len >= 4 && ((!s[0] && s[1] && !s[2] && s[3]) || (s[0] && !s[1] && s[2] && !s[3]));
}

/* ---- events ---- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
/* words: marked with N_(), without arguments; translated by problems_add(), which keeps both texts.
 */
static void report_at(struct reader *r, const yaml_mark_t *mark, const char *words)
{
        if (may_report(r))
                problems_add(
                        r->problems, r->name, (int) mark->line + 1, (int) mark->column + 1, words);
}
#pragma GCC diagnostic pop

static void report_event(struct reader *r, const yaml_event_t *e, const char *words)
{
        report_at(r, &e->start_mark, words);
}

/* What libyaml says is true but short; where the cause is known it is said in words of ours. */
static const struct {
        const char *libyaml;
        const char *ours;
} syntax_words[] = {
        {"found character that cannot start any token",
                N_("a value cannot begin with this character (is it a tab? YAML is indented by "
                   "spaces "
                   "only; otherwise put the value in quotes)")},
        {"mapping values are not allowed in this context",
                N_("a colon cannot stand here: is the indentation right, or does the value need "
                   "quotes?")},
        {"could not find expected ':'",
                N_("this line has no colon: every line reads \"key: value\" or \"- item\"")},
        {"found unexpected end of stream",
                N_("the text ends inside a value: a quote is not closed")},
        {"did not find expected key",
                N_("a key must stand here: is the line indented like the ones above it?")},
        {"did not find expected ',' or ']'",
                N_("a list in [ ] is not closed, or a comma is missing")},
        {"did not find expected ',' or '}'",
                N_("a mapping in { } is not closed, or a comma is missing")},
        {"did not find expected '-' indicator", N_("a list goes on here without \"- \": is the "
                                                   "line indented like the ones above it?")},
};

static void report_syntax(struct reader *r)
{
        const yaml_parser_t *p = &r->parser;
        const char *words = p->problem ? p->problem : "not YAML";
        int line = (int) p->problem_mark.line + 1, column = (int) p->problem_mark.column + 1;

        if (p->error == YAML_MEMORY_ERROR)
                memory_exhausted();
        for (size_t i = 0; i < ARRAY_LEN(syntax_words); i++)
                if (str_eq(words, syntax_words[i].libyaml)) {
                        report_at(r, &p->problem_mark, syntax_words[i].ours);
                        return;
                }
        if (may_report(r))
                problems_add(r->problems, r->name, line, column, "this cannot be read as YAML: %s",
                        words);
}

/* Returns 0, or -EINVAL with the problem added. The caller deletes the event. */
static int next_event(struct reader *r, yaml_event_t *ret)
{
        if (yaml_parser_parse(&r->parser, ret))
                return 0;
        report_syntax(r);
        return -EINVAL;
}

static struct yaml_node *node_new(enum yaml_kind kind, const yaml_event_t *e)
{
        struct yaml_node *node = xcalloc(1, sizeof(*node));

        node->kind = kind;
        node->line = (int) e->start_mark.line + 1;
        node->column = (int) e->start_mark.column + 1;
        return node;
}

static void check_decorations(struct reader *r, const yaml_event_t *e)
{
        const yaml_char_t *anchor = NULL, *tag = NULL;

        if (e->type == YAML_SCALAR_EVENT) {
                anchor = e->data.scalar.anchor;
                tag = e->data.scalar.tag;
        } else if (e->type == YAML_SEQUENCE_START_EVENT) {
                anchor = e->data.sequence_start.anchor;
                tag = e->data.sequence_start.tag;
        } else if (e->type == YAML_MAPPING_START_EVENT) {
                anchor = e->data.mapping_start.anchor;
                tag = e->data.mapping_start.tag;
        }
        if (anchor)
                report_event(r, e, N_("anchors (&name) are not accepted"));
        if (tag)
                report_event(r, e, N_("tags (!name) are not accepted: every value is a string"));
}

/* Quotes can spell what clean() has refused raw: "\e", "\0", "\u202e". */
static void check_escapes(struct reader *r, const yaml_event_t *e)
{
        const char *s = (const char *) e->data.scalar.value, *end = s + e->data.scalar.length;

        while (s < end) {
                _cleanup_free_ char *shown = NULL;
                uint32_t c = 0;
                int n = utf8_decode(s, end, &c);

                if (n > 0 && (utf8_is_plain(c) || c == '\n' || c == '\t')) {
                        s += n;
                        continue;
                }
                shown = escape_bytes(s, n > 0 ? (size_t) n : 1, 0);
                if (may_report(r))
                        problems_add(r->problems, r->name, (int) e->start_mark.line + 1,
                                (int) e->start_mark.column + 1,
                                "the value holds the invisible character %s, which is not accepted",
                                shown);
                return;
        }
}

static struct yaml_node *scalar_node(struct reader *r, const yaml_event_t *e)
{
        struct yaml_node *node = node_new(YAML_SCALAR, e);
        const char *value = (const char *) e->data.scalar.value;

        node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        if (!node->quoted && strcmp(value, "~") == 0)
                value = "";
        node->value = xstrdup(value);
        if (e->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)
                check_escapes(r, e);
        return node;
}

static int read_node(struct reader *r, const yaml_event_t *e, int depth, struct yaml_node **ret);

static int read_sequence(
        struct reader *r, const yaml_event_t *start, int depth, struct yaml_node **ret)
{
        _cleanup_yaml_ struct yaml_node *node = node_new(YAML_SEQUENCE, start);
        size_t room = 0;

        for (;;) {
                struct yaml_node *item = NULL;
                yaml_event_t e;
                bool end;
                int q = next_event(r, &e);

                if (q < 0)
                        return q;
                end = e.type == YAML_SEQUENCE_END_EVENT;
                q = end ? 0 : read_node(r, &e, depth, &item);
                yaml_event_delete(&e);
                if (q < 0)
                        return q;
                if (end)
                        break;
                if (node->n == room) {
                        room = room ? 2 * room : 4;
                        node->items = xrealloc(node->items, room, sizeof(*node->items));
                }
                node->items[node->n++] = item;
        }
        *ret = TAKE_PTR(node);
        return 0;
}

static int compare_keys(const void *a, const void *b)
{
        const struct yaml_node *x = (*(struct yaml_pair *const *) a)->key;
        const struct yaml_node *y = (*(struct yaml_pair *const *) b)->key;
        int r = strcmp(x->value, y->value);

        if (r != 0)
                return r;
        if (x->line != y->line)
                return x->line < y->line ? -1 : 1;
        return x->column < y->column ? -1 : x->column > y->column;
}

/* Sorted, not each against each: 64 KiB hold twenty thousand keys. */
static void check_duplicates(struct reader *r, const struct yaml_node *mapping)
{
        _cleanup_free_ struct yaml_pair **order = xcalloc(mapping->n, sizeof(*order));
        const struct yaml_node *first = NULL;

        for (size_t i = 0; i < mapping->n; i++)
                order[i] = &mapping->pairs[i];
        qsort(order, mapping->n, sizeof(*order), compare_keys);
        for (size_t i = 0; i < mapping->n; i++) {
                const struct yaml_node *key = order[i]->key;
                _cleanup_free_ char *shown = NULL;

                if (!first || strcmp(first->value, key->value) != 0) {
                        first = key;
                        continue;
                }
                shown = escape_text(key->value);
                if (may_report(r))
                        problems_add(r->problems, r->name, key->line, key->column,
                                "\"%s\" is already on line %d; a key can stand only once", shown,
                                first->line);
        }
}

/* Reads one key. A key that is not a scalar is reported, and *ret is NULL. */
static int read_key(struct reader *r, const yaml_event_t *e, int depth, struct yaml_node **ret)
{
        _cleanup_yaml_ struct yaml_node *key = NULL;
        int q;

        if (e->type == YAML_ALIAS_EVENT) {
                report_event(r, e, N_("aliases (*name) are not accepted"));
                *ret = NULL;
                return 0;
        }
        q = read_node(r, e, depth, &key);
        if (q < 0)
                return q;
        if (key->kind != YAML_SCALAR) {
                report_event(r, e, N_("a key must be a word, not a list or a mapping"));
                *ret = NULL;
                return 0;
        }
        if (!key->quoted && strcmp(key->value, "<<") == 0)
                report_event(r, e, N_("merge keys (<<) are not accepted"));
        *ret = TAKE_PTR(key);
        return 0;
}

static int read_value(struct reader *r, int depth, struct yaml_node **ret)
{
        yaml_event_t e;
        int q = next_event(r, &e);

        if (q < 0)
                return q;
        q = read_node(r, &e, depth, ret);
        yaml_event_delete(&e);
        return q;
}

static int read_mapping(
        struct reader *r, const yaml_event_t *start, int depth, struct yaml_node **ret)
{
        _cleanup_yaml_ struct yaml_node *node = node_new(YAML_MAPPING, start);
        size_t room = 0;

        for (;;) {
                _cleanup_yaml_ struct yaml_node *key = NULL, *value = NULL;
                yaml_event_t e;
                bool end;
                int q = next_event(r, &e);

                if (q < 0)
                        return q;
                end = e.type == YAML_MAPPING_END_EVENT;
                q = end ? 0 : read_key(r, &e, depth, &key);
                yaml_event_delete(&e);
                if (q < 0)
                        return q;
                if (end)
                        break;
                q = read_value(r, depth, &value);
                if (q < 0)
                        return q;
                if (!key)
                        continue;
                if (node->n == room) {
                        room = room ? 2 * room : 4;
                        node->pairs = xrealloc(node->pairs, room, sizeof(*node->pairs));
                }
                node->pairs[node->n++] =
                        (struct yaml_pair){.key = TAKE_PTR(key), .value = TAKE_PTR(value)};
        }
        check_duplicates(r, node);
        *ret = TAKE_PTR(node);
        return 0;
}

/* depth: levels above this node. */
static int read_node(struct reader *r, const yaml_event_t *e, int depth, struct yaml_node **ret)
{
        if (e->type == YAML_ALIAS_EVENT) {
                report_event(r, e, N_("aliases (*name) are not accepted"));
                *ret = node_new(YAML_SCALAR, e);
                (*ret)->value = xstrdup("");
                return 0;
        }
        check_decorations(r, e);
        if (e->type == YAML_SCALAR_EVENT) {
                *ret = scalar_node(r, e);
                return 0;
        }
        if (depth >= YAML_DEPTH_MAX) {
                if (may_report(r))
                        problems_add(r->problems, r->name, (int) e->start_mark.line + 1,
                                (int) e->start_mark.column + 1,
                                "nested deeper than %d levels; reading stops here", YAML_DEPTH_MAX);
                return -EINVAL;
        }
        if (e->type == YAML_SEQUENCE_START_EVENT)
                return read_sequence(r, e, depth + 1, ret);
        return read_mapping(r, e, depth + 1, ret);
}

/* ---- the stream ---- */

static int read_stream(struct reader *r, struct yaml_node **ret)
{
        _cleanup_yaml_ struct yaml_node *root = NULL;
        bool seen = false;

        for (;;) {
                yaml_event_type_t type;
                yaml_event_t e;
                int q = next_event(r, &e);

                if (q < 0)
                        return q;
                type = e.type;
                if (type == YAML_DOCUMENT_START_EVENT) {
                        if (seen) {
                                report_event(r, &e,
                                        N_("a second document begins here; only one is accepted"));
                                q = -EINVAL;
                        } else if (e.data.document_start.version_directive ||
                                   e.data.document_start.tag_directives.start !=
                                           e.data.document_start.tag_directives.end) {
                                report_event(
                                        r, &e, N_("directives (%%YAML, %%TAG) are not accepted"));
                        }
                        seen = true;
                } else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_END_EVENT &&
                           type != YAML_STREAM_END_EVENT) {
                        q = read_node(r, &e, 0, &root);
                }
                yaml_event_delete(&e);
                if (q < 0)
                        return q;
                if (type == YAML_STREAM_END_EVENT)
                        break;
        }
        /* "---" alone, or "~": nothing is said. */
        if (root && root->kind == YAML_SCALAR && !root->quoted && !*root->value) {
                yaml_node_free(root);
                root = NULL;
        }
        *ret = TAKE_PTR(root);
        return 0;
}

int yaml_parse(const char *name, const char *bytes, size_t len, struct yaml_node **ret,
        struct problems *problems)
{
        struct reader r = {.name = name, .problems = problems};
        _cleanup_yaml_ struct yaml_node *root = NULL;
        _cleanup_free_ char *text = NULL;
        int q;

        if (len > YAML_SIZE_MAX) {
                problems_add(problems, name, 0, 0, "the file is larger than %d KiB",
                        YAML_SIZE_MAX / 1024);
                return -EINVAL;
        }
        if (is_utf16(bytes, len)) {
                problems_add(problems, name, 0, 0, "the file is UTF-16; save it as UTF-8");
                return -EINVAL;
        }
        if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
                bytes += 3;
                len -= 3;
        }
        text = clean(&r, bytes, bytes + len, &r.len);
        r.text = text;
        if (!yaml_parser_initialize(&r.parser))
                memory_exhausted();
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *) r.text, r.len);
        q = read_stream(&r, &root);
        yaml_parser_delete(&r.parser);
        if (q < 0 || r.found > 0)
                return -EINVAL;
        *ret = TAKE_PTR(root);
        return 0;
}

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
        if (!mapping || mapping->kind != YAML_MAPPING)
                return NULL;
        for (size_t i = 0; i < mapping->n; i++)
                if (strcmp(mapping->pairs[i].key->value, key) == 0)
                        return mapping->pairs[i].value;
        return NULL;
}

void yaml_node_free(struct yaml_node *node)
{
        if (!node)
                return;
        for (size_t i = 0; i < node->n; i++) {
                if (node->kind == YAML_SEQUENCE) {
                        yaml_node_free(node->items[i]);
                } else {
                        yaml_node_free(node->pairs[i].key);
                        yaml_node_free(node->pairs[i].value);
                }
        }
        free(node->items);
        free(node->pairs);
        free(node->value);
        free(node);
}
