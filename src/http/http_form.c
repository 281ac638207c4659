#include "http/http_form.h"

#include "core/limits.h"

enum { BOUNDARY_MAX = 70 };
#define HEADERS_MAX (8 * LIMIT_KIB)

/* The value of ;name=value or ;name="value" (\ before a character of a quoted one is kept as it is:
 * browsers write %22, others do not name fields so). */
static Str parameter(Str header, Str name) {
    size_t at = str_find_char(header, ';', 0);
    while (at != SIZE_MAX) {
        Str rest = str_trim(str_sub(header, at + 1, header.len));
        size_t eq = str_find_char(rest, '=', 0);
        if (eq != SIZE_MAX && str_eq_nocase(str_trim(str_sub(rest, 0, eq)), name)) {
            Str value = str_trim(str_sub(rest, eq + 1, rest.len));
            bool quoted = value.len > 0 && value.ptr[0] == '"';
            value = quoted ? str_sub(value, 1, value.len) : value;
            size_t end = str_find_char(value, quoted ? '"' : ';', 0);
            bool open = quoted && end == SIZE_MAX;
            return open ? STR_EMPTY : str_trim(str_sub(value, 0, MIN(end, value.len)));
        }
        /* over this parameter, quoted semicolons and all */
        size_t quote = str_find_char(header, '"', at + 1);
        size_t next = str_find_char(header, ';', at + 1);
        if (quote < next) {
            quote = str_find_char(header, '"', quote + 1);
            next = quote == SIZE_MAX ? SIZE_MAX : str_find_char(header, ';', quote + 1);
        }
        at = next;
    }
    return STR_EMPTY;
}

static bool is_kind(Str header, Str kind) {
    Str word = str_sub(header, 0, MIN(header.len, str_find_char(header, ';', 0)));
    return str_eq_nocase(str_trim(word), kind);
}

Str http_form_boundary(Str content_type) {
    Str boundary = is_kind(content_type, STR("multipart/form-data"))
                       ? parameter(content_type, STR("boundary"))
                       : STR_EMPTY;
    for (size_t i = 0; i < boundary.len; i++) {
        if (boundary.ptr[i] < ' ' || boundary.ptr[i] > '~') {
            return STR_EMPTY;
        }
    }
    return boundary.len > BOUNDARY_MAX ? STR_EMPTY : boundary;
}

/* The next "--boundary" at the beginning of a line, from `from` on; SIZE_MAX. */
static size_t find_line(Str body, Str boundary, size_t from) {
    size_t at = from;
    while (at < body.len) {
        size_t found = str_find(str_sub(body, at, body.len), boundary);
        if (found == SIZE_MAX) {
            return SIZE_MAX;
        }
        at += found;
        bool dashes = at >= 2 && body.ptr[at - 1] == '-' && body.ptr[at - 2] == '-';
        if (dashes &&
            (at == 2 || (at >= 4 && body.ptr[at - 3] == '\n' && body.ptr[at - 4] == '\r'))) {
            return at - 2;
        }
        at++;
    }
    return SIZE_MAX;
}

static Str name_of(Str headers) {
    Str line;
    while (str_cut(&headers, '\n', &line)) {
        Str value = str_trim(line);
        Str head;
        if (str_cut(&value, ':', &head) && value.len > 0 &&
            str_eq_nocase(str_trim(head), STR("Content-Disposition")) &&
            is_kind(value, STR("form-data"))) {
            return parameter(value, STR("name"));
        }
    }
    return STR_EMPTY;
}

ErrCode http_form_next(Str boundary, Str *rest, HttpFormPart *ret) {
    size_t at = find_line(*rest, boundary, 0);
    if (boundary.len == 0 || at == SIZE_MAX) {
        return ERR_SYNTAX;
    }
    Str part = str_sub(*rest, at + 2 + boundary.len, rest->len);
    if (str_starts(part, STR("--"))) {
        return ERR_NOT_FOUND;
    }
    size_t line = str_find(str_sub(part, 0, HEADERS_MAX), STR("\r\n"));
    size_t blank = str_find(str_sub(part, 0, HEADERS_MAX), STR("\r\n\r\n"));
    if (line == SIZE_MAX || blank == SIZE_MAX || str_trim(str_sub(part, 0, line)).len > 0) {
        return ERR_SYNTAX;
    }
    Str name = name_of(str_sub(part, line, blank - line));
    size_t end = find_line(part, boundary, blank + 4);
    if (name.len == 0 || end == SIZE_MAX || end < blank + 6) {
        return ERR_SYNTAX;
    }
    *ret = (HttpFormPart){.name = name, .value = str_sub(part, blank + 4, end - 2 - (blank + 4))};
    *rest = str_sub(part, end - 2, part.len); /* with the line's end before the boundary */
    return ERR_OK;
}
