#include "sign/sign_int.h"

#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <pthread.h>
#include <xmlsec/crypto.h>
#include <xmlsec/errors.h>
#include <xmlsec/xmlsec.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static ErrCode state = ERR_INTERNAL;

static void quiet_xmlsec(const char *file, int line, const char *func, const char *object,
                         const char *subject, int reason, const char *message) {
    (void)file;
    (void)line;
    (void)func;
    (void)object;
    (void)subject;
    (void)reason;
    (void)message;
}

static void PRINTF_LIKE(2, 3) quiet_xml(void *ctx, const char *fmt, ...) {
    (void)ctx;
    (void)fmt;
}

static void start(void) {
    xmlInitParser();
    xmlSetGenericErrorFunc(NULL, quiet_xml);
    xmlSecErrorsSetCallback(quiet_xmlsec);
    if (xmlSecInit() == 0 && xmlSecCryptoAppInit(NULL) == 0 && xmlSecCryptoInit() == 0) {
        xmlSecErrorsSetCallback(quiet_xmlsec); /* xmlSecInit had put its own */
        state = ERR_OK;
    }
}

ErrCode sign_library(void) {
    (void)pthread_once(&once, start);
    return state;
}
