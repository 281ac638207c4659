#include "app/app.h"
#include "core/io.h"

#include <unistd.h>

/* hash, received at, size, name, who and by which way, state */
static void print_file(const App *app, const StoreFile *f) {
    CLEANUP_BUF Buf b;
    buf_init(&b, LIMIT_MIB);
    hex_put(&b, f->hash.b, sizeof(f->hash.b));
    buf_put_char(&b, '\t');
    time_put_vn(&b, f->time);
    buf_printf(&b, "\t%llu\t" STR_FMT "\t" STR_FMT "/" STR_FMT "\t", (unsigned long long)f->size,
               STR_ARG(f->name), STR_ARG(f->actor), STR_ARG(f->source));
    buf_put_str(&b, str_from(f->state == STORE_FILE_DONE ? app_say(app, "done", "xong")
                                                         : app_say(app, "begun", "đang nhận")));
    if (f->dropped != STORE_KEPT) {
        buf_put_str(&b, str_from(f->dropped == STORE_EXPIRED
                                     ? app_say(app, ", expired ", ", hết hạn lưu từ ")
                                     : app_say(app, ", not kept ", ", không lưu từ ")));
        time_put_vn(&b, f->dropped_time);
    }
    buf_put_char(&b, '\n');
    (void)fwrite(b.ptr, 1, b.len, stdout);
}

static ErrCode list_files(const App *app, Store *store, Arena *arena) {
    enum { PAGE = 500 };
    StoreFile *files = NULL;
    uint64_t after = 0;
    size_t n = PAGE;
    while (n == PAGE) {
        TRY(store_received_list(store, arena, after, PAGE, &files, &n));
        for (size_t i = 0; i < n; i++) {
            print_file(app, &files[i]);
            after = files[i].id;
        }
        arena_reset(arena);
    }
    return ERR_OK;
}

static ErrCode show_file(const App *app, Store *store, Arena *arena, ErrInfo *info) {
    Sha256 hash;
    StoreReceived file;
    StoreFile row;
    if (app->argc < 2 || hex_parse(str_from(app->argv[1]), hash.b, sizeof(hash.b)) != ERR_OK) {
        return err_set(info, ERR_PARAM, "command", "say: nhip received list | show SHA256",
                       "dùng: nhip received list | show SHA256");
    }
    ErrCode err = store_received_get(store, arena, &hash, &file);
    if (err == ERR_GONE) {
        TRY(store_received_row(store, arena, &hash, &row));
        return store_received_gone(&row, info);
    }
    return err != ERR_OK ? err : io_write_all(STDOUT_FILENO, file.bytes);
}

int app_received(App *app) {
    ErrInfo info = {0};
    AppStore o;
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_CLAIM_FILE_BYTES * 2);
    if (arena == NULL) {
        return app_fail(app, ERR_NOMEM, NULL);
    }
    ErrCode err = app_open(app, &o, &info);
    if (err != ERR_OK) {
        return app_fail(app, err, &info);
    }
    bool list = app->argc == 0 || strcmp(app->argv[0], "list") == 0;
    bool show = !list && strcmp(app->argv[0], "show") == 0;
    app->argc = list || show ? app->argc : 0;
    err = list ? list_files(app, o.store, arena) : show_file(app, o.store, arena, &info);
    app_close(&o);
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
