/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once
/* practice: a simulated machine below a private directory. Does not link machine/; has no sockets
 * and starts no processes. The world is files: what is below DIRECTORY/root is the machine's file
 * system, DIRECTORY/world.json the rest (units, clock, network), written atomically after each
 * change, so that a practice run can be killed and resumed like a real one. */
#include "../host.h"
struct practice_options {
        const char *directory; /* made with a fresh world when it holds none */
        const char *scenario;  /* NULL: "server" */
        double speed;          /* simulated seconds per real second; 0: as fast as possible */
};
int practice_new(const struct practice_options *options, volatile int *cancel, struct host **ret,
        struct error **err);
