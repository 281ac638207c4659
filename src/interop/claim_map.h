/* claim_map.h — one claim to FHIR R4: the patient, the cards, the visit with its diagnoses, drugs,
 * services, supplies, results, course and bill, and the shared actors that they refer to.
 * docs/ig says field by field what goes where. Nothing is lost: a field without a home in FHIR (or
 * whose text FHIR cannot carry exactly) stands in an extension CLAIM_BASE StructureDefinition/xmlN
 * under its own name. The papers and programmes (XML6–XML15) and the check-in follow the forms of
 * data/claims. Pure: the same claim gives the same bytes. JSON has no id and no meta.
 * References inside the group: Patient/~ is the patient (resource 0), Type/~N resource N of the
 * list; actors are referred to by their fixed ids.
 * Ownership: the group lives in the arena. Errors: ERR_NOMEM, ERR_LIMIT (arena or text too large).
 * Threads: no state. Cost: see bench/claims.c. */
#ifndef NHIP_INTEROP_CLAIM_MAP_H
#define NHIP_INTEROP_CLAIM_MAP_H

#include "core/json.h"
#include "core/time.h"
#include "fhir/fhir_type.h"
#include "interop/claim_identity.h"
#include "interop/claim_read.h"

typedef struct ClaimResource {
    FhirType type;
    Str role; /* stable key inside the visit: "patient", "coverage/DN446…", "xml2/3" */
    Str json;
    bool restricted; /* of the HIV programme: to be labelled R and HIV */
} ClaimResource;

/* Organisation, practitioner or department that is created when missing. */
typedef struct ClaimActor {
    FhirType type;
    Str id;
    Str json;
} ClaimActor;

typedef struct ClaimGroup {
    const ClaimResource *resources; /* [0] is the Patient */
    size_t n_resources;
    const ClaimActor *actors;
    size_t n_actors;
    ClaimIdentity identity;
    Str visit_key;     /* value of the identifier CLAIM_SYSTEM_VISIT, "FACILITY|MA_LK"; */
    FhirType key_type; /* and the type of the resource that carries it: Encounter */
    bool check_in;     /* XML0: adds to what is known of the visit, until its claim comes */
    TimeMs as_of;      /* end of the care: how new the patient's facts are */
} ClaimGroup;

MUST_USE ErrCode claim_map(Arena *arena, const Claim *claim, ClaimGroup *ret_group);

/* The dateTime of the visit from which a stored Patient has its facts (as_of), or empty. */
Str claim_map_as_of(Arena *arena, const JsonNode *patient);

#endif
