/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* ask: questions on a terminal, by readline. */

#include "session.h"

/* "question [y/N]". 0: yes; -ECANCELED: no, or interrupted. */
int ask_yes(struct session *s, const char *question, struct error **err);

/* Asks, one after the other, for what a new server needs, with defaults and validation; fills in
 * s->answers. -ECANCELED: the person left. */
int ask_answers(struct session *s, struct error **err);
