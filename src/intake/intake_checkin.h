/* intake_checkin.h — check-ins (XML0) that go on to the fund's gateway, and to others beside it: a
 * Task for each destination, in the commit that takes the check-in in. It names the destination and
 * the bytes (SHA-256, kept with the received files): the document as it came; where it held several
 * visits, a document of this one.
 * src/gateway sends them and writes the Task's next versions (gateway_note.h).
 * Everything is constant: any thread. */
#ifndef NHIP_INTAKE_INTAKE_CHECKIN_H
#define NHIP_INTAKE_INTAKE_CHECKIN_H

#define INTAKE_CHECKIN_SYSTEM "https://nhip.vn/fhir/sid/check-in" /* FACILITY|MA_LK: of each */
#define INTAKE_CHECKIN_TARGET                                                                      \
    "https://nhip.vn/fhir/sid/destination" /* groupIdentifier: its name                            \
                                            */
#define INTAKE_CHECKIN_CODES "https://nhip.vn/fhir/CodeSystem/gateway"
#define INTAKE_CHECKIN_CODE "check-in" /* to the fund's; to one beside it: */
#define INTAKE_CHECKIN_COPY "copy"
#define INTAKE_CHECKIN_STATUS "in-progress" /* of the first version: it is to be sent */

#endif
