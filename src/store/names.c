/*
 * names.c - the words that enums are stored and printed as. Pure.
 */
#include "store/names.h"

#include "store/store.h"

#include "base/err.h"

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

static const char *const session_states[] = {
        [SESSION_STARTING] = "starting",
        [SESSION_RUNNING] = "running",
        [SESSION_STOPPED] = "stopped",
        [SESSION_CRASHED] = "crashed",
};

static const char *const request_decisions[] = {
        [REQUEST_ALLOW] = "allow",
        [REQUEST_DENY] = "deny",
        [REQUEST_HELD] = "held",
        [REQUEST_APPROVED] = "approved",
        [REQUEST_REFUSED] = "refused",
        [REQUEST_EXPIRED] = "expired",
        [REQUEST_ERROR] = "error",
};

static const char *const escalation_states[] = {
        [ESC_WAITING] = "waiting",
        [ESC_APPROVED] = "approved",
        [ESC_DENIED] = "denied",
        [ESC_EXPIRED] = "expired",
        [ESC_CANCELED] = "canceled",
};

const struct names names_session_state = {session_states, COUNT(session_states)};
const struct names names_request_decision = {request_decisions, COUNT(request_decisions)};
const struct names names_escalation_state = {escalation_states, COUNT(escalation_states)};

const char *names_word(const struct names *names, int value)
{
    CHECK(value >= 0 && value < names->count);
    return names->list[value];
}

bool names_value(const struct names *names, struct str word, int *ret)
{
    for (int i = 0; i < names->count; i++) {
        if (str_eq(word, str_of(names->list[i]))) {
            *ret = i;
            return true;
        }
    }
    return false;
}

const char *session_state_name(enum session_state state)
{
    return names_word(&names_session_state, (int)state);
}

const char *request_decision_name(enum request_decision decision)
{
    return names_word(&names_request_decision, (int)decision);
}

const char *escalation_state_name(enum escalation_state state)
{
    return names_word(&names_escalation_state, (int)state);
}
