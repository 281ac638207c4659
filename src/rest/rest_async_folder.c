/* A job's folder: its state, its answer, and what the next start makes of both. */
#include "rest/rest_async_int.h"

#include "core/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

void async_remove_folder(const char *dir) {
    DIR *d = opendir(dir);
    struct dirent *entry = NULL;
    while (d != NULL && (entry = readdir(d)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)unlinkat(dirfd(d), entry->d_name, 0);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    (void)rmdir(dir);
}

ErrCode async_write(const AsyncJob *job, const char *name, Str text) {
    CLEANUP_BUF Buf path;
    buf_init(&path, LIMIT_MIB);
    buf_printf(&path, "%s/%s", job->dir, name);
    return buf_ok(&path) == ERR_OK ? io_write_atomic(buf_cstr(&path), text) : buf_ok(&path);
}

static const char *const state_names[] = {"waiting", "running", "done", "failed"};

/* state.json: what the next start must know of the job. */
ErrCode async_write_state(const AsyncJob *job) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    JsonWriter w = json_writer(&b);
    json_open_object(&w);
    json_member(&w, "state", str_from(state_names[job->state]));
    json_member(&w, "kind", str_from(job->kind));
    json_member(&w, "request", job->request);
    json_put_name(&w, STR("bundle"));
    json_put_bool(&w, job->is_bundle);
    json_put_name(&w, STR("status"));
    json_put_i64(&w, job->status);
    json_put_name(&w, STR("time"));
    json_put_i64(&w, job->time);
    json_put_name(&w, STR("expires"));
    json_put_i64(&w, job->expires);
    json_close_object(&w);
    TRY(buf_ok(&b));
    return async_write(job, "state.json", buf_str(&b));
}

ErrCode async_write_failure(AsyncJob *job, ErrCode err, const ErrInfo *info) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    rest_put_outcome(&b, err, info, job->language);
    TRY(buf_ok(&b));
    return async_write(job, "result.json", buf_str(&b));
}

static ErrCode read_state(AsyncJob *job, Arena *arena, const JsonNode **ret_root) {
    CLEANUP_BUF Buf path;
    Buf text;
    buf_init(&path, LIMIT_MIB);
    buf_init(&text, LIMIT_MIB);
    buf_printf(&path, "%s/state.json", job->dir);
    ErrCode err = io_read_file(buf_cstr(&path), LIMIT_MIB, &text);
    Str kept = arena_str(arena, buf_str(&text));
    buf_release(&text);
    TRY(err);
    return json_parse(arena, kept, ret_root, NULL);
}

ErrCode async_restore(Rest *rest, AsyncJob *job) {
    const JsonNode *root = NULL;
    int64_t status = 0;
    TRY(read_state(job, job->arena, &root));
    TRY(json_to_i64(json_get_lit(root, "time"), &job->time));
    TRY(json_to_i64(json_get_lit(root, "expires"), &job->expires));
    TRY(json_to_i64(json_get_lit(root, "status"), &status));
    job->status = (int)status;
    job->request = json_str(job->arena, json_get_lit(root, "request"));
    job->kind = json_str(job->arena, json_get_lit(root, "kind")).ptr;
    job->is_bundle = json_is(json_get_lit(root, "bundle"), JSON_TRUE);
    bool done = json_str_is(json_get_lit(root, "state"), STR("done"));
    job->state = done ? JOB_DONE : JOB_FAILED;
    if (done || json_str_is(json_get_lit(root, "state"), STR("failed"))) {
        return ERR_OK;
    }
    ErrInfo info = {0};
    job->language = rest->language;
    (void)err_set(&info, ERR_INTERNAL, "async-restarted",
                  "the server was started anew before this was done: please ask again",
                  "máy chủ đã khởi động lại trước khi việc này xong: hãy yêu cầu lại");
    TRY(async_write_failure(job, ERR_INTERNAL, &info));
    job->status = 500;
    job->expires = clock_now_ms(rest->clock) + ASYNC_KEEP_MS;
    return async_write_state(job);
}
