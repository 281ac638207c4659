#include "api/api_account.h"
#include "app/app.h"
#include "core/hash.h"

#include <openssl/evp.h>

/* As the gateway's clients send it: MD5, upper-case hex. */
static bool md5_upper(Str password, char ret[33]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (EVP_Digest(password.ptr, password.len, digest, &len, EVP_md5(), NULL) != 1 || len != 16) {
        return false;
    }
    for (unsigned i = 0; i < len; i++) {
        (void)snprintf(ret + (size_t)2 * i, 3, "%02X", digest[i]);
    }
    return true;
}

int app_account(App *app) {
    char line[1024];
    char md5[33];
    ErrInfo info = {0};
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    if (app->argc != 2 || fgets(line, sizeof(line), stdin) == NULL) {
        return app_fail(app,
                        err_set(&info, ERR_PARAM, "command",
                                "say: nhip account USER FACILITY, with the password as one line of "
                                "standard input",
                                "dùng: nhip account TÊN MÃ_CƠ_SỞ, mật khẩu là một dòng ở đầu vào "
                                "chuẩn"),
                        &info);
    }
    Str password = str_from(line);
    password.len -= str_ends(password, STR("\n"));
    ErrCode err = md5_upper(password, md5) ? account_line(&out, str_from(app->argv[0]),
                                                          str_from(app->argv[1]), str_from(md5))
                                           : ERR_UNSUPPORTED;
    (void)fputs(buf_cstr(&out), stdout);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
