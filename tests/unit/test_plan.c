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

/* Each is a file that is wrong in one way; the words are part of what is said. */
static const struct {
        const char *text, *words;
} wrong_files[] = {
        {"", "p.yaml"},
        {"- a\n", "a procedure"},
        {"procedure: p\n", "step"},
        {"steps: []\n", "procedure"},
        {"procedure: p\nsteps: x\n", "steps"},
        {"procedure: p\nsteps: [x]\n", "a step"},
        {"procedure: [p]\nsteps: []\n", "procedure"},
        {"procedure: p\nstepps: []\n", "steps"},
        {"procedure: p\nsteps:\n  - {title: T, explain: e, verify: [{node: {name: x}}]}\n", "id"},
        {"procedure: p\nsteps:\n  - {id: a, explain: e, verify: [{node: {name: x}}]}\n", "title"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, verify: [{node: {name: x}}]}\n", "explain"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e}\n", "neither does nor verifies"},
        {"procedure: p\nsteps:\n  - {id: a, title: [T], explain: e, verify: [{node: {name: x}}]}\n",
                "title"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, skippable: maybe, verify: "
         "[{node: "
         "{name: x}}]}\n",
                "skippable"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, whenn: {a: b}, verify: [{node: "
         "{name: x}}]}\n",
                "when"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, when: x, verify: [{node: {name: "
         "x}}]}\n",
                "when"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, when: {role: [[x]]}, verify: "
         "[{node: "
         "{name: x}}]}\n",
                "role"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, when: {role: {x: y}}, verify: "
         "[{node: {name: x}}]}\n",
                "role"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, verify: x}\n", "verify"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, verify: [x]}\n", "an action"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, verify: [{node: {name: x}, b: "
         "{}}]}\n",
                "one"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, verify: [{node: x}]}\n", "node"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, verify: [{nodde: {name: x}}]}\n",
                "node"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, verify: [{zzzzzzzz: {name: "
         "x}}]}\n",
                "zzzzzzzz"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, verify: [{file: {path: x}}]}\n",
                "file"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, do: [{node: {name: x}}]}\n",
                "node"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, do: [{fetch: {url: x}}]}\n",
                "fetch"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, verify: [{node: {}}]}\n", "name"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, verify: [{node: {name: [x]}}]}\n",
                "name"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, do: [{file: {path: x, lines: "
         "y}}]}\n",
                "lines"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, do: [{file: {path: x, values: "
         "[y]}}]}\n",
                "values"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, do: [{file: {path: x, values: "
         "{k: "
         "[y]}}}]}\n",
                "values"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, do: [{file: {path: x, lines: "
         "[[y]]}}]}\n",
                "lines"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, do: [{file: {path: x}}]}\n"
         "  - {id: a, title: T, explain: e, do: [{file: {path: y}}]}\n",
                "a"},
        {"procedure: p\nsteps:\n  - {id: a, title: T, explain: e, do: [{file: {path: x}}]}\n"
         "  - {id: b, title: T, explain: e, acquire: [{fetch: {url: y}}]}\n",
                "acquire"},
};

static void each_way_to_be_wrong_is_told(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(wrong_files); i++) {
                _cleanup_problems_ struct problems problems = {0};
                _cleanup_procedure_ struct procedure *p = parse(wrong_files[i].text, &problems);
                _cleanup_error_ struct error *e = NULL;

                if (p)
                        fail_msg("it takes:\n%s", wrong_files[i].text);
                problems_error(&problems, &e);
                if (!strstr(e->message, wrong_files[i].words))
                        fail_msg("no \"%s\" in: %s", wrong_files[i].words, e->message);
        }
}

static void a_plan_that_is_not_one_is_refused(void **state)
{
        static const char *const texts[] = {"{}", "{\"procedure\": \"p\"}",
                "{\"procedure\": \"p\", \"steps\": 1}", "{\"steps\": []}",
                "{\"procedure\": \"p\", \"steps\": [1]}",
                "{\"procedure\": \"p\", \"steps\": [{\"id\": \"a\"}]}",
                "{\"procedure\": \"p\", \"steps\": [{\"title\": \"a\"}]}",
                "{\"procedure\": \"p\", \"steps\": [{\"id\": \"a\", \"title\": \"t\", "
                "\"do\": [1]}]}",
                "{\"procedure\": \"p\", \"steps\": [{\"id\": \"a\", \"title\": \"t\", "
                "\"do\": [{}]}]}",
                "{\"procedure\": \"p\", \"steps\": [{\"id\": \"a\", \"title\": \"t\", "
                "\"do\": [{\"file\": 1}]}]}",
                "{\"procedure\": \"p\", \"steps\": [{\"id\": \"a\", \"title\": \"t\", "
                "\"do\": [{\"nonsense\": {}}]}]}"};

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                json_t *json = json_loads(texts[i], 0, NULL);
                struct plan *plan = NULL;
                _cleanup_error_ struct error *e = NULL;

                assert_non_null(json);
                if (plan_from_json(json, verbs, &plan, &e) == 0)
                        fail_msg("it takes %s", texts[i]);
                json_decref(json);
        }
}

static void plans_differ_when_what_they_do_differs(void **state)
{
        static const char *const ways[] = {"procedure", "id", "args", "count"};

        for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
                _cleanup_plan_ struct plan *a = build(), *b = build();
                size_t n = b->n, index = 7;

                assert_true(plan_equal(a, b));
                str_set(&b->steps[0].title, "another wording");
                assert_true(plan_equal(a, b));
                if (i == 0)
                        str_set(&b->procedure, "other");
                if (i == 1)
                        str_set(&b->steps[1].id, "other");
                if (i == 2)
                        json_object_set_new(b->steps[1].actions[0].args, "path", json_string("/x"));
                if (i == 3)
                        b->n--;
                assert_false(plan_equal(a, b));
                b->n = n;
                assert_non_null(plan_find(a, "b", &index));
                assert_int_equal(index, 1);
                assert_non_null(plan_find(a, "a", NULL));
                assert_null(plan_find(a, "zzz", &index));
        }
}

static void braces_that_do_not_close_stay(void **state)
{
        static const char *const same[] = {"{{", "{{name", "}}{{", "{name}", "{{nonsense}}", ""};

        for (size_t i = 0; i < ARRAY_LEN(same); i++) {
                _cleanup_free_ char *text = plan_substitute(same[i], &vars);

                assert_string_equal(text, same[i]);
        }
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
                cmocka_unit_test(each_way_to_be_wrong_is_told),
                cmocka_unit_test(a_plan_that_is_not_one_is_refused),
                cmocka_unit_test(plans_differ_when_what_they_do_differs),
                cmocka_unit_test(braces_that_do_not_close_stay),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
