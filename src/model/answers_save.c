/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Answers out: the replayable file, and the schema. */

#include "../base/str.h"
#include "answers.h"
#include <jansson.h>

static void put_quoted(struct strbuf *b, const char *text)
{
        strbuf_putc(b, '"');
        for (const char *p = text; *p; p++) {
                if (*p == '"' || *p == '\\')
                        strbuf_putc(b, '\\');
                strbuf_putc(b, *p);
        }
        strbuf_putc(b, '"');
}

/* Opens the section of "network.interface" when it is another than before. */
static const char *enter(struct strbuf *b, const char *name, char **section)
{
        const char *dot = strchr(name, '.');
        _cleanup_free_ char *own = dot ? xstrndup(name, (size_t) (dot - name)) : NULL;

        if (!dot)
                return name;
        if (!str_eq(own, *section)) {
                strbuf_addf(b, "%s:\n", own);
                str_set(section, own);
        }
        strbuf_puts(b, "  ");
        return dot + 1;
}

static void put_value(struct strbuf *b, const struct answers *a, const struct answer_key *key)
{
        _cleanup_strv_ char **items = NULL;

        if (key->type == ANSWER_INTEGER || key->type == ANSWER_BOOL) {
                strbuf_puts(b, answers_get(a, key->name));
                return;
        }
        if (!(key->flags & ANSWER_LIST)) {
                put_quoted(b, answers_get(a, key->name));
                return;
        }
        items = answers_get_list(a, key->name);
        strbuf_putc(b, '[');
        for (size_t i = 0; items && items[i]; i++) {
                if (i)
                        strbuf_puts(b, ", ");
                put_quoted(b, items[i]);
        }
        strbuf_putc(b, ']');
}

char *answers_to_yaml(const struct answers *a, const char *secrets_directory)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        _cleanup_free_ char *section = NULL;

        strbuf_puts(&b, "version: 1\n");
        for (size_t i = 0; i < answer_keys_len; i++) {
                const struct answer_key *key = &answer_keys[i];
                const char *last;

                if (!answers_is_set(a, key->name) || str_eq(key->name, "version"))
                        continue;
                if (answers_value_is_secret(a, key->name)) {
                        last = enter(&b, key->name, &section);
                        if (secrets_directory)
                                strbuf_addf(&b, "%s_file: \"%s/%s\"\n", last, secrets_directory,
                                        key->name);
                        else
                                strbuf_addf(&b, "# %s: (secret)\n", last);
                        continue;
                }
                last = enter(&b, key->name, &section);
                strbuf_addf(&b, "%s: ", last);
                put_value(&b, a, key);
                strbuf_putc(&b, '\n');
        }
        return strbuf_take(&b);
}

/* ---- schema ---- */

static json_t *item_schema(const struct answer_key *key)
{
        static const char *const patterns[] = {
                [ANSWER_MODE] = "^[0-7]{3,4}$",
                [ANSWER_SHA256] = "^[0-9a-f]{64}$",
                [ANSWER_VERSION] = "^v[0-9]+\\.[0-9]+\\.[0-9]+(-rc[0-9]+)?(\\+k3s[0-9]+)?$",
                [ANSWER_DURATION] = "^([0-9]+(ms|s|m|h|d))+$",
                [ANSWER_PATH] = "^/.*[^/]$",
                [ANSWER_HOSTNAME] =
                        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        };
        json_t *schema = json_object();

        if (key->type == ANSWER_BOOL) {
                json_object_set_new(schema, "type", json_string("boolean"));
                return schema;
        }
        if (key->type == ANSWER_INTEGER) {
                json_object_set_new(schema, "type", json_string("integer"));
                json_object_set_new(schema, "minimum", json_integer(key->min));
                json_object_set_new(schema, "maximum", json_integer(key->max));
                return schema;
        }
        json_object_set_new(schema, "type", json_string("string"));
        if (key->type == ANSWER_ENUM) {
                json_t *choices = json_array();

                for (size_t i = 0; key->choices[i]; i++)
                        json_array_append_new(choices, json_string(key->choices[i]));
                json_object_set_new(schema, "enum", choices);
        }
        if ((size_t) key->type < ARRAY_LEN(patterns) && patterns[key->type])
                json_object_set_new(schema, "pattern", json_string(patterns[key->type]));
        if (key->type == ANSWER_URL)
                json_object_set_new(schema, "format", json_string("uri"));
        return schema;
}

static json_t *key_schema(const struct answer_key *key)
{
        json_t *schema = item_schema(key);

        if (key->flags & ANSWER_LIST)
                /* One item needs no brackets. */
                schema = json_pack(
                        "{s:[O, {s:s, s:o}]}", "anyOf", schema, "type", "array", "items", schema);
        json_object_set_new(schema, "description", json_string(key->title));
        if (key->default_value && key->type == ANSWER_INTEGER)
                json_object_set_new(
                        schema, "default", json_integer(strtoll(key->default_value, NULL, 10)));
        else if (key->default_value && !(key->flags & ANSWER_LIST))
                json_object_set_new(schema, "default", json_string(key->default_value));
        return schema;
}

static json_t *object_schema(void)
{
        return json_pack(
                "{s:s, s:{}, s:b}", "type", "object", "properties", "additionalProperties", 0);
}

char *answers_schema(void)
{
        json_t *top = object_schema();
        char *text, *result;

        json_object_set_new(
                top, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
        json_object_set_new(top, "title", json_string("k3wizard answers"));
        json_object_set_new(top, "required", json_pack("[s, s]", "version", "role"));
        for (size_t i = 0; i < answer_keys_len; i++) {
                const char *name = answer_keys[i].name, *dot = strchr(name, '.');
                json_t *properties = json_object_get(top, "properties");

                if (dot) {
                        _cleanup_free_ char *section = xstrndup(name, (size_t) (dot - name));

                        if (!json_object_get(properties, section))
                                json_object_set_new(properties, section, object_schema());
                        properties =
                                json_object_get(json_object_get(properties, section), "properties");
                        name = dot + 1;
                }
                json_object_set_new(properties, name, key_schema(&answer_keys[i]));
        }
        text = json_dumps(top, JSON_INDENT(2));
        json_decref(top);
        result = xasprintf("%s\n", text);
        free(text);
        return result;
}
