/* A visit as the claim that would be sent now. */
#include "api/api_int.h"
#include "intake/intake_claim.h"

static ErrCode find_visit(RestCall *call, StoreVersion *ret) {
    return store_get(api_of(call)->store, call->arena, FHIR_T_ENCOUNTER, call->parts[2], ret);
}

static void make_claim(RestCall *call) {
    StoreVersion visit;
    Str xml;
    ErrInfo info = {0};
    ErrCode err = find_visit(call, &visit);
    if (err == ERR_OK) {
        err = intake_claim_file(api_of(call)->store, call->arena, &visit, &xml, &info);
    }
    if (err != ERR_OK) {
        rest_reply_err(call, err, info.code == err ? &info : NULL);
        return;
    }
    rest_reply_bytes(call, STR("application/xml; charset=utf-8"), xml);
}

static void get_claim(RestCall *call) {
    static const char *const names[] = {NULL};
    if (rest_query_only(call, names)) {
        make_claim(call);
    }
}

ROUTES(api_claim_routes, {"GET", "/api/visits/:encounter/claim.xml", get_claim, false,
                          "the visit as a claim file, from its resources as they are now"});
