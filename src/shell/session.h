/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* session: one start of the program: its options, and, opened when first needed, the machine, the
 * engine and the answers. */

#include "../ui/json.h"
#include "../ui/terminal.h"

struct options {
        const char *answers_file; /* "-": stdin; NULL: none */
        char **set;               /* KEY=VALUE */
        const char *role;
        bool practice;
        const char *scenario;
        bool dry_run;
        bool yes;
        enum on_failure on_failure;
        bool json;
        enum color_choice color;
        bool accessible;
        char *state_dir; /* NULL: by default */
        const char *steps_dir;
        bool verbose;
        const char *to;  /* rollback --to STEP */
        bool show_token; /* summary --show-token */
};

struct session {
        struct options options;
        volatile int *cancel;
        struct theme theme; /* of stdout */
        struct terminal terminal;
        struct ui json;
        struct ui *ui;
        bool interactive; /* stdin and stdout are a terminal, and text is wanted */

        /* Opened by the functions below. */
        struct host *host;
        struct engine *engine;
        struct answers *answers;
        char *user_home, *user_name;
};

void session_begin(struct session *s, const struct options *options, volatile int *cancel);
void session_end(struct session *s);

/* The real machine, or the practice world. */
int session_host(struct session *s, struct error **err);
int session_engine(struct session *s, struct error **err);
/* The answers of --answers, --role and --set, each checked by itself; s->answers afterwards. */
int session_answers(struct session *s, struct error **err);
/* The same, and everything that can be judged without a machine. server: with that role when none
 * is given. */
int session_whole_answers(struct session *s, bool server, struct error **err);

/* Asks for a yes on the terminal. --yes: yes at once. No terminal: an error that says so. */
int session_confirm(struct session *s, const char *question, struct error **err);
