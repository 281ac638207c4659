/* nhip term: larger catalogues from files, kept as mapped files in the data folder. */
#include "app/app.h"
#include "core/io.h"
#include "core/log.h"
#include "term/term_load.h"

#define SUFFIX ".pack"
#define PACK_FILE_MAX ((size_t)2 << 30)

static Str folder(const App *app, Arena *arena) {
    return arena_printf(arena, "%s/term", app->settings.data);
}

/* A file name of its own: letters, digits, '-', '_' and '.'. */
static bool is_name(Str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || strchr("-_.", c) == NULL)) {
            return false;
        }
    }
    return name.len > 0 && name.len <= 64;
}

/* ---- attaching at start ---- */

static Str name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    Str name = str_from(slash == NULL ? path : slash + 1);
    return str_ends(name, STR(SUFFIX)) ? str_sub(name, 0, name.len - (sizeof(SUFFIX) - 1))
                                       : STR_EMPTY;
}

/* A damaged file keeps nothing else from being served. */
static ErrCode attach(void *ctx, const char *path, uint64_t bytes) {
    ErrInfo info = {0};
    Str name = name_of(path);
    (void)bytes;
    ErrCode err = name.len == 0 ? ERR_OK : term_attach_file(ctx, path, name, &info);
    if (err != ERR_OK) {
        log_warn("term_file_not_usable", "err", err_name(err), "file", path);
    }
    return ERR_OK;
}

ErrCode app_term_attach(const App *app, Term *term) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    Str dir = folder(app, arena);
    return io_exists(dir.ptr) ? io_walk(dir.ptr, attach, term) : ERR_OK;
}

/* ---- load ---- */

typedef struct LoadAsk {
    const char *paths[TERM_LOAD_FILES];
    IoMap maps[TERM_LOAD_FILES];
    TermFile files[TERM_LOAD_FILES];
    TermLoad load;
    Str name;
} LoadAsk;

/* "--system URL" or "--system=URL"; *at moves to the last word that it used. */
static ErrCode read_flag(App *app, int *at, LoadAsk *ask, ErrInfo *info) {
    const struct {
        const char *name;
        Str *to;
    } flags[] = {{"--system", &ask->load.system}, {"--edition", &ask->load.version},
                 {"--title", &ask->load.title},   {"--target", &ask->load.target},
                 {"--map", &ask->load.map},       {"--name", &ask->name}};
    Str flag = str_from(app->argv[*at]);
    Str value = flag;
    (void)str_cut(&value, '=', &flag);
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (!str_eq(flag, str_from(flags[i].name))) {
            continue;
        }
        if (value.ptr == NULL && *at + 1 < app->argc) {
            value = str_from(app->argv[++*at]);
        }
        if (value.len > 0) {
            *flags[i].to = value;
            return ERR_OK;
        }
    }
    return err_set(info, ERR_PARAM, "command", "unknown or without a value: %s",
                   "không hiểu hoặc thiếu giá trị: %s", app->argv[*at]);
}

static ErrCode read_ask(App *app, LoadAsk *ask, ErrInfo *info) {
    for (int i = 1; i < app->argc; i++) {
        if (strncmp(app->argv[i], "--", 2) == 0) {
            TRY(read_flag(app, &i, ask, info));
        } else if (ask->load.n_files < TERM_LOAD_FILES) {
            ask->paths[ask->load.n_files++] = app->argv[i];
        } else {
            return err_set(info, ERR_PARAM, "command", "at most %d files", "nhiều nhất %d tệp",
                           (int)TERM_LOAD_FILES);
        }
    }
    if (ask->load.n_files == 0) {
        return err_set(info, ERR_PARAM, "command", "name the file", "hãy cho tên tệp");
    }
    if (ask->name.len == 0) {
        const char *slash = strrchr(ask->paths[0], '/');
        ask->name = str_from(slash == NULL ? ask->paths[0] : slash + 1);
        size_t dot = str_find_char(ask->name, '.', 0);
        ask->name = dot == SIZE_MAX ? ask->name : str_sub(ask->name, 0, dot);
    }
    return is_name(ask->name)
               ? ERR_OK
               : err_set(info, ERR_PARAM, "command",
                         "--name has letters, digits, '-', '_', '.': not '" STR_FMT "'",
                         "--name gồm chữ, số, '-', '_', '.': không phải '" STR_FMT "'",
                         STR_ARG(ask->name));
}

static ErrCode map_files(LoadAsk *ask, ErrInfo *info) {
    for (size_t i = 0; i < ask->load.n_files; i++) {
        ErrCode err = io_map_open(ask->paths[i], &ask->maps[i]);
        if (err != ERR_OK) {
            return err_set(info, err, "term-file", "%s cannot be read", "không đọc được %s",
                           ask->paths[i]);
        }
        ask->files[i] = (TermFile){str_from(ask->paths[i]), ask->maps[i].bytes};
    }
    ask->load.files = ask->files;
    return ERR_OK;
}

static ErrCode load_files(App *app, LoadAsk *ask, TermLoaded *ret, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    CLEANUP_BUF Buf pack;
    buf_init(&pack, PACK_FILE_MAX);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    TRY(read_ask(app, ask, info));
    TRY(map_files(ask, info));
    TRY(term_load(&ask->load, &pack, ret, info));
    Str dir = folder(app, arena);
    TRY(io_mkdirs(dir.ptr));
    Str path = arena_printf(arena, STR_FMT "/" STR_FMT SUFFIX, STR_ARG(dir), STR_ARG(ask->name));
    return io_write_atomic(path.ptr, buf_str(&pack));
}

static ErrCode load(App *app, ErrInfo *info) {
    LoadAsk ask = {.name = STR_EMPTY,
                   .load = {.system = STR_EMPTY,
                            .version = STR_EMPTY,
                            .title = STR_EMPTY,
                            .target = STR_EMPTY,
                            .map = STR_EMPTY}};
    TermLoaded done = {0};
    ErrCode err = load_files(app, &ask, &done, info);
    for (size_t i = 0; i < ask.load.n_files; i++) {
        io_map_close(&ask.maps[i]);
    }
    if (err == ERR_OK) {
        (void)printf(app_say(app,
                             STR_FMT ": %zu codes, %zu mappings, %zu resources. A running server "
                                     "has them after its next start.\n",
                             STR_FMT ": %zu mã, %zu ánh xạ, %zu tài nguyên. Máy chủ đang chạy sẽ "
                                     "dùng sau lần khởi động tới.\n"),
                     STR_ARG(ask.name), done.concepts, done.mappings, done.resources);
    }
    return err;
}

/* ---- list, remove ---- */

static ErrCode list_file(void *ctx, const char *path, uint64_t bytes) {
    const App *app = ctx;
    Str name = name_of(path);
    CLEANUP_IO_MAP IoMap map = {0};
    CLEANUP_BUF Buf out;
    buf_init(&out, LIMIT_MIB);
    if (name.len == 0) {
        return ERR_OK;
    }
    ErrCode err = io_map_open(path, &map);
    err = err == ERR_OK ? term_pack_list(map.bytes, &out) : err;
    (void)printf(STR_FMT " (%llu KiB)%s\n", STR_ARG(name), (unsigned long long)(bytes / 1024),
                 err == ERR_OK ? ""
                               : app_say(app, ": damaged, load it anew", ": hỏng, hãy nạp lại"));
    Str rest = buf_str(&out);
    Str line;
    while (rest.len > 0 && str_cut(&rest, '\n', &line)) {
        (void)printf(line.len > 0 ? "  " STR_FMT "\n" : STR_FMT, STR_ARG(line));
    }
    return ERR_OK;
}

static ErrCode list(App *app) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    Str dir = folder(app, arena);
    return io_exists(dir.ptr) ? io_walk(dir.ptr, list_file, app) : ERR_OK;
}

static ErrCode remove_file(App *app, ErrInfo *info) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    Str name = app->argc == 2 ? str_from(app->argv[1]) : STR_EMPTY;
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    if (!is_name(name)) {
        return err_set(info, ERR_PARAM, "command", "name a catalogue of: nhip term list",
                       "hãy cho tên danh mục, xem: nhip term list");
    }
    Str path =
        arena_printf(arena, STR_FMT "/" STR_FMT SUFFIX, STR_ARG(folder(app, arena)), STR_ARG(name));
    return io_exists(path.ptr)
               ? io_remove(path.ptr)
               : err_set(info, ERR_NOT_FOUND, "term-file", "there is no catalogue '" STR_FMT "'",
                         "không có danh mục '" STR_FMT "'", STR_ARG(name));
}

int app_term(App *app) {
    ErrInfo info = {0};
    const char *what = app->argc > 0 ? app->argv[0] : "list";
    ErrCode err = strcmp(what, "list") == 0   ? list(app)
                  : strcmp(what, "load") == 0 ? load(app, &info)
                  : strcmp(what, "remove") == 0
                      ? remove_file(app, &info)
                      : err_set(&info, ERR_PARAM, "command", "nhip term list, load or remove",
                                "nhip term list, load hoặc remove");
    return err == ERR_OK ? 0 : app_fail(app, err, &info);
}
