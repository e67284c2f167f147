/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../../src/base/str.h"
#include "../../src/model/plan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct verb verb_file = {"file", VERB_DO,
        (const struct verb_arg[]){{"path", VERB_ARG_TEXT, true}, {"lines", VERB_ARG_LIST, false},
                {"values", VERB_ARG_MAP, false}, {0}}};
static const struct verb verb_fetch = {
        "fetch", VERB_ACQUIRE, (const struct verb_arg[]){{"url", VERB_ARG_TEXT, true}, {0}}};
static const struct verb verb_node = {
        "node", VERB_VERIFY, (const struct verb_arg[]){{"name", VERB_ARG_TEXT, true}, {0}}};
static const struct verb *const verbs[] = {&verb_file, &verb_fetch, &verb_node, NULL};

static const char *get(void *data, const char *name)
{
        static const char *const table[][2] = {{"role", "server"}, {"disable", "servicelb,traefik"},
                {"empty", ""}, {"name", "k3s-master"}, {"mean", "{{name}}"}};

        for (size_t i = 0; i < ARRAY_LEN(table); i++)
                if (str_eq(table[i][0], name))
                        return table[i][1];
        return NULL;
}

static const struct vars vars = {.get = get};

static const char good[] =
        "procedure: p\n"
        "steps:\n"
        "  - id: a\n"
        "    title: Fetch\n"
        "    explain: because\n"
        "    acquire:\n"
        "      - fetch: {url: \"https://x/{{name}}\"}\n"
        "  - id: b\n"
        "    title: Write\n"
        "    explain: because\n"
        "    when: {role: [agent, server]}\n"
        "    do:\n"
        "      - file:\n"
        "          path: /etc/{{ name }}\n"
        "          lines: [\"{{disable}}\", \"x={{disable}}\", \"{{empty}}\"]\n"
        "          values: {k: \"{{name}}\", gone: \"{{empty}}\", twice: \"{{mean}}\"}\n"
        "    verify:\n"
        "      - node: {name: \"{{name}}\"}\n"
        "  - id: c\n"
        "    title: Not for a server\n"
        "    explain: because\n"
        "    when: {role: agent}\n"
        "    verify:\n"
        "      - node: {name: x}\n";

static struct procedure *parse(const char *text, struct problems *problems)
{
        struct procedure *p = NULL;

        return procedure_parse("p.yaml", text, strlen(text), verbs, &p, problems) == 0 ? p : NULL;
}

static struct plan *build(void)
{
        _cleanup_problems_ struct problems problems = {0};
        _cleanup_procedure_ struct procedure *p = parse(good, &problems);
        struct plan *plan = NULL;

        assert_non_null(p);
        assert_int_equal(plan_build(p, &vars, &plan, &problems), 0);
        return plan;
}

static void fills_in_texts_lists_and_maps(void **state)
{
        _cleanup_plan_ struct plan *plan = build();
        const struct plan_action *a = &plan->steps[1].actions[0];
        const json_t *lines = json_object_get(a->args, "lines"),
                     *values = json_object_get(a->args, "values");

        assert_int_equal(plan->n, 2);
        assert_string_equal(plan_text(&plan->steps[0].acquire[0], "url"), "https://x/k3s-master");
        assert_string_equal(plan_text(a, "path"), "/etc/k3s-master");
        assert_int_equal(json_array_size(lines), 3);
        assert_string_equal(json_string_value(json_array_get(lines, 1)), "traefik");
        assert_string_equal(json_string_value(json_array_get(lines, 2)), "x=servicelb,traefik");
        assert_string_equal(json_string_value(json_object_get(values, "k")), "k3s-master");
        assert_null(json_object_get(values, "gone"));
}

static void does_not_substitute_what_a_value_says(void **state)
{
        _cleanup_plan_ struct plan *plan = build();
        const json_t *values = json_object_get(plan->steps[1].actions[0].args, "values");

        assert_string_equal(json_string_value(json_object_get(values, "twice")), "{{name}}");
}

static void survives_json_to_the_byte(void **state)
{
        _cleanup_plan_ struct plan *plan = build(), *again = NULL;
        json_t *a = plan_to_json(plan), *b;
        _cleanup_free_ char *x = json_dumps(a, JSON_COMPACT), *y = NULL;

        assert_int_equal(plan_from_json(a, verbs, &again, NULL), 0);
        b = plan_to_json(again);
        y = json_dumps(b, JSON_COMPACT);
        assert_string_equal(x, y);
        assert_true(plan_equal(plan, again));
        json_object_set_new(again->steps[1].actions[0].args, "path", json_string("/etc/other"));
        assert_false(plan_equal(plan, again));
        json_decref(a);
        json_decref(b);
}

static void refuses_a_plan_with_an_unknown_action(void **state)
{
        _cleanup_plan_ struct plan *plan = build(), *again = NULL;
        static const struct verb *const fewer[] = {&verb_fetch, &verb_node, NULL};
        _cleanup_error_ struct error *err = NULL;
        json_t *json = plan_to_json(plan);

        assert_int_equal(plan_from_json(json, fewer, &again, &err), -EBADMSG);
        assert_int_equal(err->kind, ERROR_ATTENTION);
        assert_null(again);
        json_decref(json);
}

static void an_unknown_name_is_a_problem_where_it_stands(void **state)
{
        static const char text[] = "procedure: p\nsteps:\n  - id: a\n    title: T\n    explain: e\n"
                                   "    do:\n      - file: {path: \"{{nobody.knows}}\"}\n";
        _cleanup_problems_ struct problems problems = {0};
        _cleanup_procedure_ struct procedure *p = parse(text, &problems);
        struct plan *plan = NULL;

        assert_non_null(p);
        assert_int_equal(plan_build(p, &vars, &plan, &problems), -EINVAL);
        assert_int_equal(problems.n, 1);
        assert_int_equal(problems.list[0].line, 7);
        assert_non_null(strstr(problems.list[0].plain, "nobody.knows"));
}

struct bad {
        const char *text, *says;
        int line;
};

static void says_everything_that_is_wrong_at_once(void **state)
{
        static const char text[] = "procedure: p\n"
                                   "steps:\n"
                                   "  - id: a\n"
                                   "    titel: Write\n"
                                   "    explain: e\n"
                                   "    do:\n"
                                   "      - fiel: {path: /x}\n"
                                   "      - file: {pth: /x}\n"
                                   "      - node: {name: x}\n"
                                   "  - id: a\n"
                                   "    title: T\n"
                                   "    explain: e\n"
                                   "    acquire:\n"
                                   "      - fetch: {url: [x]}\n";
        static const struct bad wanted[] = {
                {NULL, "did you mean title?", 4},
                {NULL, "did you mean file?", 7},
                {NULL, "file needs path", 8},
                {NULL, "did you mean path?", 8},
                {NULL, "node does not belong here", 9},
                {NULL, "has no title", 3},
                {NULL, "is taken by the step in line 3", 10},
                {NULL, "must stand before every step that changes", 10},
                {NULL, "url should be a text", 14},
        };
        _cleanup_problems_ struct problems problems = {0};

        assert_null(parse(text, &problems));
        for (size_t w = 0; w < ARRAY_LEN(wanted); w++) {
                bool found = false;

                for (size_t i = 0; i < problems.n; i++)
                        found = found || (strstr(problems.list[i].plain, wanted[w].says) &&
                                                 problems.list[i].line == wanted[w].line);
                if (!found)
                        fail_msg("nobody says: %s (line %d)", wanted[w].says, wanted[w].line);
        }
        assert_int_equal(problems.n, ARRAY_LEN(wanted));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fills_in_texts_lists_and_maps),
                cmocka_unit_test(does_not_substitute_what_a_value_says),
                cmocka_unit_test(survives_json_to_the_byte),
                cmocka_unit_test(refuses_a_plan_with_an_unknown_action),
                cmocka_unit_test(an_unknown_name_is_a_problem_where_it_stands),
                cmocka_unit_test(says_everything_that_is_wrong_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
