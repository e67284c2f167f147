/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* command: one table drives the command line, help, and what the guided session offers. */

#include "session.h"

struct command {
        const char *name;      /* "answers" */
        const char *arguments; /* "check|show|schema|save [FILE]"; "" none */
        int least, most;       /* how many arguments */
        const char *summary;   /* N_(): a few words */
        const char *help;      /* N_(): what it does, what it never does */
        int (*run)(struct session *s, char **arguments, struct error **err);
};
extern const struct command commands[]; /* ends with name NULL */

const struct command *command_find(const char *name);
/* words[0] is the command. */
int command_run(struct session *s, char **words, struct error **err);
/* The help of the whole program. */
void command_usage(FILE *stream);

int command_interfaces(struct session *s, char **arguments, struct error **err);
int command_preflight(struct session *s, char **arguments, struct error **err);
int command_plan(struct session *s, char **arguments, struct error **err);
int command_apply(struct session *s, char **arguments, struct error **err);
int command_resume(struct session *s, char **arguments, struct error **err);
int command_rollback(struct session *s, char **arguments, struct error **err);
int command_status(struct session *s, char **arguments, struct error **err);
int command_changes(struct session *s, char **arguments, struct error **err);
int command_summary(struct session *s, char **arguments, struct error **err);
int command_explain(struct session *s, char **arguments, struct error **err);
int command_answers(struct session *s, char **arguments, struct error **err);
int command_token(struct session *s, char **arguments, struct error **err);
int command_help(struct session *s, char **arguments, struct error **err);

/* Without a command: --answers FILE applies; else the guided session. */
int command_guided(struct session *s, struct error **err);
