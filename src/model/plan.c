/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan.h"
#include "../base/escape.h"
#include "../base/str.h"

/* ---- substitution ---- */

/* Replaces every {{name}}. *ret_unknown (may be NULL) gets the first name that nobody knows. */
static char *substitute(const char *text, const struct vars *vars, char **ret_unknown)
{
        _cleanup_strbuf_ struct strbuf b = {0};
        const char *at = text, *open;

        while ((open = strstr(at, "{{"))) {
                const char *close = strstr(open, "}}");
                _cleanup_free_ char *name = NULL;
                const char *value;

                if (!close)
                        break;
                name = xstrndup(open + 2, (size_t) (close - open - 2));
                value = vars->get(vars->data, str_strip(name));
                strbuf_add(&b, at, (size_t) (open - at));
                if (value)
                        strbuf_puts(&b, value);
                else
                        strbuf_add(&b, open, (size_t) (close + 2 - open));
                if (!value && ret_unknown && !*ret_unknown)
                        *ret_unknown = xstrdup(str_strip(name));
                at = close + 2;
        }
        strbuf_puts(&b, at);
        return strbuf_take(&b);
}

char *plan_substitute(const char *text, const struct vars *vars)
{
        return substitute(text, vars, NULL);
}

struct builder {
        const struct procedure *procedure;
        const struct vars *vars;
        struct problems *problems;
};

static char *fill(struct builder *b, const struct yaml_node *node)
{
        _cleanup_free_ char *unknown = NULL;
        char *text = substitute(node->value, b->vars, &unknown);

        if (unknown) {
                _cleanup_free_ char *shown = escape_text(unknown);

                problems_add(b->problems, b->procedure->file, node->line, node->column,
                        "{{%s}} is neither an answer nor a fact", shown);
        }
        return text;
}

/* "{{key}}" and nothing else. */
static bool is_one_name(const char *text)
{
        return str_starts(text, "{{") && strstr(text, "}}") == text + strlen(text) - 2;
}

static json_t *fill_list(struct builder *b, const struct yaml_node *node)
{
        json_t *list = json_array();

        for (size_t i = 0; i < node->n; i++) {
                _cleanup_free_ char *text = fill(b, node->items[i]);
                _cleanup_strv_ char **parts = NULL;

                if (!*text)
                        continue;
                if (!is_one_name(node->items[i]->value)) {
                        json_array_append_new(list, json_string(text));
                        continue;
                }
                parts = strv_split(text, ",");
                for (size_t k = 0; parts && parts[k]; k++)
                        json_array_append_new(list, json_string(parts[k]));
        }
        return list;
}

static json_t *fill_map(struct builder *b, const struct yaml_node *node)
{
        json_t *map = json_object();

        for (size_t i = 0; i < node->n; i++) {
                _cleanup_free_ char *text = fill(b, node->pairs[i].value);

                if (*text)
                        json_object_set_new(map, node->pairs[i].key->value, json_string(text));
        }
        return map;
}

static void fill_action(struct builder *b, const struct step_action *from, struct plan_action *to)
{
        to->verb = from->verb;
        to->args = json_object();
        for (size_t i = 0; i < from->args->n; i++) {
                const struct yaml_node *value = from->args->pairs[i].value;
                const char *name = from->args->pairs[i].key->value;

                if (value->kind == YAML_SEQUENCE) {
                        json_object_set_new(to->args, name, fill_list(b, value));
                } else if (value->kind == YAML_MAPPING) {
                        json_object_set_new(to->args, name, fill_map(b, value));
                } else {
                        _cleanup_free_ char *text = fill(b, value);

                        json_object_set_new(to->args, name, json_string(text));
                }
        }
}

static struct plan_action *fill_actions(struct builder *b, const struct step_action *from, size_t n)
{
        struct plan_action *to = xcalloc(n + 1, sizeof(*to));

        for (size_t i = 0; i < n; i++)
                fill_action(b, &from[i], &to[i]);
        return to;
}

/* ---- building ---- */

static bool applies(struct builder *b, const struct step *s)
{
        for (size_t i = 0; i < s->n_when; i++) {
                const char *value = b->vars->get(b->vars->data, s->when[i].key);

                if (!value) {
                        _cleanup_free_ char *shown = escape_text(s->when[i].key);

                        problems_add(b->problems, b->procedure->file, s->line, 1,
                                "the condition asks for %s, which is neither an answer nor a fact",
                                shown);
                        return false;
                }
                if (!strv_has(s->when[i].values, value))
                        return false;
        }
        return true;
}

static void build_step(struct builder *b, const struct step *s, struct plan_step *to)
{
        to->id = xstrdup(s->id);
        to->title = xstrdup(s->title);
        to->explain = xstrdup(s->explain);
        to->by_hand = s->by_hand ? plan_substitute(s->by_hand, b->vars) : NULL;
        to->safer = xstrdup(s->safer);
        to->undo = xstrdup(s->undo);
        to->skippable = s->skippable;
        to->acquire = fill_actions(b, s->acquire, s->n_acquire);
        to->actions = fill_actions(b, s->actions, s->n_actions);
        to->verify = fill_actions(b, s->verify, s->n_verify);
        to->n_acquire = s->n_acquire;
        to->n_actions = s->n_actions;
        to->n_verify = s->n_verify;
}

int plan_build(const struct procedure *p, const struct vars *vars, struct plan **ret,
        struct problems *problems)
{
        _cleanup_plan_ struct plan *plan = xcalloc(1, sizeof(*plan));
        struct builder b = {.procedure = p, .vars = vars, .problems = problems};
        size_t before = problems->n;

        plan->procedure = xstrdup(p->name);
        plan->steps = xcalloc(p->n + 1, sizeof(*plan->steps));
        for (size_t i = 0; i < p->n; i++)
                if (applies(&b, &p->steps[i]))
                        build_step(&b, &p->steps[i], &plan->steps[plan->n++]);
        if (problems->n > before)
                return -EINVAL;
        *ret = TAKE_PTR(plan);
        return 0;
}

/* ---- JSON ---- */

static json_t *actions_to_json(const struct plan_action *actions, size_t n)
{
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(
                        list, json_pack("{s:O}", actions[i].verb->name, actions[i].args));
        return list;
}

static void put_text(json_t *object, const char *key, const char *text)
{
        if (text)
                json_object_set_new(object, key, json_string(text));
}

json_t *plan_to_json(const struct plan *p)
{
        json_t *steps = json_array();

        for (size_t i = 0; i < p->n; i++) {
                const struct plan_step *s = &p->steps[i];
                json_t *step = json_object();

                put_text(step, "id", s->id);
                put_text(step, "title", s->title);
                put_text(step, "explain", s->explain);
                put_text(step, "by_hand", s->by_hand);
                put_text(step, "safer", s->safer);
                put_text(step, "undo", s->undo);
                if (s->skippable)
                        json_object_set_new(step, "skippable", json_true());
                json_object_set_new(step, "acquire", actions_to_json(s->acquire, s->n_acquire));
                json_object_set_new(step, "do", actions_to_json(s->actions, s->n_actions));
                json_object_set_new(step, "verify", actions_to_json(s->verify, s->n_verify));
                json_array_append_new(steps, step);
        }
        return json_pack("{s:s, s:o}", "procedure", p->procedure, "steps", steps);
}

static const struct verb *verb_by_name(const struct verb *const *verbs, const char *name)
{
        for (size_t i = 0; verbs[i]; i++)
                if (str_eq(verbs[i]->name, name))
                        return verbs[i];
        return NULL;
}

static int actions_from_json(const json_t *list, const struct verb *const *verbs,
        struct plan_action **ret, size_t *ret_n, struct error **err)
{
        size_t n = json_array_size(list);

        *ret = xcalloc(n + 1, sizeof(**ret));
        *ret_n = n;
        for (size_t i = 0; i < n; i++) {
                json_t *item = json_array_get(list, i), *args;
                void *iter = json_object_iter(item);
                const char *name = iter ? json_object_iter_key(iter) : NULL;

                (*ret)[i].verb = verb_by_name(verbs, name);
                args = iter ? json_object_iter_value(iter) : NULL;
                if (!(*ret)[i].verb || !json_is_object(args)) {
                        _cleanup_free_ char *shown = escape_text(name);

                        return error_kind(err, ERROR_ATTENTION, EBADMSG,
                                "The plan holds an action that this k3wizard does not know: %s",
                                shown);
                }
                (*ret)[i].args = json_deep_copy(args);
        }
        return 0;
}

static char *get_text(const json_t *object, const char *key)
{
        return xstrdup(json_string_value(json_object_get(object, key)));
}

static int step_from_json(const json_t *json, const struct verb *const *verbs, struct plan_step *s,
        struct error **err)
{
        int r;

        s->id = get_text(json, "id");
        s->title = get_text(json, "title");
        s->explain = get_text(json, "explain");
        s->by_hand = get_text(json, "by_hand");
        s->safer = get_text(json, "safer");
        s->undo = get_text(json, "undo");
        s->skippable = json_is_true(json_object_get(json, "skippable"));
        if (!s->id || !s->title)
                return error_kind(
                        err, ERROR_ATTENTION, EBADMSG, "A step of the plan has no id or no title");
        r = actions_from_json(
                json_object_get(json, "acquire"), verbs, &s->acquire, &s->n_acquire, err);
        if (r == 0)
                r = actions_from_json(
                        json_object_get(json, "do"), verbs, &s->actions, &s->n_actions, err);
        if (r == 0)
                r = actions_from_json(
                        json_object_get(json, "verify"), verbs, &s->verify, &s->n_verify, err);
        return r;
}

int plan_from_json(
        const json_t *json, const struct verb *const *verbs, struct plan **ret, struct error **err)
{
        _cleanup_plan_ struct plan *plan = xcalloc(1, sizeof(*plan));
        const json_t *steps = json_object_get(json, "steps");

        plan->procedure = get_text(json, "procedure");
        if (!plan->procedure || !json_is_array(steps))
                return error_kind(err, ERROR_ATTENTION, EBADMSG, "The plan is not one");
        plan->steps = xcalloc(json_array_size(steps) + 1, sizeof(*plan->steps));
        for (size_t i = 0; i < json_array_size(steps); i++) {
                int r;

                plan->n = i + 1;
                r = step_from_json(json_array_get(steps, i), verbs, &plan->steps[i], err);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(plan);
        return 0;
}

/* ---- the rest ---- */

static bool actions_equal(
        const struct plan_action *a, size_t n_a, const struct plan_action *b, size_t n_b)
{
        if (n_a != n_b)
                return false;
        for (size_t i = 0; i < n_a; i++)
                if (!str_eq(a[i].verb->name, b[i].verb->name) || !json_equal(a[i].args, b[i].args))
                        return false;
        return true;
}

bool plan_equal(const struct plan *a, const struct plan *b)
{
        if (!str_eq(a->procedure, b->procedure) || a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                const struct plan_step *x = &a->steps[i], *y = &b->steps[i];

                if (!str_eq(x->id, y->id) ||
                        !actions_equal(x->acquire, x->n_acquire, y->acquire, y->n_acquire) ||
                        !actions_equal(x->actions, x->n_actions, y->actions, y->n_actions) ||
                        !actions_equal(x->verify, x->n_verify, y->verify, y->n_verify))
                        return false;
        }
        return true;
}

const struct plan_step *plan_find(const struct plan *p, const char *id, size_t *ret_index)
{
        for (size_t i = 0; i < p->n; i++)
                if (str_eq(p->steps[i].id, id)) {
                        if (ret_index)
                                *ret_index = i;
                        return &p->steps[i];
                }
        return NULL;
}

const char *plan_text(const struct plan_action *a, const char *name)
{
        return json_string_value(json_object_get(a->args, name));
}

static void actions_free(struct plan_action *actions, size_t n)
{
        for (size_t i = 0; actions && i < n; i++)
                json_decref(actions[i].args);
        free(actions);
}

void plan_free(struct plan *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < p->n; i++) {
                struct plan_step *s = &p->steps[i];

                free(s->id);
                free(s->title);
                free(s->explain);
                free(s->by_hand);
                free(s->safer);
                free(s->undo);
                actions_free(s->acquire, s->n_acquire);
                actions_free(s->actions, s->n_actions);
                actions_free(s->verify, s->n_verify);
        }
        free(p->steps);
        free(p->procedure);
        free(p);
}
