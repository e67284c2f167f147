/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "../../src/base/str.h"
#include "../../src/k3s/k3s.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HASH "10571d205d4c867fc08035e861e2702110571d205d4c867fc08035e861e27021"

static void reads_every_form(void **state)
{
        static const struct {
                const char *text;
                enum token_form form;
                const char *hash, *user;
        } cases[] = {
                {"K10" HASH "::server:pass:word\n", TOKEN_SECURE, HASH, "server"},
                {"  K10" HASH "::node:abc  ", TOKEN_SECURE, HASH, "node"},
                {"just-a-password", TOKEN_SHORT, "", ""},
                {"abcdef.0123456789abcdef", TOKEN_BOOTSTRAP, "", NULL},
                {"K10" HASH "::abcdef.0123456789abcdef", TOKEN_SECURE_BOOTSTRAP, HASH, NULL},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                _cleanup_token_ struct token t = {0};
                _cleanup_error_ struct error *e = NULL;

                assert_int_equal(token_parse(cases[i].text, false, &t, &e), 0);
                assert_int_equal(t.form, cases[i].form);
                assert_string_equal(t.ca_hash, cases[i].hash);
                if (!cases[i].user)
                        assert_null(t.user);
                else if (*cases[i].user)
                        assert_string_equal(t.user, cases[i].user);
        }
}

static void rejects_what_is_no_token_and_never_quotes_it(void **state)
{
        static const char *const bad[] = {"", "   ", "K10" HASH "0::server:canary",
                "K10abc::server:canary", "K10" HASH "::server:", "K10" HASH "::canary",
                "can\001ary"};

        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                _cleanup_token_ struct token t = {0};
                _cleanup_error_ struct error *e = NULL;

                assert_int_equal(token_parse(bad[i], false, &t, &e), -EINVAL);
                assert_non_null(e);
                assert_null(strstr(error_message(e), "canary"));
                assert_null(strstr(e->hint ?: "", "canary"));
        }
}

static void the_old_rules_want_the_long_form(void **state)
{
        _cleanup_token_ struct token t = {0};

        assert_int_equal(token_parse("just-a-password", true, &t, NULL), -EINVAL);
        assert_int_equal(token_parse("K10" HASH "::node:abc", true, &t, NULL), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_every_form),
                cmocka_unit_test(rejects_what_is_no_token_and_never_quotes_it),
                cmocka_unit_test(the_old_rules_want_the_long_form),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
