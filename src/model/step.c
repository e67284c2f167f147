/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "step.h"
#include "../base/escape.h"
#include "../base/str.h"

const char *step_class_name(enum step_class c)
{
        static const char *const names[] = {
                [STEP_REVERSIBLE] = "reversible",
                [STEP_COMPENSABLE] = "compensable",
                [STEP_IRREVERSIBLE] = "irreversible",
        };
        return names[c];
}

struct reader {
        const char *file;
        const struct verb *const *verbs;
        struct problems *problems;
};

static void complain_unknown(
        struct reader *r, const struct yaml_node *key, const char *what, const char *const *known)
{
        _cleanup_free_ char *shown = escape_text(key->value);
        const char *nearest = str_nearest(key->value, known);

        if (nearest)
                problems_add(r->problems, r->file, key->line, key->column,
                        "unknown %s \"%s\"; did you mean %s?", what, shown, nearest);
        else
                problems_add(r->problems, r->file, key->line, key->column, "unknown %s \"%s\"",
                        what, shown);
}

static bool want(
        struct reader *r, const struct yaml_node *node, enum yaml_kind kind, const char *what)
{
        static const char *const kinds[] = {
                [YAML_SCALAR] = N_("a text"),
                [YAML_SEQUENCE] = N_("a list"),
                [YAML_MAPPING] = N_("keys and values"),
        };

        if (node->kind == kind)
                return true;
        problems_add(r->problems, r->file, node->line, node->column, "%s should be %s", what,
                _(kinds[kind]));
        return false;
}

/* ---- one action ---- */

static const struct verb *find_verb(struct reader *r, const struct yaml_node *key)
{
        _cleanup_strv_ char **names = NULL;

        for (size_t i = 0; r->verbs[i]; i++) {
                if (str_eq(r->verbs[i]->name, key->value))
                        return r->verbs[i];
                strv_add(&names, r->verbs[i]->name);
        }
        complain_unknown(r, key, _("action"), (const char *const *) names);
        return NULL;
}

static void check_texts(struct reader *r, const struct yaml_node *node, const char *name)
{
        for (size_t i = 0; i < node->n; i++)
                (void) want(r, node->kind == YAML_SEQUENCE ? node->items[i] : node->pairs[i].value,
                        YAML_SCALAR, name);
}

static void check_args(struct reader *r, const struct verb *verb, const struct yaml_node *key,
        const struct yaml_node *args)
{
        static const enum yaml_kind kinds[] = {
                [VERB_ARG_TEXT] = YAML_SCALAR,
                [VERB_ARG_LIST] = YAML_SEQUENCE,
                [VERB_ARG_MAP] = YAML_MAPPING,
        };
        _cleanup_strv_ char **names = NULL;

        for (const struct verb_arg *a = verb->args; a->name; a++) {
                const struct yaml_node *value = yaml_get(args, a->name);

                strv_add(&names, a->name);
                if (!value && a->required)
                        problems_add(r->problems, r->file, key->line, key->column, "%s needs %s",
                                verb->name, a->name);
                if (value && want(r, value, kinds[a->type], a->name) && a->type != VERB_ARG_TEXT)
                        check_texts(r, value, a->name);
        }
        for (size_t i = 0; i < args->n; i++)
                if (!strv_has(names, args->pairs[i].key->value))
                        complain_unknown(
                                r, args->pairs[i].key, verb->name, (const char *const *) names);
}

static void read_action(struct reader *r, const struct yaml_node *node, enum verb_where where,
        struct step_action *ret)
{
        const struct yaml_node *key, *args;

        if (!want(r, node, YAML_MAPPING, _("an action")))
                return;
        if (node->n != 1) {
                problems_add(r->problems, r->file, node->line, node->column,
                        "an action is one word with its arguments");
                return;
        }
        key = node->pairs[0].key;
        args = node->pairs[0].value;
        ret->verb = find_verb(r, key);
        ret->args = args;
        ret->line = key->line;
        ret->column = key->column;
        if (!ret->verb || !want(r, args, YAML_MAPPING, key->value))
                return;
        if (!(ret->verb->where & where))
                problems_add(r->problems, r->file, key->line, key->column,
                        "%s does not belong here: it is for %s", key->value,
                        ret->verb->where & VERB_ACQUIRE ? "acquire" :
                        ret->verb->where & VERB_VERIFY  ? "verify" :
                                                          "do");
        check_args(r, ret->verb, key, args);
}

static void read_actions(struct reader *r, const struct yaml_node *node, enum verb_where where,
        const char *name, struct step_action **ret, size_t *ret_n)
{
        if (!want(r, node, YAML_SEQUENCE, name))
                return;
        *ret = xcalloc(node->n + 1, sizeof(**ret));
        *ret_n = node->n;
        for (size_t i = 0; i < node->n; i++)
                read_action(r, node->items[i], where, &(*ret)[i]);
}

/* ---- one step ---- */

static void read_when(struct reader *r, const struct yaml_node *node, struct step *s)
{
        if (!want(r, node, YAML_MAPPING, "when"))
                return;
        s->when = xcalloc(node->n + 1, sizeof(*s->when));
        s->n_when = node->n;
        for (size_t i = 0; i < node->n; i++) {
                const struct yaml_node *value = node->pairs[i].value;

                s->when[i].key = xstrdup(node->pairs[i].key->value);
                if (value->kind == YAML_SCALAR)
                        strv_add(&s->when[i].values, value->value);
                else if (want(r, value, YAML_SEQUENCE, node->pairs[i].key->value))
                        for (size_t k = 0; k < value->n; k++)
                                if (want(r, value->items[k], YAML_SCALAR,
                                            node->pairs[i].key->value))
                                        strv_add(&s->when[i].values, value->items[k]->value);
        }
}

static void read_text(struct reader *r, const struct yaml_node *value, const char *name, char **ret)
{
        size_t len;

        if (!want(r, value, YAML_SCALAR, name))
                return;
        str_set(ret, value->value);
        /* A folded block ends with a newline that nobody meant. */
        for (len = strlen(*ret); len > 0 && (*ret)[len - 1] == '\n'; len--)
                (*ret)[len - 1] = '\0';
}

static void read_key(struct reader *r, const struct yaml_node *key, const struct yaml_node *value,
        struct step *s)
{
        static const char *const known[] = {"id", "title", "explain", "by_hand", "safer", "undo",
                "when", "skippable", "acquire", "do", "verify", NULL};
        const char *k = key->value;

        if (str_eq(k, "id"))
                read_text(r, value, k, &s->id);
        else if (str_eq(k, "title"))
                read_text(r, value, k, &s->title);
        else if (str_eq(k, "explain"))
                read_text(r, value, k, &s->explain);
        else if (str_eq(k, "by_hand"))
                read_text(r, value, k, &s->by_hand);
        else if (str_eq(k, "safer"))
                read_text(r, value, k, &s->safer);
        else if (str_eq(k, "undo"))
                read_text(r, value, k, &s->undo);
        else if (str_eq(k, "when"))
                read_when(r, value, s);
        else if (str_eq(k, "acquire"))
                read_actions(r, value, VERB_ACQUIRE, k, &s->acquire, &s->n_acquire);
        else if (str_eq(k, "do"))
                read_actions(r, value, VERB_DO, k, &s->actions, &s->n_actions);
        else if (str_eq(k, "verify"))
                read_actions(r, value, VERB_VERIFY, k, &s->verify, &s->n_verify);
        else if (!str_eq(k, "skippable"))
                complain_unknown(r, key, _("key"), known);
        else if (want(r, value, YAML_SCALAR, k)) {
                if (!str_eq(value->value, "true") && !str_eq(value->value, "false"))
                        problems_add(r->problems, r->file, value->line, value->column,
                                "skippable is true or false");
                s->skippable = str_eq(value->value, "true");
        }
}

static void read_step(struct reader *r, const struct yaml_node *node, struct step *s)
{
        if (!want(r, node, YAML_MAPPING, _("a step")))
                return;
        s->line = node->line;
        for (size_t i = 0; i < node->n; i++)
                read_key(r, node->pairs[i].key, node->pairs[i].value, s);
        if (!s->id || !*s->id)
                problems_add(r->problems, r->file, node->line, node->column, "the step has no id");
        if (!s->title || !*s->title)
                problems_add(
                        r->problems, r->file, node->line, node->column, "the step has no title");
        if (!s->explain || !*s->explain)
                problems_add(r->problems, r->file, node->line, node->column,
                        "the step has no explain: say why it exists");
        if (s->n_acquire + s->n_actions + s->n_verify == 0)
                problems_add(r->problems, r->file, node->line, node->column,
                        "the step neither does nor verifies anything");
}

/* ---- the file ---- */

static void check_order(struct reader *r, const struct procedure *p)
{
        bool changed = false;

        for (size_t i = 0; i < p->n; i++) {
                const struct step *s = &p->steps[i];

                for (size_t k = 0; k < i; k++)
                        if (s->id && str_eq(p->steps[k].id, s->id)) {
                                _cleanup_free_ char *shown = escape_text(s->id);

                                problems_add(r->problems, r->file, s->line, 1,
                                        "the id %s is taken by the step in line %d", shown,
                                        p->steps[k].line);
                        }
                /* All that is needed is acquired before anything is changed. */
                if (s->n_acquire > 0 && changed)
                        problems_add(r->problems, r->file, s->line, 1,
                                "a step that acquires must stand before every step that changes");
                changed = changed || s->n_actions > 0;
        }
}

static void read_steps(struct reader *r, const struct yaml_node *node, struct procedure *p)
{
        if (!want(r, node, YAML_SEQUENCE, "steps"))
                return;
        p->steps = xcalloc(node->n + 1, sizeof(*p->steps));
        p->n = node->n;
        for (size_t i = 0; i < node->n; i++)
                read_step(r, node->items[i], &p->steps[i]);
        check_order(r, p);
}

int procedure_parse(const char *name, const char *bytes, size_t len,
        const struct verb *const *verbs, struct procedure **ret, struct problems *problems)
{
        static const char *const known[] = {"procedure", "title", "steps", NULL};
        _cleanup_procedure_ struct procedure *p = xcalloc(1, sizeof(*p));
        struct reader r = {.file = name, .verbs = verbs, .problems = problems};
        size_t before = problems->n;
        const struct yaml_node *top;

        p->file = xstrdup(name);
        if (yaml_parse(name, bytes, len, &p->document, problems) < 0)
                return -EINVAL;
        top = p->document;
        if (!top) {
                problems_add(problems, name, 0, 0, "the file is empty");
                return -EINVAL;
        }
        if (!want(&r, top, YAML_MAPPING, _("a procedure")))
                return -EINVAL;
        for (size_t i = 0; i < top->n; i++) {
                const struct yaml_node *key = top->pairs[i].key, *value = top->pairs[i].value;

                if (str_eq(key->value, "procedure"))
                        read_text(&r, value, key->value, &p->name);
                else if (str_eq(key->value, "title"))
                        read_text(&r, value, key->value, &p->title);
                else if (str_eq(key->value, "steps"))
                        read_steps(&r, value, p);
                else
                        complain_unknown(&r, key, _("key"), known);
        }
        if (!p->name)
                problems_add(problems, name, top->line, top->column,
                        "the file does not name its procedure");
        if (p->n == 0)
                problems_add(problems, name, top->line, top->column, "the procedure has no steps");
        if (problems->n > before)
                return -EINVAL;
        *ret = TAKE_PTR(p);
        return 0;
}

void procedure_free(struct procedure *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < p->n; i++) {
                struct step *s = &p->steps[i];

                free(s->id);
                free(s->title);
                free(s->explain);
                free(s->by_hand);
                free(s->safer);
                free(s->undo);
                for (size_t k = 0; k < s->n_when; k++) {
                        free(s->when[k].key);
                        strv_free(s->when[k].values);
                }
                free(s->when);
                free(s->acquire);
                free(s->actions);
                free(s->verify);
        }
        free(p->steps);
        free(p->name);
        free(p->title);
        free(p->file);
        yaml_node_free(p->document);
        free(p);
}

const struct step *procedure_find(const struct procedure *p, const char *id)
{
        for (size_t i = 0; i < p->n; i++)
                if (str_eq(p->steps[i].id, id))
                        return &p->steps[i];
        return NULL;
}
