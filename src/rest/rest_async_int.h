/* rest_async_int.h — jobs as their own files see them. Who works with one outside of the lock holds
 * a reference. */
#ifndef NHIP_REST_REST_ASYNC_INT_H
#define NHIP_REST_REST_ASYNC_INT_H

#include "rest/rest_async.h"

typedef enum AsyncState { JOB_WAITING, JOB_RUNNING, JOB_DONE, JOB_FAILED } AsyncState;

struct AsyncJob {
    char id[ASYNC_ID_LETTERS + 1];
    Arena *arena; /* texts */
    const char *dir;
    Str url, request;
    const char *kind;
    AsyncWork work;
    AsyncState state;
    bool is_bundle;
    bool is_listed;
    FhirLanguage language;
    int status; /* of the answer */
    TimeMs time, expires;
    FlowProgress progress;
    unsigned refs;
    AsyncJob *next;
};

typedef struct Async {
    Mutex lock; /* everything below, and state, refs, next of the jobs */
    AsyncJob *jobs;
    unsigned n, n_open;
    bool stopping;
    Queue *queue;
    Thread threads[ASYNC_THREADS];
    const char *root;
} Async;

/* ---- the list (rest_async.c) ---- */
/* With a reference, or NULL; give it back by async_put or async_delete. */
AsyncJob *async_get(Rest *rest, Str id);
void async_put(Rest *rest, AsyncJob *job);
/* Ends it and takes it off the list; its folder goes with the last reference. */
void async_delete(Rest *rest, AsyncJob *job);

/* ---- the folder (rest_async_folder.c) ---- */
void async_remove_folder(const char *dir);
MUST_USE ErrCode async_write(const AsyncJob *job, const char *name, Str text);
/* state.json: what the next start must know of the job. */
MUST_USE ErrCode async_write_state(const AsyncJob *job);
/* The outcome as result.json. */
MUST_USE ErrCode async_write_failure(AsyncJob *job, ErrCode err, const ErrInfo *info);
/* What the folder says of a job of the last start. */
MUST_USE ErrCode async_restore(Rest *rest, AsyncJob *job);

#endif
