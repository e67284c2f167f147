/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* families: the tables of checks, one per file, and what their files share. */

#include "check.h"

extern const struct check checks_system[], checks_network[], checks_k3s[], checks_profile[];

bool check_has(const struct check_context *c, const char *path);
/* Text of a file, or NULL when it cannot be read; the caller frees. */
char *check_read(const struct check_context *c, const char *path, size_t limit);
bool check_server(const struct check_context *c);
/* Whether the K3s that will be installed is of this version or later. */
bool check_at_least(const struct check_context *c, int major, int minor);
