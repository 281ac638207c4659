/* Is a health-insurance card valid? Asked of the fund's gateway; "not checked" when it cannot be.
 */
#include "api/api_int.h"
#include "gateway/gateway.h"

/* The gateway's words are shown as they came: its JSON, under `fund`. */
static ErrCode put_result(RestCall *call, const CardResult *r, Buf *out) {
    bool english = call->language == FHIR_LANG_EN;
    JsonWriter w = json_writer(out);
    const CardCode *code = card_code_find(r->answer.code);
    json_open_object(&w);
    json_member(&w, "state", str_from(card_state_code(r->state)));
    json_name(&w, "why");
    json_put_str(&w, r->state == CARD_NOT_CHECKED ? (english ? r->why_en : r->why_vi)
                     : code == NULL               ? STR_EMPTY
                                                  : str_from(english ? code->en : code->vi));
    json_name(&w, "kept");
    json_put_bool(&w, r->kept);
    if (r->answer.asked_at != 0) {
        CLEANUP_BUF Buf time;
        buf_init(&time, 64);
        time_put_vn(&time, r->answer.asked_at);
        json_member(&w, "asked", buf_str(&time));
        json_member(&w, "code", r->answer.code);
        json_member(&w, "meaning",
                    code == NULL ? STR_EMPTY : str_from(english ? code->en : code->vi));
        json_name(&w, "fund");
        json_put_raw(&w, r->answer.json);
    }
    json_close_object(&w);
    return buf_ok(out);
}

static ErrCode put_card(RestCall *call, Buf *out, ErrInfo *info) {
    Gateway *gateway = api_of(call)->o.gateway;
    CardResult r = {
        .state = CARD_NOT_CHECKED,
        .why_en = STR("No gateway is set up here (setting gateway_targets)."),
        .why_vi = STR("Chưa thiết lập cổng giám định (cài đặt gateway_targets)."),
    };
    CardQuestion q = {.facility = rest_query(call, "facility"),
                      .card = rest_query(call, "card"),
                      .name = rest_query(call, "name"),
                      .birth = rest_query(call, "birth"),
                      .fresh = str_eq(rest_query(call, "fresh"), STR("1"))};
    if (gateway != NULL) {
        TRY(gateway_card(gateway_cards(gateway), call->arena, &q, &r, info));
    }
    return put_result(call, &r, out);
}

static void answer(RestCall *call) {
    static const char *const names[] = {"facility", "card", "name", "birth", "fresh", NULL};
    rest_answer(call, names, put_card);
}

/* The fund may take its time: not on a thread that serves connections. */
static void get_card(RestCall *call) {
    rest_job(call, answer);
}

ROUTES(api_card_routes, {"GET", "/api/card", get_card, false,
                         "a health-insurance card: valid, invalid, not checked; recent visits"});
