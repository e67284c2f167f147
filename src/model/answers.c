/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "answers.h"
#include "../base/escape.h"
#include "../base/str.h"
#include "values.h"

struct value {
        char *text; /* a list: comma-joined; NULL: not set. Set to the empty list: "" */
        enum answer_source source;
        char *file;
        int line, column;
};

struct answers {
        struct value *values; /* as answer_keys[] */
};

/* ---- the table ---- */

const struct answer_key *answer_key_find(const char *name)
{
        for (size_t i = 0; i < answer_keys_len; i++)
                if (str_eq(answer_keys[i].name, name))
                        return &answer_keys[i];
        return NULL;
}

const char *answer_key_nearest(const char *name)
{
        _cleanup_free_ const char **names = xcalloc(answer_keys_len + 1, sizeof(*names));

        for (size_t i = 0; i < answer_keys_len; i++)
                names[i] = answer_keys[i].name;
        return str_nearest(name, names);
}

/* ---- life ---- */

struct answers *answers_new(void)
{
        struct answers *a = xcalloc(1, sizeof(*a));

        a->values = xcalloc(answer_keys_len, sizeof(*a->values));
        return a;
}

static void clear(struct value *v)
{
        free(v->text);
        free(v->file);
        *v = (struct value){0};
}

void answers_free(struct answers *a)
{
        if (!a)
                return;
        for (size_t i = 0; i < answer_keys_len; i++) {
                if (answer_keys[i].flags & (ANSWER_IS_SECRET | ANSWER_MAY_HOLD_SECRET) &&
                        a->values[i].text)
                        explicit_bzero(a->values[i].text, strlen(a->values[i].text));
                clear(&a->values[i]);
        }
        free(a->values);
        free(a);
}

struct answers *answers_copy(const struct answers *a)
{
        struct answers *copy = answers_new();

        for (size_t i = 0; i < answer_keys_len; i++) {
                copy->values[i] = a->values[i];
                copy->values[i].text = xstrdup(a->values[i].text);
                copy->values[i].file = xstrdup(a->values[i].file);
        }
        return copy;
}

static struct value *value_of(const struct answers *a, const char *name)
{
        const struct answer_key *key = answer_key_find(name);

        return key ? &a->values[key - answer_keys] : NULL;
}

/* ---- setting ---- */

static int unknown_key(const char *name, struct error **err)
{
        _cleanup_free_ char *shown = escape_text(name);
        const char *nearest = answer_key_nearest(name);

        error_kind(err, ERROR_INVALID, EINVAL, "There is no answer called \"%s\"", shown);
        if (nearest)
                error_hint(err, "Did you mean %s?", nearest);
        return -EINVAL;
}

static int check_items(const struct answer_key *key, char *const *items, struct error **err)
{
        for (size_t i = 0; items && items[i]; i++) {
                int r = answer_value_check(key, items[i], err);

                if (r < 0)
                        return r;
        }
        return 0;
}

int answers_set(struct answers *a, const char *name, const char *text, enum answer_source source,
        struct error **err)
{
        const struct answer_key *key = answer_key_find(name);
        _cleanup_strv_ char **items = NULL;
        struct value *v;
        int r;

        if (!key)
                return unknown_key(name, err);
        if (!text || !*text) {
                answers_unset(a, name);
                return 0;
        }
        if (key->flags & ANSWER_LIST) {
                /* "[]" is how a list is set to nothing, against its default. */
                items = str_eq(text, "[]") ? NULL : strv_split(text, ", ");
                r = check_items(key, items, err);
        } else {
                r = answer_value_check(key, text, err);
        }
        if (r < 0)
                return r;
        v = value_of(a, name);
        clear(v);
        v->text = key->flags & ANSWER_LIST ? strv_join(items, ",") : xstrdup(text);
        if (!v->text)
                v->text = xstrdup("");
        v->source = source;
        return 0;
}

void answers_unset(struct answers *a, const char *name)
{
        struct value *v = value_of(a, name);

        if (v)
                clear(v);
}

/* ---- loading ---- */

struct loader {
        struct answers *answers;
        const char *file;
        struct problems *problems;
};

static bool has_children(const char *name)
{
        for (size_t i = 0; i < answer_keys_len; i++)
                if (str_starts(answer_keys[i].name, name) &&
                        answer_keys[i].name[strlen(name)] == '.')
                        return true;
        return false;
}

static void load_unknown(struct loader *l, const struct yaml_node *at, const char *name)
{
        _cleanup_free_ char *shown = escape_text(name);
        _cleanup_strv_ char **groups = NULL;
        const char *nearest = answer_key_nearest(name);

        /* A key at the top may be meant for one that holds others. */
        for (size_t i = 0; !nearest && !strchr(name, '.') && i < answer_keys_len; i++) {
                const char *dot = strchr(answer_keys[i].name, '.');

                if (dot)
                        strv_addf(&groups, "%.*s", (int) (dot - answer_keys[i].name),
                                answer_keys[i].name);
        }
        if (groups)
                nearest = str_nearest(name, (const char *const *) groups);
        if (nearest)
                problems_add(l->problems, l->file, at->line, at->column,
                        "unknown key %s; did you mean %s?", shown, nearest);
        else
                problems_add(l->problems, l->file, at->line, at->column, "unknown key %s", shown);
}

static void load_problem(
        struct loader *l, const struct yaml_node *at, const char *name, const struct error *e)
{
        if (e->hint)
                problems_add(l->problems, l->file, at->line, at->column, "%s: %s. %s", name,
                        error_message(e), e->hint);
        else
                problems_add(l->problems, l->file, at->line, at->column, "%s: %s", name,
                        error_message(e));
}

static void remember(struct loader *l, const struct answer_key *key, const struct yaml_node *at,
        const char *text)
{
        struct value *v = &l->answers->values[key - answer_keys];

        clear(v);
        v->text = xstrdup(text);
        v->source = ANSWER_FROM_FILE;
        v->file = xstrdup(l->file);
        v->line = at->line;
        v->column = at->column;
}

static void load_list(struct loader *l, const struct answer_key *key, const struct yaml_node *node)
{
        _cleanup_strbuf_ struct strbuf joined = {0};

        for (size_t i = 0; i < node->n; i++) {
                const struct yaml_node *item = node->items[i];
                _cleanup_error_ struct error *e = NULL;

                if (item->kind != YAML_SCALAR) {
                        problems_add(l->problems, l->file, item->line, item->column,
                                "%s is a list of texts", key->name);
                        continue;
                }
                if (answer_value_check(key, item->value, &e) < 0)
                        load_problem(l, item, key->name, e);
                strbuf_addf(&joined, "%s%s", joined.len ? "," : "", item->value);
        }
        remember(l, key, node, joined.s ?: "");
}

static void load_scalar(
        struct loader *l, const struct answer_key *key, const struct yaml_node *node)
{
        _cleanup_error_ struct error *e = NULL;

        if (!*node->value)
                return;
        /* One item needs no brackets: node_ip: 192.168.1.20 */
        if (key->flags & ANSWER_LIST) {
                _cleanup_strv_ char **items = strv_split(node->value, ", ");
                _cleanup_free_ char *joined = strv_join(items, ",");

                if (check_items(key, items, &e) < 0)
                        load_problem(l, node, key->name, e);
                else
                        remember(l, key, node, joined);
                return;
        }
        if (answer_value_check(key, node->value, &e) < 0)
                load_problem(l, node, key->name, e);
        else
                remember(l, key, node, node->value);
}

static void load_mapping(struct loader *l, const struct yaml_node *mapping, const char *prefix)
{
        for (size_t i = 0; i < mapping->n; i++) {
                const struct yaml_node *at = mapping->pairs[i].key,
                                       *value = mapping->pairs[i].value;
                _cleanup_free_ char *name =
                        xasprintf("%s%s%s", prefix, *prefix ? "." : "", at->value);
                const struct answer_key *key = answer_key_find(name);

                if (!key && has_children(name) && value->kind == YAML_MAPPING) {
                        load_mapping(l, value, name);
                } else if (!key && has_children(name)) {
                        if (value->kind != YAML_SCALAR || *value->value)
                                problems_add(l->problems, l->file, value->line, value->column,
                                        "%s holds further keys", name);
                } else if (!key) {
                        load_unknown(l, at, name);
                } else if (value->kind == YAML_SCALAR) {
                        load_scalar(l, key, value);
                } else if (value->kind == YAML_SEQUENCE && (key->flags & ANSWER_LIST)) {
                        load_list(l, key, value);
                } else {
                        problems_add(l->problems, l->file, value->line, value->column,
                                "%s is one text", name);
                }
        }
}

int answers_load(struct answers *a, const char *name, const char *bytes, size_t len,
        struct problems *problems)
{
        _cleanup_yaml_ struct yaml_node *document = NULL;
        struct loader l = {.answers = a, .file = name, .problems = problems};
        size_t before = problems->n;

        if (yaml_parse(name, bytes, len, &document, problems) < 0)
                return -EINVAL;
        if (!document)
                problems_add(problems, name, 0, 0, "the file is empty");
        else if (document->kind != YAML_MAPPING)
                problems_add(problems, name, document->line, document->column,
                        "the answers are keys and values");
        else
                load_mapping(&l, document, "");
        if (document && document->kind == YAML_MAPPING && !yaml_get(document, "version"))
                problems_add(problems, name, 1, 1, "the first line should be: version: 1");
        return problems->n > before ? -EINVAL : 0;
}

/* ---- reading ---- */

static const char *default_of(const struct answers *a, const struct answer_key *key)
{
        if (key->default_2020 && str_eq(answers_get(a, "profile"), "blog-2020"))
                return key->default_2020;
        return key->default_value;
}

const char *answers_get(const struct answers *a, const char *name)
{
        const struct answer_key *key = answer_key_find(name);
        const char *text;

        if (!key)
                return NULL;
        text = a->values[key - answer_keys].text;
        if (!text)
                text = default_of(a, key);
        return text && *text ? text : NULL;
}

char **answers_get_list(const struct answers *a, const char *name)
{
        return strv_split(answers_get(a, name) ?: "", ",");
}

bool answers_get_bool(const struct answers *a, const char *name)
{
        return str_eq(answers_get(a, name), "true");
}

int64_t answers_get_integer(const struct answers *a, const char *name)
{
        int64_t n = 0;

        (void) str_to_int(answers_get(a, name) ?: "0", INT64_MIN, INT64_MAX, &n);
        return n;
}

int64_t answers_get_ms(const struct answers *a, const char *name)
{
        int64_t ms = 0;

        (void) str_to_duration(answers_get(a, name) ?: "0s", &ms);
        return ms;
}

bool answers_is_set(const struct answers *a, const char *name)
{
        const struct value *v = value_of(a, name);

        return v && v->text;
}

enum answer_source answers_source(const struct answers *a, const char *name)
{
        const struct value *v = value_of(a, name);

        return v && v->text ? v->source : ANSWER_FROM_DEFAULT;
}

void answers_position(const struct answers *a, const char *name, const char **ret_file,
        int *ret_line, int *ret_column)
{
        const struct value *v = value_of(a, name);

        *ret_file = v ? v->file : NULL;
        *ret_line = v ? v->line : 0;
        *ret_column = v ? v->column : 0;
}

/* ---- secrets ---- */

bool answers_value_is_secret(const struct answers *a, const char *name)
{
        const struct answer_key *key = answer_key_find(name);
        const char *text = answers_get(a, name);

        if (!key || !text)
                return false;
        if (key->flags & ANSWER_IS_SECRET)
                return true;
        return (key->flags & ANSWER_MAY_HOLD_SECRET) && value_has_credentials(text);
}

bool answers_hold_secret(const struct answers *a)
{
        for (size_t i = 0; i < answer_keys_len; i++)
                if (answers_is_set(a, answer_keys[i].name) &&
                        answers_value_is_secret(a, answer_keys[i].name))
                        return true;
        return false;
}

char *answers_display(const struct answers *a, const char *name)
{
        if (answers_value_is_secret(a, name))
                return xstrdup(_("(secret)"));
        return escape_text(answers_get(a, name));
}

/* ---- judging the whole ---- */

static void complain(
        const struct answers *a, struct problems *problems, const char *name, const char *text)
{
        const char *file = NULL;
        int line = 0, column = 0;

        answers_position(a, name, &file, &line, &column);
        problems_add(problems, file ?: _("answers"), line, column, "%s", text);
}

static void check_role(const struct answers *a, struct problems *problems)
{
        const char *role = answers_get(a, "role");

        if (!role) {
                complain(a, problems, "role", _("role is missing: server or agent"));
                return;
        }
        for (size_t i = 0; i < answer_keys_len; i++) {
                const struct answer_key *key = &answer_keys[i];
                _cleanup_free_ char *text = NULL;

                if (!key->role || str_eq(key->role, role) || !answers_is_set(a, key->name))
                        continue;
                text = xasprintf(
                        _("%1$s is for role %2$s, and this is a %3$s"), key->name, key->role, role);
                complain(a, problems, key->name, text);
        }
        if (!str_eq(role, "agent"))
                return;
        if (!answers_get(a, "join.server"))
                complain(a, problems, "join.server",
                        _("join.server is missing: where the agent joins"));
        if (!answers_get(a, "join.token") && !answers_get(a, "join.token_file"))
                complain(a, problems, "join.token_file",
                        _("join.token_file is missing: the file with the server's node token"));
        if (answers_get(a, "join.token") && answers_get(a, "join.token_file"))
                complain(a, problems, "join.token",
                        _("join.token and join.token_file exclude each other"));
}

static void check_profile(const struct answers *a, struct problems *problems)
{
        bool old = str_eq(answers_get(a, "profile"), "blog-2020");
        const char *version = answers_get(a, "k3s.version");
        bool ancient = str_starts(version ?: "", "v0.");

        if (old && !ancient)
                complain(a, problems, "k3s.version",
                        _("profile blog-2020 passes flags that only v0.9.1 and its neighbours "
                          "know; leave "
                          "k3s.version out, or take profile current"));
        if (!old && ancient)
                complain(a, problems, "k3s.version",
                        _("this version does not know the settings of profile current; take "
                          "profile "
                          "blog-2020"));
}

static void check_network(const struct answers *a, struct problems *problems)
{
        static const char *const keys[] = {"network.node_ip", "network.external_ip"};

        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
                _cleanup_strv_ char **ips = answers_get_list(a, keys[k]);
                size_t n = strv_len(ips);

                if (n > 2 || (n == 2 && !strchr(ips[0], ':') == !strchr(ips[1], ':')))
                        complain(a, problems, keys[k],
                                _("give one address, or one of IPv4 and one of IPv6"));
        }
        if (answers_get(a, "source.proxy") && answers_get(a, "source.proxy_file"))
                complain(a, problems, "source.proxy",
                        _("source.proxy and source.proxy_file exclude each other"));
        if (answers_get_ms(a, "dashboard.token_ttl") < 10 * 60 * 1000)
                complain(a, problems, "dashboard.token_ttl",
                        _("Kubernetes gives no token for less than 10m"));
}

int answers_check(const struct answers *a, struct problems *problems)
{
        size_t before = problems->n;

        check_role(a, problems);
        check_profile(a, problems);
        check_network(a, problems);
        return problems->n > before ? -EINVAL : 0;
}
