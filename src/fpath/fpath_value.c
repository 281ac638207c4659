#include "core/hash.h"
#include "core/limits.h"
#include "fpath/fpath_int.h"

/* ---- FHIR to System */

static bool system_boolean(const JsonNode *node, FpathItem *ret_value) {
    if (!json_is(node, JSON_TRUE) && !json_is(node, JSON_FALSE)) {
        return false;
    }
    *ret_value = fpath_item_boolean(node->type == JSON_TRUE);
    return true;
}

static bool system_number(FhirShape shape, const JsonNode *node, FpathItem *ret_value) {
    if (!json_is(node, JSON_NUMBER)) {
        return false;
    }
    int64_t integer;
    if (shape != FHIR_T_DECIMAL && json_to_i64(node, &integer) == ERR_OK) {
        *ret_value = fpath_item_integer(integer);
        return true;
    }
    Decimal d;
    if (decimal_parse((Str){node->text, node->len}, &d) != ERR_OK) {
        return false;
    }
    *ret_value = fpath_item_decimal(d);
    return true;
}

/* The unit is the code when the system is UCUM; without a system what stands in code or unit. */
static bool system_quantity(Arena *arena, const JsonNode *node, FpathItem *ret_value) {
    FpathItem value;
    if (!system_number(FHIR_T_DECIMAL, json_get_lit(node, "value"), &value) ||
        json_get_lit(node, "comparator") != NULL) {
        return false;
    }
    const JsonNode *unit = json_get_lit(node, "code");
    if (unit == NULL) {
        unit = json_get_lit(node, "unit");
    }
    *ret_value = (FpathItem){.kind = FPATH_QUANTITY};
    ret_value->quantity.value = value.decimal;
    ret_value->quantity.unit = unit == NULL ? STR("1") : json_str(arena, unit);
    return true;
}

static FpathKind time_kind(FhirShape shape) {
    switch (shape) {
    case FHIR_T_DATE:
        return FPATH_DATE;
    case FHIR_T_DATE_TIME:
    case FHIR_T_INSTANT:
        return FPATH_DATE_TIME;
    case FHIR_T_TIME:
        return FPATH_TIME;
    default:
        return FPATH_NODE;
    }
}

static bool system_text(Arena *arena, const FpathItem *item, FpathItem *ret_value) {
    if (!json_is(item->node, JSON_STRING)) {
        return false;
    }
    FpathKind kind = time_kind(item->shape);
    if (kind == FPATH_NODE) {
        *ret_value = fpath_item_str(json_str(arena, item->node));
        return true;
    }
    FpathTime t;
    if (!fpath_time_parse(json_raw_str(item->node), kind, &t)) {
        return false;
    }
    *ret_value = (FpathItem){.kind = (uint8_t)kind};
    ret_value->time = t;
    return true;
}

bool fpath_system(Arena *arena, const FpathItem *item, FpathItem *ret_value) {
    if (item->kind != FPATH_NODE) {
        *ret_value = *item;
        return true;
    }
    if (item->node == NULL) {
        return false;
    }
    if (fhir_shape(item->shape)->kind != FHIR_KIND_PRIMITIVE) {
        return fpath_shape_is(item->shape, FHIR_T_QUANTITY) &&
               system_quantity(arena, item->node, ret_value);
    }
    switch (item->shape) {
    case FHIR_T_BOOLEAN:
        return system_boolean(item->node, ret_value);
    case FHIR_T_INTEGER:
    case FHIR_T_POSITIVE_INT:
    case FHIR_T_UNSIGNED_INT:
    case FHIR_T_DECIMAL:
        return system_number(item->shape, item->node, ret_value);
    default:
        return system_text(arena, item, ret_value);
    }
}
bool fpath_item_system(Arena *arena, const FpathItem *item, FpathItem *ret_value) {
    return fpath_system(arena, item, ret_value);
}

ErrCode fpath_item_parse(FhirType type, Str text, FpathItem *ret_item) {
    FpathItem item = fpath_item_str(text);
    uint64_t digits;
    Decimal d;
    FpathKind kind = time_kind((FhirShape)type);
    if (kind != FPATH_NODE) {
        FpathTime t;
        if (!fpath_time_parse(text, kind, &t)) {
            return ERR_INVALID;
        }
        item.kind = (uint8_t)kind;
        item.time = t;
    } else if (type == FHIR_T_BOOLEAN) {
        if (!str_eq(text, STR("true")) && !str_eq(text, STR("false"))) {
            return ERR_INVALID;
        }
        item = fpath_item_boolean(text.len == 4);
    } else if (type == FHIR_T_INTEGER || type == FHIR_T_POSITIVE_INT ||
               type == FHIR_T_UNSIGNED_INT) {
        bool minus = str_starts(text, STR("-"));
        if (str_to_u64(minus ? str_sub(text, 1, text.len) : text, &digits) != ERR_OK ||
            digits > INT32_MAX) {
            return ERR_INVALID;
        }
        item = fpath_item_integer(minus ? -(int64_t)digits : (int64_t)digits);
    } else if (type == FHIR_T_DECIMAL) {
        if (decimal_parse(text, &d) != ERR_OK) {
            return ERR_INVALID;
        }
        item = fpath_item_decimal(d);
    }
    *ret_item = item;
    return ERR_OK;
}

/* ---- to text */

static void put_quantity(Buf *out, const FpathQuantity *q) {
    decimal_put(out, q->value, -1);
    bool one = decimal_cmp(q->value, decimal_from_i64(1)) == 0;
    if (q->calendar) {
        buf_printf(out, " " STR_FMT "%s", STR_ARG(q->unit), one ? "" : "s");
    } else {
        buf_printf(out, " '" STR_FMT "'", STR_ARG(q->unit));
    }
}

static void put_system(Buf *out, const FpathItem *v) {
    switch (v->kind) {
    case FPATH_BOOLEAN:
        buf_put_str(out, v->boolean ? STR("true") : STR("false"));
        break;
    case FPATH_INTEGER:
        buf_printf(out, "%lld", (long long)v->integer);
        break;
    case FPATH_DECIMAL:
        decimal_put(out, v->decimal, -1);
        break;
    case FPATH_DATE:
    case FPATH_DATE_TIME:
    case FPATH_TIME:
        fpath_time_put(out, (FpathKind)v->kind, v->time);
        break;
    case FPATH_QUANTITY:
        put_quantity(out, &v->quantity);
        break;
    case FPATH_STRING:
    case FPATH_TYPE:
        buf_put_str(out, v->string);
        break;
    case FPATH_NODE:
        break;
    }
}

Str fpath_item_string(Arena *arena, const FpathItem *item) {
    if (item->kind == FPATH_STRING || item->kind == FPATH_TYPE) {
        return item->string;
    }
    FpathItem value = *item;
    if (item->kind == FPATH_NODE) {
        if (item->node != NULL && fhir_shape(item->shape)->kind == FHIR_KIND_PRIMITIVE) {
            return item->node->type == JSON_STRING ? json_str(arena, item->node)
                                                   : json_raw(item->node); /* as written */
        }
        if (!fpath_system(arena, item, &value)) {
            return STR_EMPTY;
        }
    }
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_FPATH_TEXT_BYTES);
    put_system(&out, &value);
    return arena_str(arena, buf_str(&out));
}

static void put_json_quantity(JsonWriter *w, const FpathQuantity *q) {
    CLEANUP_BUF Buf number;
    buf_init(&number, LIMIT_KIB);
    decimal_put(&number, q->value, -1);
    json_open_object(w);
    json_name(w, "value");
    json_put_raw(w, buf_str(&number));
    if (q->calendar) {
        json_member(w, "unit", q->unit);
    } else {
        json_member(w, "unit", q->unit);
        json_member(w, "system", STR("http://unitsofmeasure.org"));
        json_member(w, "code", q->unit);
    }
    json_close_object(w);
}

bool fpath_item_put_json(JsonWriter *w, const FpathItem *item) {
    CLEANUP_BUF Buf text;
    buf_init(&text, LIMIT_KIB);
    switch (item->kind) {
    case FPATH_NODE:
        if (item->node == NULL) {
            json_put_null(w);
        } else {
            json_put_node(w, item->node);
        }
        return true;
    case FPATH_BOOLEAN:
        json_put_bool(w, item->boolean);
        return true;
    case FPATH_INTEGER:
        json_put_i64(w, item->integer);
        return true;
    case FPATH_DECIMAL:
        decimal_put(&text, item->decimal, -1);
        json_put_raw(w, buf_str(&text));
        return true;
    case FPATH_STRING:
        json_put_str(w, item->string);
        return true;
    case FPATH_DATE:
    case FPATH_DATE_TIME:
    case FPATH_TIME:
        put_system(&text, item);
        json_put_str(w, buf_str(&text));
        return true;
    case FPATH_QUANTITY:
        put_json_quantity(w, &item->quantity);
        return true;
    case FPATH_TYPE:
        break;
    }
    return false;
}

/* ---- quantities as text */

bool fpath_quantity_parse(Arena *arena, Str text, FpathQuantity *ret_quantity) {
    size_t at = 0;
    while (at < text.len && strchr("+-.0123456789", text.ptr[at]) != NULL) {
        at++;
    }
    FpathQuantity q = {.unit = STR("1")};
    if (at == 0 || decimal_parse(str_sub(text, 0, at), &q.value) != ERR_OK ||
        text.ptr[at - 1] == '.') {
        return false;
    }
    Str unit = str_trim(str_sub(text, at, text.len));
    if (unit.len > 0) {
        bool quoted = unit.len > 2 && unit.ptr[0] == '\'' && unit.ptr[unit.len - 1] == '\'';
        int calendar = quoted ? -1 : fpath_calendar_unit(unit);
        if (!quoted && calendar < 0) {
            return false;
        }
        q.calendar = !quoted;
        q.unit = quoted ? arena_str(arena, str_sub(unit, 1, unit.len - 2))
                        : fpath_calendar_name(calendar);
    }
    *ret_quantity = q;
    return true;
}

/* ---- hashes: only as fine as equality */

/* Of members whose text decides equality exactly, down to `depth` more levels. */
static uint64_t hash_object(Arena *arena, const JsonNode *object, unsigned depth) {
    static const char *const EXACT[] = {"id",     "system", "code",  "url",     "reference",
                                        "linkId", "text",   "value", "display", "family"};
    uint64_t hash = json_count(object);
    for (const JsonNode *m = json_first(object); m != NULL; m = json_next(object, m)) {
        const JsonNode *value = json_value(m);
        const JsonNode *below = json_is(value, JSON_ARRAY) ? json_first(value) : value;
        if (depth > 0 && json_is(below, JSON_OBJECT)) {
            hash += hash64_mix(m->len, hash_object(arena, below, depth - 1));
        }
        for (size_t i = 0; i < ARRAY_LEN(EXACT); i++) {
            if (value->type == JSON_STRING && str_eq((Str){m->text, m->len}, str_from(EXACT[i]))) {
                hash += hash64_mix(i, hash64(json_str(arena, value)));
            }
        }
    }
    return hash;
}

static uint64_t hash_integer(int64_t value) {
    return hash64_mix(5, (uint64_t)value);
}

static uint64_t hash_decimal(Decimal d) {
    int64_t whole;
    if (decimal_to_i64(d, &whole) == ERR_OK) {
        return hash_integer(whole);
    }
    Decimal reduced = decimal_reduce(d);
    return hash64_mix(reduced.w[0], reduced.w[1]);
}

uint64_t fpath_hash(Arena *arena, const FpathItem *item) {
    FpathItem v;
    if (!fpath_system(arena, item, &v)) {
        const JsonNode *node = item->node;
        return json_is(node, JSON_OBJECT) ? hash_object(arena, node, 2) : 1;
    }
    switch (v.kind) {
    case FPATH_BOOLEAN:
        return v.boolean ? 2 : 3;
    case FPATH_INTEGER:
        return hash_integer(v.integer);
    case FPATH_DECIMAL:
        return hash_decimal(v.decimal);
    case FPATH_STRING:
    case FPATH_TYPE:
        return hash64(v.string);
    case FPATH_DATE:
    case FPATH_DATE_TIME:
    case FPATH_TIME:
        return hash_integer(v.time.wall - v.time.offset_min * TIME_MINUTE_MS);
    case FPATH_QUANTITY:
        return fpath_quantity_hash(&v.quantity);
    case FPATH_NODE:
        break;
    }
    return 11;
}
