/* Who may ask. Until sign-in exists, whoever reaches the port reads and writes everything. It
 * listens on the loopback only; what is left is a browser on this machine that shows a stranger's
 * page. Two headers that no page can forge keep such pages out: Host, when a page had its own name
 * pointed at 127.0.0.1 (DNS rebinding), and Origin, when it sends a form or a file to us. */
#include "rest/rest_int.h"

/* "127.0.0.1:8080", "[::1]:8080", "name" → without the port. */
static Str host_name(Str authority) {
    size_t bracket = str_starts(authority, STR("[")) ? str_find_char(authority, ']', 0) : SIZE_MAX;
    if (bracket != SIZE_MAX) {
        return str_sub(authority, 0, bracket + 1);
    }
    return str_sub(authority, 0, MIN(str_find_char(authority, ':', 0), authority.len));
}

/* "https://name:443/fhir" → "name:443"; empty when the text is no such URL. */
static Str authority_of(Str url) {
    size_t at = str_find(url, STR("://"));
    Str rest = at == SIZE_MAX ? STR_EMPTY : str_sub(url, at + 3, url.len);
    Str authority;
    return str_cut(&rest, '/', &authority) ? authority : STR_EMPTY;
}

/* Digits and dots only: "127.example.com" is no address. */
static bool is_loopback_v4(Str name) {
    for (size_t i = 0; i < name.len; i++) {
        if ((name.ptr[i] < '0' || name.ptr[i] > '9') && name.ptr[i] != '.') {
            return false;
        }
    }
    return str_starts(name, STR("127."));
}

static bool is_own_host(const Rest *rest, Str authority) {
    Str name = host_name(authority);
    return str_eq_nocase(name, STR("localhost")) || str_eq(name, STR("[::1]")) ||
           is_loopback_v4(name) || str_eq_nocase(name, host_name(authority_of(rest->base_url)));
}

/* A WebSocket is asked for by GET, and no browser keeps its answers from a stranger's page. */
static bool needs_own_page(HttpRequest *request) {
    Str method = http_method(request);
    return (!str_eq(method, STR("GET")) && !str_eq(method, STR("HEAD"))) ||
           http_header(request, "upgrade").len > 0;
}

bool rest_guard(RestCall *call) {
    ErrInfo info = {0};
    Str host = http_header(call->request, "host");
    Str origin = http_header(call->request, "origin");
    Str from = authority_of(origin);
    if (host.len > 0 && !is_own_host(call->rest, host)) {
        (void)err_set(&info, ERR_FORBIDDEN, "host-foreign",
                      "this server is not '" STR_FMT "': ask for localhost, or set base_url to the "
                      "public address",
                      "máy chủ này không phải '" STR_FMT "': hãy dùng localhost, hoặc đặt base_url "
                      "là địa chỉ công khai",
                      (int)MIN(host.len, (size_t)120), host.ptr);
    } else if (origin.len > 0 && needs_own_page(call->request) &&
               (from.len == 0 || (!str_eq_nocase(from, host) &&
                                  !str_eq_nocase(from, authority_of(call->rest->base_url))))) {
        (void)err_set(&info, ERR_FORBIDDEN, "origin-foreign",
                      "a page of another site (" STR_FMT ") must not change or watch anything here",
                      "trang của nơi khác (" STR_FMT ") không được thay đổi hay theo dõi gì ở đây",
                      (int)MIN(origin.len, (size_t)120), origin.ptr);
    } else {
        return true;
    }
    rest_reply_err(call, ERR_FORBIDDEN, &info);
    return false;
}
