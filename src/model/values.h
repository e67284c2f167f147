/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once
/* values: the types of answers. answer_value_check() is declared in answers.h. */
#include <stdbool.h>
/* Whether a URL has user:password@ or user@ in front of its host (RFC 3986, section 3.2.1). */
bool value_has_credentials(const char *url);
