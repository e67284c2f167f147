/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* look: what several commands and prompts show of the machine. */

#include "session.h"

/* The table of interfaces that can be chosen, numbered from 1. */
void look_choices(struct session *s);
/* The interface meant by a number of that table, a name or an address; the caller frees. NULL and
 * *err when there is none. */
char *look_interface(struct session *s, const char *text, struct error **err);
/* One line of JSON; the caller frees. */
char *look_interfaces_json(const struct net_picture *p);
char *look_interfaces_text(const struct net_picture *p, const struct theme *theme, bool numbered);
