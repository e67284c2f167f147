/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* log: what the program does, for --verbose. Never translated, never a secret. Below ui nothing
 * prints: lines go to one sink, which is nobody until main() sets it. */

#include "macro.h"

typedef void (*log_sink)(void *data, const char *line);
void log_set_sink(log_sink sink, void *data);
bool log_wanted(void);
void log_line(const char *format, ...) _printf_(1, 2);
