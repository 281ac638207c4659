#include "gateway/gateway.h"

struct Gateway {
    GatewayOptions o;
    const Clock *clock;
    GatewayTargets *targets;
    GatewayCodes codes;
    GatewayLine *lines; /* by account */
    size_t n_lines;
    GatewayCards *cards;
    GatewayQueue *queue;
    StopFlag stop;
};

static ErrCode open_lines(Gateway *g) {
    g->lines = calloc(g->targets->n_accounts + 1, sizeof(*g->lines));
    if (g->lines == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < g->targets->n_accounts; i++) {
        GatewayLine *line = &g->lines[g->n_lines++];
        line->account = &g->targets->accounts[i];
        line->target = &g->targets->targets[line->account->target];
        line->codes = &g->codes;
        line->clock = g->clock;
        line->stop = &g->stop;
        line->timeout_s = g->o.timeout_s;
        gateway_line_init(line);
    }
    return ERR_OK;
}

static ErrCode open_all(Gateway *g, ErrInfo *info) {
    TRY(gateway_codes_read(str_from(g->o.codes), &g->codes, info));
    TRY(gateway_targets_load(g->o.targets, &g->targets, info));
    TRY(open_lines(g));
    TRY(gateway_cards_new(
        &(GatewayCardsOptions){.targets = g->targets,
                               .lines = g->lines,
                               .clock = g->clock,
                               .keep_ms = g->o.card_keep_h * TIME_HOUR_MS,
                               .keep_bad_ms = g->o.card_keep_bad_min * TIME_MINUTE_MS,
                               .calls_a_minute = g->o.card_rate},
        &g->cards));
    return gateway_queue_start(&(GatewayQueueOptions){.store = g->o.store,
                                                      .targets = g->targets,
                                                      .lines = g->lines,
                                                      .clock = g->clock,
                                                      .stop = &g->stop,
                                                      .failures = g->o.failures,
                                                      .senders = g->o.senders,
                                                      .retry_ms = g->o.retry_ms},
                               &g->queue);
}

ErrCode gateway_open(const GatewayOptions *options, Gateway **ret, ErrInfo *info) {
    Gateway *g = calloc(1, sizeof(*g));
    if (g == NULL) {
        return ERR_NOMEM;
    }
    g->o = *options;
    g->clock = options->clock == NULL ? clock_real() : options->clock;
    ErrCode err = open_all(g, info);
    if (err != ERR_OK) {
        gateway_close(g);
        return err;
    }
    *ret = g;
    return ERR_OK;
}

void gateway_stop(Gateway *gateway) {
    if (gateway != NULL) {
        stop_ask(&gateway->stop);
    }
}

void gateway_close(Gateway *gateway) {
    if (gateway == NULL) {
        return;
    }
    gateway_stop(gateway);
    gateway_queue_stop(gateway->queue);
    gateway_cards_free(gateway->cards);
    for (size_t i = 0; i < gateway->n_lines; i++) {
        gateway_line_release(&gateway->lines[i]);
    }
    free(gateway->lines);
    gateway_targets_free(gateway->targets);
    free(gateway);
}

GatewayCards *gateway_cards(Gateway *gateway) {
    return gateway->cards;
}

GatewayQueue *gateway_queue(Gateway *gateway) {
    return gateway->queue;
}

const GatewayTargets *gateway_targets(const Gateway *gateway) {
    return gateway->targets;
}

static size_t add_forward(const GatewayTargets *t, size_t account, IntakeForward *ret) {
    if (account == SIZE_MAX || !t->accounts[account].checkins) {
        return 0;
    }
    const GatewayTarget *to = &t->targets[t->accounts[account].target];
    *ret = (IntakeForward){.target = to->name, .is_copy = to->copy};
    return 1;
}

size_t gateway_checkins_to(void *gateway, Str facility, IntakeForward ret[INTAKE_FORWARDS_MAX]) {
    static_assert(GATEWAY_COPIES_MAX + 1 <= INTAKE_FORWARDS_MAX, "the fund's and every copy");
    const GatewayTargets *t = ((const Gateway *)gateway)->targets;
    size_t n = add_forward(t, gateway_account_of(t, facility), ret);
    for (size_t i = 0; i < t->n_targets; i++) {
        if (t->targets[i].copy) {
            n += add_forward(t, gateway_account_at(t, facility, i), &ret[n]);
        }
    }
    return n;
}
