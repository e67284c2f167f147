/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* json: the run as JSON lines, one object each, flushed one by one. Never translated. */

#include "../engine/engine.h"
#include <stdio.h>

/* Fills in ui; stream must outlive it. */
void json_ui(struct ui *ui, FILE *stream);
/* One object or array on a line of its own; does not steal. */
void json_line(FILE *stream, const json_t *json);
void json_error_event(FILE *stream, const struct error *error);
