/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "action.h"
#include "../base/str.h"

static const struct action *const actions[] = {
        &action_fetch,
        &action_file,
        &action_settings,
        &action_place,
        &action_copy,
        &action_installer,
        &action_service,
        &action_verify_address,
        &action_verify_unit,
        &action_verify_api,
        &action_verify_node,
        &action_verify_file,
        &action_verify_token,
};

static const struct verb *const verbs[] = {
        &action_fetch.verb,
        &action_file.verb,
        &action_settings.verb,
        &action_place.verb,
        &action_copy.verb,
        &action_installer.verb,
        &action_service.verb,
        &action_verify_address.verb,
        &action_verify_unit.verb,
        &action_verify_api.verb,
        &action_verify_node.verb,
        &action_verify_file.verb,
        &action_verify_token.verb,
        NULL,
};
_Static_assert(ARRAY_LEN(verbs) == ARRAY_LEN(actions) + 1, "every action has its verb");

const struct action *action_find(const char *verb)
{
        for (size_t i = 0; i < ARRAY_LEN(actions); i++)
                if (str_eq(actions[i]->verb.name, verb))
                        return actions[i];
        return NULL;
}

const struct verb *const *action_verbs(void)
{
        return verbs;
}
