/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../../src/base/str.h"
#include "../../src/base/yaml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
/* cmocka wants the three above first */
#include <cmocka.h>

static int parse(const char *s, size_t len, struct yaml_node **node, struct problems *p)
{
        return yaml_parse("f", s, len, node, p);
}

#define REFUSED(text, at, part) refused(text, sizeof(text) - 1, at, part)
static void refused(const char *s, size_t len, const char *at, const char *part)
{
        _cleanup_problems_ struct problems p = {0};
        _cleanup_error_ struct error *err = NULL;
        struct yaml_node *node = NULL;

        assert_int_equal(parse(s, len, &node, &p), -EINVAL);
        assert_null(node);
        assert_int_equal(problems_error(&p, &err), -EINVAL);
        assert_int_equal(err->kind, ERROR_INVALID);
        if (!strstr(err->plain, at) || !strstr(err->plain, part))
                fail_msg("wanted \"%s\" and \"%s\" in: %s", at, part, err->plain);
}

static void refuses_what_is_not_plain_text(void **state)
{
        REFUSED("a: b\nc: \0d\n", "f:2:4:", "NUL");
        REFUSED("a: \xff\n", "f:1:4:", "\\xff");
        REFUSED("a: \xe2\x80\xae x\n", "f:1:4:", "\\u{202E}");
        REFUSED("a: \"\\e[31m\"\n", "f:1:4:", "\\x1b");
        REFUSED("a: \"\\0\"\n", "f:1:4:", "\\x00");
        REFUSED("a: \"\\u202e\"\n", "f:1:4:", "\\u{202E}");
        REFUSED("\xff\xfe"
                "a\0:\0",
                "f: ", "UTF-16");
        REFUSED("a\0:\0 \0b\0", "f: ", "UTF-16");
}

static void refuses_what_makes_yaml_surprising(void **state)
{
        REFUSED("a: 1\nb: 2\na: 3\n", "f:3:1:", "line 1");
        REFUSED("a: &x 1\n", "f:1:4:", "anchors");
        REFUSED("a: &x 1\nb: *x\n", "f:2:4:", "aliases");
        REFUSED("a: !!str 1\n", "f:1:4:", "tags");
        REFUSED("<<: {a: 1}\n", "f:1:1:", "merge");
        REFUSED("a: 1\n---\nb: 2\n", "f:2:1:", "second document");
        REFUSED("%YAML 1.1\n---\na: 1\n", "f:1:1:", "directives (%YAML, %TAG)");
        REFUSED("? [a]\n: 1\n", "f:1:3:", "a key must be a word");
        REFUSED("a:\n\tb: 1\n", "f:2:1:", "tab");
}

static void reports_everything_at_once(void **state)
{
        const char text[] = "a: &x 1\na: \"\\e\"\nb: !t 2\nc: \xe2\x80\x8b\n";

        REFUSED("a: &x 1\na: \"\\e\"\nb: !t 2\nc: \xe2\x80\x8b\n", "f:1:4:", "f:2:1:");
        refused(text, sizeof(text) - 1, "f:2:4:", "f:3:4:");
        refused(text, sizeof(text) - 1, "f:4:4:", "\\u{200B}");
}

static void keeps_scalars_as_strings(void **state)
{
        const char text[] = "\xef\xbb\xbf"
                            "a: no\r\nb: 1e3\r\nc: 0644\r\nd: 1.30\r\ne:\r\nf: ~\r\ng: \"~\"\r\n";
        const char *const want[] = {"no", "1e3", "0644", "1.30", "", "", "~"};
        _cleanup_problems_ struct problems p = {0};
        _cleanup_yaml_ struct yaml_node *node = NULL;

        assert_int_equal(parse(text, sizeof(text) - 1, &node, &p), 0);
        assert_int_equal(p.n, 0);
        assert_int_equal(node->n, 7);
        for (size_t i = 0; i < node->n; i++) {
                assert_string_equal(node->pairs[i].value->value, want[i]);
                assert_int_equal(node->pairs[i].key->line, (int) i + 1);
                assert_int_equal(node->pairs[i].key->column, 1);
        }
        assert_true(yaml_get(node, "g")->quoted);
        assert_null(yaml_get(node, "h"));
}

static void an_empty_document_is_nothing(void **state)
{
        static const char *const empty[] = {"", "\n", "# only words\n", "---\n", "~\n"};

        for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
                _cleanup_problems_ struct problems p = {0};
                struct yaml_node *node = (void *) -1;

                assert_int_equal(parse(empty[i], strlen(empty[i]), &node, &p), 0);
                assert_null(node);
        }
}

static void stops_depth_bombs_at_once(void **state)
{
        static const char *const units[] = {"[", "{a: ", "- ", "? ", "[\n", "{\"a\":["};

        for (size_t i = 0; i < ARRAY_LEN(units); i++) {
                _cleanup_strbuf_ struct strbuf b = {0};
                clock_t start = clock();

                while (b.len + strlen(units[i]) <= YAML_SIZE_MAX)
                        strbuf_puts(&b, units[i]);
                refused(b.s, b.len, "f:", "deeper than 16");
                assert_true(clock() - start < CLOCKS_PER_SEC / 4);
        }
}

static void takes_sixteen_levels_and_not_seventeen(void **state)
{
        _cleanup_problems_ struct problems p = {0};
        _cleanup_yaml_ struct yaml_node *node = NULL;

        assert_int_equal(parse("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", 32, &node, &p), 0);
        REFUSED("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", "f:1:17:", "deeper than 16");
}

static void refuses_more_than_64_kib_and_lists_no_flood(void **state)
{
        _cleanup_free_ char *zeros = xcalloc(YAML_SIZE_MAX + 1, 1);
        _cleanup_problems_ struct problems p = {0};
        struct yaml_node *node = NULL;

        memset(zeros, 1, YAML_SIZE_MAX + 1);
        refused(zeros, YAML_SIZE_MAX + 1, "f: ", "64 KiB");
        assert_int_equal(parse(zeros, YAML_SIZE_MAX, &node, &p), -EINVAL);
        assert_true(p.n <= 60);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(refuses_what_is_not_plain_text),
                cmocka_unit_test(refuses_what_makes_yaml_surprising),
                cmocka_unit_test(reports_everything_at_once),
                cmocka_unit_test(keeps_scalars_as_strings),
                cmocka_unit_test(an_empty_document_is_nothing),
                cmocka_unit_test(stops_depth_bombs_at_once),
                cmocka_unit_test(takes_sixteen_levels_and_not_seventeen),
                cmocka_unit_test(refuses_more_than_64_kib_and_lists_no_flood),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
