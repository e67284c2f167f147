/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Commands about answers and tokens; none of them needs the machine. */

#include "../base/escape.h"
#include "../ui/table.h"
#include "command.h"
#include <fcntl.h>

#define TOKEN_MAX ((size_t) 8 * 1024)

static int take_file(struct session *s, const char *file, struct error **err)
{
        if (!file)
                return 0;
        if (s->options.answers_file) {
                error_kind(err, ERROR_USAGE, EINVAL,
                        "Two answers files: one with --answers and one as an argument");
                return -EINVAL;
        }
        s->options.answers_file = file;
        return 0;
}

static int answers_check_file(struct session *s, const char *file, struct error **err)
{
        int r = take_file(s, file, err);

        if (r == 0 && !s->options.answers_file) {
                error_kind(err, ERROR_USAGE, EINVAL, "Which answers?");
                error_hint(err, "Type: k3wizard answers check FILE");
                return -EINVAL;
        }
        if (r == 0)
                r = session_whole_answers(s, false, err);
        if (r == 0 && !s->options.json)
                printf("%s\n", _("The answers are valid."));
        return r;
}

static const char *source_word(enum answer_source source)
{
        switch (source) {
        case ANSWER_FROM_DEFAULT:
                return _("default");
        case ANSWER_FROM_FILE:
                return _("file");
        case ANSWER_FROM_OPTION:
                return _("option");
        case ANSWER_FROM_PROMPT:
                return _("you");
        case ANSWER_FROM_FACT:
                return _("this machine");
        }
        return "";
}

static int answers_show(struct session *s, const char *file, struct error **err)
{
        _cleanup_table_ struct table t = {0};
        _cleanup_free_ char *text = NULL;
        int r = take_file(s, file, err);

        if (r == 0)
                r = session_answers(s, err);
        if (r < 0)
                return r;
        table_begin(&t, 3);
        table_cell(&t, _("key"));
        table_cell(&t, _("value"));
        table_cell(&t, _("from"));
        for (size_t i = 0; i < answer_keys_len; i++) {
                const char *name = answer_keys[i].name;
                _cleanup_free_ char *value = answers_display(s->answers, name);
                _cleanup_free_ char *shown = escape_text(value);
                bool there = answers_get(s->answers, name);

                table_cell(&t, name);
                table_cell(&t, there ? shown : "-");
                table_cell(&t, there ? source_word(answers_source(s->answers, name)) : "");
        }
        text = table_text(&t, &s->theme, 2);
        fputs(text, stdout);
        return 0;
}

static int answers_save(struct session *s, const char *file, struct error **err)
{
        _cleanup_free_ char *yaml = NULL, *shown = NULL;
        _cleanup_close_ int fd = -1;
        int r = session_answers(s, err);

        if (r < 0)
                return r;
        yaml = answers_to_yaml(s->answers, NULL);
        if (!file) {
                fputs(yaml, stdout);
                return 0;
        }
        shown = escape_text(file);
        fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == EEXIST) {
                error_kind(err, ERROR_USAGE, EEXIST, "%s is there already", shown);
                error_hint(err, "Take another name, or remove it first.");
                return -EEXIST;
        }
        if (fd < 0)
                return error_errno(err, errno, "Could not write %s", shown);
        r = fd_write_all(fd, yaml, strlen(yaml));
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r < 0 ? error_errno(err, -r, "Could not write %s", shown) : 0;
}

int command_answers(struct session *s, char **arguments, struct error **err)
{
        if (str_eq(arguments[0], "check"))
                return answers_check_file(s, arguments[1], err);
        if (str_eq(arguments[0], "show"))
                return answers_show(s, arguments[1], err);
        if (str_eq(arguments[0], "save"))
                return answers_save(s, arguments[1], err);
        if (str_eq(arguments[0], "schema")) {
                _cleanup_free_ char *schema = answers_schema();

                printf("%s\n", schema);
                return 0;
        }
        error_kind(err, ERROR_USAGE, EINVAL, "What about the answers?");
        error_hint(err, "Type: k3wizard answers check|show|schema|save [FILE]");
        return -EINVAL;
}

/* ---- token ---- */

static int read_token(const char *file, char **ret, struct error **err)
{
        bool is_stdin = !file || str_eq(file, "-");
        _cleanup_free_ char *shown = is_stdin ? xstrdup("stdin") : escape_text(file);
        _cleanup_close_ int fd =
                is_stdin ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        size_t len = 0;
        int r = fd < 0 ? -errno : fd_read_all(fd, TOKEN_MAX, ret, &len);

        if (r < 0) {
                error_errno(err, -r, "Could not read the token from %s", shown);
                error_set_kind(err, ERROR_INVALID);
                return r;
        }
        if (strlen(*ret) != len) {
                secret_free_string(TAKE_PTR(*ret));
                return error_kind(err, ERROR_INVALID, EINVAL, "The token holds a NUL byte");
        }
        return 0;
}

static void token_json(const struct token *t, const struct error *e)
{
        json_t *json = json_pack("{s:o, s:o, s:o, s:b, s:o}", "form",
                e ? json_null() : json_string(token_form_name(t->form)), "ca_hash",
                !e && *t->ca_hash ? json_string(t->ca_hash) : json_null(), "user",
                !e && t->user ? json_string(t->user) : json_null(), "valid", !e, "error",
                e ? json_string(error_plain(e)) : json_null());

        json_line(stdout, json);
        json_decref(json);
}

int command_token(struct session *s, char **arguments, struct error **err)
{
        _cleanup_token_ struct token token = {0};
        _cleanup_error_ struct error *e = NULL;
        char *text = NULL;
        int r;

        if (!str_eq(arguments[0], "inspect")) {
                error_kind(err, ERROR_USAGE, EINVAL, "What about the token?");
                error_hint(err, "Type: k3wizard token inspect [FILE]");
                return -EINVAL;
        }
        r = read_token(arguments[1], &text, err);
        if (r < 0)
                return r;
        r = token_parse(text, false, &token, &e);
        secret_free_string(text);
        if (s->options.json)
                token_json(&token, e);
        if (r < 0) {
                error_set_kind(&e, ERROR_INVALID);
                return error_move(err, TAKE_PTR(e));
        }
        if (s->options.json)
                return 0;
        printf("%-10s %s\n", _("form"), token_form_name(token.form));
        if (*token.ca_hash)
                printf("%-10s %s\n", _("CA"), token.ca_hash);
        if (token.user)
                printf("%-10s %s\n", _("user"), token.user);
        return 0;
}
