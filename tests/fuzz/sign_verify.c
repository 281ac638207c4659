/* The bytes as a claim file whose signature is checked, in this process: the corpus holds files
 * signed by keys that were thrown away, so whatever is found sound is read as what was signed: one
 * claim, these records. And the bytes as an answer of the worker, in every length. */
#include "core/limits.h"
#include "interop/claim_read.h"
#include "sign/sign_int.h"

#define ENSURE(x) ((x) ? (void)0 : abort())
static const char RECORDS[] = "<TONG_HOP><MA_LK>FUZZ_1</MA_LK></TONG_HOP>";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ErrCode on_claim(void *ctx, const Claim *claim) {
    ENSURE(claim->n_parts == 1 && str_eq(claim->parts[0].xml, str_from(RECORDS)));
    ++*(int *)ctx;
    return ERR_OK;
}

static bool names_key(Str text) {
    return str_find(text, STR("FUZZ_1")) != SIZE_MAX;
}

/* The records lack most fields: as a rule the claim is refused, with its bytes. */
static ErrCode on_refused(void *ctx, const ClaimRefused *refused) {
    ENSURE(str_eq(refused->ma_lk, STR("FUZZ_1")) || names_key(refused->bytes) ||
           refused->bytes.len > 0);
    ENSURE(str_find(refused->bytes,
                    STR("PFRPTkdfSE9QPjxNQV9MSz5GVVpaXzE8L01BX0xLPjwvVE9OR19IT1A+")) != SIZE_MAX);
    ++*(int *)ctx;
    return ERR_OK;
}

static void check_file(Str bytes, SignScope scope) {
    SignReply reply;
    SignReply read;
    int seen = 0;
    sign_verify(bytes, scope, &reply);
    ENSURE(sign_reply_read((Str){(const char *)&reply, sizeof(reply)}, &read));
    ENSURE((reply.found == SIGN_FOUND_FORM) == (reply.form != SIGN_FORM_NONE));
    if (reply.found == SIGN_FOUND_SOUND) {
        ClaimReadOptions o = {
            .file = STR("fuzz"), .ctx = &seen, .on_claim = on_claim, .on_refused = on_refused};
        ENSURE(claim_read(bytes, &o, NULL) == ERR_OK);
        ENSURE(seen == 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str bytes = {(const char *)data, size};
    SignReply reply;
    ENSURE(sign_library() == ERR_OK);
    if (sign_reply_read(bytes, &reply)) {
        ENSURE(memchr(reply.facility, '\0', sizeof(reply.facility)) != NULL);
    }
    check_file(bytes, SIGN_SCOPE_CONTENT);
    check_file(bytes, SIGN_SCOPE_DOCUMENT);
    return 0;
}
