/* fhir_extract.h — the values by which a resource can be found: one walk over its JSON tape, driven
 * by a trie of member names that gen/fhir_search_gen.c compiles from the search parameters'
 * expressions. Values come out in the order of the resource; the same value may come twice.
 * What each data type gives follows http://hl7.org/fhir/R4/search.html (token, string, date …).
 * Not emitted: _id and _lastUpdated (the store knows them), and
 * references that carry an identifier only.
 * Ownership: texts point into the resource's text or into the arena; they live as long as both.
 * Errors: ERR_NOMEM; ERR_LIMIT when composites would give more than LIMIT_COMPOSITE_VALUES.
 * Cost: about 1.5 times that of json_parse, no allocation but the arena. Threads: no state. */
#ifndef NHIP_FHIR_EXTRACT_H
#define NHIP_FHIR_EXTRACT_H

#include "core/json.h"
#include "core/time.h"
#include "fhir/fhir_search_param.h"

typedef enum FhirIndexKind {
    FHIR_INDEX_TOKEN,
    FHIR_INDEX_STRING,
    FHIR_INDEX_DATE,
    FHIR_INDEX_NUMBER,
    FHIR_INDEX_QUANTITY,
    FHIR_INDEX_URI,
    FHIR_INDEX_REFERENCE,
    FHIR_INDEX_COMPOSITE,
    /* Side values, for modifiers alone (sink.with_sides); a resource that has only these is
     * :missing: */
    FHIR_INDEX_TEXT,       /* :text: texts of tokens, displays of references (string) */
    FHIR_INDEX_OF_TYPE,    /* :of-type: an Identifier with a coding of its type */
    FHIR_INDEX_IDENTIFIER, /* :identifier: Reference.identifier (token) */
    /* of _text, _content and near alone */
    FHIR_INDEX_WORDS,    /* folded words, a space before and behind each */
    FHIR_INDEX_POSITION, /* Location.position */
    /* of references to contained resources, when a sink wants them */
    FHIR_INDEX_CONTAINED,
} FhirIndexKind;
static inline bool fhir_index_is_side(unsigned kind) {
    return kind > FHIR_INDEX_COMPOSITE;
}

/* Where a reference points to; exactly one of the forms:
 *   Type/id, Type/id/_history/n                              type, id, version
 *   absolute URL, urn:uuid:…, urn:oid:…                      url to the id (and type, id, version
 *                                                            when it ends so)
 *   Type/~12: resource 12 of the same commit, before it      type, local = 12
 *   Patient/~: the patient of the record, before the commit  type = PATIENT, is_record_patient */
typedef struct FhirIndexReference {
    FhirType type; /* FHIR_T_NONE when the text does not say */
    Str id;
    Str url;
    Str version;   /* empty: the resource, whatever its version */
    int32_t local; /* -1 unless the form is Type/~n */
    bool is_record_patient;
} FhirIndexReference;

/* How a token came about. */
enum {
    FHIR_TOKEN_PLAIN = 1,  /* code, boolean, string, uri, ContactPoint: the data carry no system;
                              has_system is then true when the definition binds one (gender) */
    FHIR_TOKEN_TEXT = 2,   /* only a text (CodeableConcept.text, display): no code to compare with;
                              counts for :missing and later for :text */
    FHIR_WORDS_UNREAD = 8, /* _content of a resource without a narrative, when all values are
                              wanted: made by machines, too long to be worth an index. It is read
                              when _content is asked for by name (fhir_extract_some). */
    FHIR_STRING_WORDS = 4, /* a string that is searched from the beginning of each of its words: of
                            HumanName and Address, and given */
};

enum { FHIR_WORDS_MAX = 32 };
/* Where the words of a folded text begin, the first FHIR_WORDS_MAX of them; starts[0] = 0 always:
 * also of a text that begins with something else. The index and the match agree on these. */
size_t fhir_word_starts(Str folded, uint32_t starts[FHIR_WORDS_MAX]);

enum { FHIR_WORD_BYTES = 64 }; /* longer ones are several words */
/* The next word of a folded text at or behind *at, which moves behind it; false at the end. */
bool fhir_next_word(Str folded, size_t *at, Str *ret_word);

typedef struct FhirIndexToken {
    Str system, code;
    bool has_system;
} FhirIndexToken;

/* A quantity, or a Range when is_range: [value, high], "" = open end. */
typedef struct FhirIndexQuantity {
    Str value, high;
    Str comparator; /* "<", "<=", ">=", ">" or "" */
    Str system, code, unit;
    bool is_range;
} FhirIndexQuantity;

typedef struct FhirIndexValue FhirIndexValue;
struct FhirIndexValue {
    FhirParamId param;
    uint8_t kind;  /* FhirIndexKind */
    uint8_t flags; /* FHIR_TOKEN_…, FHIR_STRING_… */
    union {
        FhirIndexToken token;
        struct {
            Str text; /* as written; fhir_fold_string makes it comparable */
        } string;
        struct {
            TimeMs lo, hi; /* half-open; INT64_MIN and INT64_MAX are open ends */
        } date;
        struct {
            Str text, high; /* decimal as written; high only with is_range */
            bool is_range;
        } number;
        FhirIndexQuantity quantity;
        struct {
            Str text; /* canonical with a version: emitted with and without "|version" */
        } uri;
        FhirIndexReference reference;
        struct {
            Str text; /* " sot cao ": empty with FHIR_WORDS_UNREAD */
        } words;
        struct {
            double latitude, longitude; /* degrees */
        } position;
        struct {
            Str id;        /* behind '#' */
            FhirType type; /* that the parameter wants it to have; FHIR_T_NONE: any */
        } contained;
        struct {
            Str system, code, value; /* of the type's coding; Identifier.value */
        } of_type;
        struct {
            uint8_t n_parts;
            const FhirIndexValue *parts[FHIR_COMPOSITE_PARTS]; /* in the parameter's order */
        } composite;
    };
};

/* Where values go: embed it as the first member and cast. The value lives during the call only (its
 * texts live longer, see above; parts of composites do not). */
typedef struct FhirIndexSink FhirIndexSink;
struct FhirIndexSink {
    void (*put)(FhirIndexSink *sink, const FhirIndexValue *value);
    bool with_sides; /* side values are wanted, too */
    bool with_contained;
};

/* Emits all values of the resource. root is the resource object. */
MUST_USE ErrCode fhir_extract(Arena *arena, FhirType type, const JsonNode *root,
                              FhirIndexSink *sink);

/* The values of some parameters only; several times faster for a few. */
typedef struct FhirExtractSome {
    FhirType type;
    uint64_t params[FHIR_P_COUNT / 64 + 1]; /* bit FhirParamId: wanted */
} FhirExtractSome;
static inline void fhir_extract_want(FhirExtractSome *some, FhirParamId param) {
    assert(param < FHIR_P_COUNT);
    some->params[param / 64] |= UINT64_C(1) << param % 64;
}
MUST_USE ErrCode fhir_extract_some(Arena *arena, const FhirExtractSome *some, const JsonNode *root,
                                   FhirIndexSink *sink);

/* A sink that keeps copies (composite parts too) in an arena. Initialise with fhir_index_list. */
typedef struct FhirIndexList {
    FhirIndexSink sink;
    Arena *arena;
    FhirIndexValue *values;
    size_t count, capacity;
} FhirIndexList;
FhirIndexList fhir_index_list(Arena *arena);

/* The text of Reference.reference as an index value. False for contained and conditional references
 * and for what is no reference. */
bool fhir_index_reference(Str text, FhirIndexReference *ret);
/* The comparable form of a string value: fold() of core/fold.h. */
Str fhir_fold_string(Arena *arena, Str text);
/* The patient to whom the resource belongs: the first reference to a Patient among the members that
 * put its type into the Patient compartment, in the order patient, subject, beneficiary,
 * individual, then the others; for a Patient itself its own id. False when there is none or the
 * type has none. */
bool fhir_patient_of(Arena *arena, FhirType type, const JsonNode *root, FhirIndexReference *ret);
/* True when resources of the type can belong to a patient (the Patient compartment lists it). */
bool fhir_type_in_patient_compartment(FhirType type);

#endif
