/* fhir_summary.h — the values of _summary (http://hl7.org/fhir/R4/search.html#summary). */
#ifndef NHIP_FHIR_SUMMARY_H
#define NHIP_FHIR_SUMMARY_H

typedef enum FhirSummary {
    FHIR_SUMMARY_FALSE, /* everything */
    FHIR_SUMMARY_TRUE,  /* elements marked as summary, and the required ones */
    FHIR_SUMMARY_TEXT,  /* text, id, meta and required top-level elements */
    FHIR_SUMMARY_DATA,  /* all but text */
    FHIR_SUMMARY_COUNT, /* no resources, the total only */
} FhirSummary;

#endif
