/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* table: rows under a heading, columns as wide as they need; what does not fit into the terminal is
 * cut in the widest column. */

#include "theme.h"

#define TABLE_COLUMNS_MAX 10

struct table {
        size_t n_columns, n_rows;
        char **cells; /* row by row; row 0 is the heading */
        bool right[TABLE_COLUMNS_MAX];
};

void table_begin(struct table *t, size_t n_columns);
/* Adds the next cell; copies. Foreign text comes escaped. */
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *format, ...) _printf_(2, 3);
/* The caller frees. */
char *table_text(const struct table *t, const struct theme *theme, size_t indent) _must_check_;
void table_done(struct table *t);
#define _cleanup_table_ _cleanup_(table_done)
