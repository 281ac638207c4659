/* claims — claim files from memory, one thread, CPU time: claims read (envelope, base64, inner XML,
 * all checks), and read and mapped to FHIR. The files are the synthetic province's (realistic mix
 * of visits, written by claim_write). Beside it, in the same run, expat alone: the same inner
 * documents, already decoded, through bare xml_parse with empty handlers; that is the floor of a
 * reader on expat. Also printed: resources and JSON bytes a claim, claims refused, and (once, not
 * timed) that every resource is valid R4. Usage: claims [visits]. Target: ≥ 3,500 claims/s read a
 * core. */
#include <inttypes.h>

#include "claim_files.h"
#include "core/limits.h"
#include "core/xml.h"
#include "fhir/fhir_validate.h"
#include "interop/claim_map.h"

enum { ROUNDS = 3 };

typedef struct Run {
    Arena *arena;
    Arena *checked;
    bool map, validate;
    uint64_t claims, refused, resources, actors, json_bytes, invalid, records;
    XmlReader *bare;
    bool expat_only;
    double expat_s;
} Run;

static void check(Run *r, FhirType type, Str json) {
    FhirResource resource;
    FhirValidateOptions options = {.local_references = true};
    arena_reset(r->checked);
    FhirIssues issues = {.arena = r->checked};
    if (fhir_parse(r->checked, json, &resource, &issues) != ERR_OK || resource.type != type ||
        fhir_validate(&resource, &options, &issues) != ERR_OK) {
        if (r->invalid++ < 5 && issues.n > 0) {
            printf("invalid: " STR_FMT " " STR_FMT "\n" STR_FMT "\n",
                   STR_ARG(issues.items[0].where), STR_ARG(issues.items[0].en), STR_ARG(json));
        }
    }
}

static ErrCode map(Run *r, const Claim *claim) {
    ClaimGroup g;
    arena_reset(r->arena);
    TRY(claim_map(r->arena, claim, &g));
    r->resources += g.n_resources;
    r->actors += g.n_actors;
    for (size_t i = 0; i < g.n_resources; i++) {
        r->json_bytes += g.resources[i].json.len;
        if (r->validate) {
            check(r, g.resources[i].type, g.resources[i].json);
        }
    }
    for (size_t i = 0; r->validate && i < g.n_actors; i++) {
        check(r, g.actors[i].type, g.actors[i].json);
    }
    return ERR_OK;
}

static ErrCode on_claim(void *ctx, const Claim *claim) {
    Run *r = ctx;
    r->claims++;
    for (int i = 0; i < claim->n_parts; i++) {
        r->records += (uint64_t)claim->parts[i].n_records;
    }
    if (r->expat_only) {
        double start = bench_cpu(BENCH_THREAD);
        for (int i = 0; i < claim->n_parts; i++) {
            TRY(xml_parse(claim->parts[i].xml, &(XmlHandler){0}, NULL));
        }
        r->expat_s += bench_cpu(BENCH_THREAD) - start;
    }
    return r->map ? map(r, claim) : ERR_OK;
}

static ErrCode on_refused(void *ctx, const ClaimRefused *refused) {
    Run *r = ctx;
    if (r->refused++ < 5 && refused->n_issues > 0) {
        const ClaimIssue *e = &refused->issues[0];
        printf("refused: " STR_FMT " " STR_FMT " " STR_FMT "\n", STR_ARG(e->table),
               STR_ARG(e->field), STR_ARG(e->en));
    }
    return ERR_OK;
}

static double run(Run *r, const ClaimFiles *files) {
    double start = bench_cpu(BENCH_THREAD);
    for (size_t i = 0; i < files->n; i++) {
        ClaimReadOptions o = {.ctx = r, .on_claim = on_claim, .on_refused = on_refused};
        if (claim_read(files->at[i], &o, NULL) != ERR_OK) {
            (void)fprintf(stderr, "bench claims: out of memory\n");
            exit(1);
        }
    }
    return bench_cpu(BENCH_THREAD) - start;
}

static double best(Run *last, const ClaimFiles *files, Run kind) {
    double seconds = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        *last = kind;
        double one = run(last, files); /* MIN would run it twice */
        seconds = MIN(seconds, one);
    }
    return seconds;
}

int main(int argc, char **argv) {
    uint64_t visits = 5000;
    if (argc > 1 && str_to_u64(str_from(argv[1]), &visits) != ERR_OK) {
        return 2;
    }
    bench_machine();
    ClaimFiles files;
    if (claim_files_make(visits, 0, &files) != ERR_OK) {
        return 1;
    }
    Run kind = {.arena = arena_new(LIMIT_CLAIM_ARENA_BYTES), .checked = arena_new(LIMIT_MIB * 64)};
    Run r;
    Run once = kind;
    once.map = once.validate = true;
    (void)run(&once, &files);
    printf("# %zu files, %" PRIu64 " claims, %.0f bytes a claim, %.1f records, %.1f resources, "
           "%.0f JSON bytes, refused %" PRIu64 ", invalid %" PRIu64 "\n",
           files.n, once.claims, (double)files.bytes / (double)once.claims,
           (double)once.records / (double)once.claims, (double)once.resources / (double)once.claims,
           (double)once.json_bytes / (double)once.claims, once.refused, once.invalid);
    Run floor_kind = kind;
    floor_kind.expat_only = true;
    double ignore = best(&r, &files, floor_kind);
    double floor = r.expat_s;
    (void)ignore;
    double read = best(&r, &files, kind);
    printf("read      %8.0f claims/s  %6.1f MB/s  %.2f of bare expat on the inner tables "
           "(%.0f claims/s)\n",
           (double)r.claims / read, (double)files.bytes / read / 1e6, floor / read,
           (double)r.claims / floor);
    kind.map = true;
    double both = best(&r, &files, kind);
    printf("read+map  %8.0f claims/s  %8.0f resources/s  (map alone %.0f claims/s)\n",
           (double)r.claims / both, (double)r.resources / both, (double)r.claims / (both - read));
    return once.invalid == 0 && once.refused == 0 ? 0 : 1;
}
