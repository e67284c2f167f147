/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once
/* machine: the real host: libnl, libcurl (loaded when first used), systemctl and journalctl. */
#include "../host.h"
/* cancel: see struct host; must outlive the host. */
int machine_new(volatile int *cancel, struct host **ret, struct error **err);
