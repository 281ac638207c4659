/* What was delivered, in one small file that is replaced whole: lines "id seen delivered". When it
 * is lost, subscriptions tell again what happened since their own last version. */
#include "subs/subs_int.h"

#include "core/io.h"

enum { FILE_MAX = 64 << 20 };

static Str file_of(const Subs *subs, Arena *arena) {
    return arena_printf(arena, STR_FMT "/subscriptions.state", STR_ARG(subs->o.dir));
}

static void load_line(Subs *subs, Str line) {
    Str id;
    Str seen;
    uint64_t numbers[2];
    if (!str_cut(&line, ' ', &id) || !str_cut(&line, ' ', &seen) ||
        str_to_u64(seen, &numbers[0]) != ERR_OK || str_to_u64(line, &numbers[1]) != ERR_OK) {
        return;
    }
    Sub *sub = subs_find(subs, id);
    if (sub != NULL && sub->status == SUB_ACTIVE) {
        sub->seen = numbers[0];
        sub->events = sub->delivered = sub->known = numbers[1];
    }
}

ErrCode state_load(Subs *subs) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    CLEANUP_BUF Buf b;
    buf_init(&b, FILE_MAX);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    ErrCode err = io_read_file(file_of(subs, arena).ptr, FILE_MAX, &b);
    Str rest = err == ERR_OK ? buf_str(&b) : STR_EMPTY;
    Str line;
    MUTEX_GUARD(&subs->lock);
    while (str_cut(&rest, '\n', &line)) {
        load_line(subs, line);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* What has not been delivered is found again behind `seen`, under the same numbers. */
static void put_line(const Sub *sub, Buf *out) {
    bool waits = sub->delivered < sub->events;
    buf_printf(out, STR_FMT " ", STR_ARG(sub->wish->id));
    buf_put_u64(out, waits ? sub_event(sub, sub->delivered)->slot - 1 : sub->seen);
    buf_put_char(out, ' ');
    buf_put_u64(out, sub->delivered);
    buf_put_char(out, '\n');
}

ErrCode state_save(Subs *subs) {
    CLEANUP_ARENA Arena *arena = arena_new(LIMIT_MIB);
    CLEANUP_BUF Buf b;
    buf_init(&b, FILE_MAX);
    if (arena == NULL) {
        return ERR_NOMEM;
    }
    mutex_lock(&subs->lock);
    bool dirty = subs->dirty;
    subs->dirty = false;
    for (const Sub *sub = subs->list; sub != NULL; sub = sub->next) {
        if (sub->status == SUB_ACTIVE) {
            put_line(sub, &b);
        }
    }
    mutex_unlock(&subs->lock);
    ErrCode err = !dirty ? ERR_OK : buf_ok(&b);
    err = err == ERR_OK && dirty ? io_write_atomic(file_of(subs, arena).ptr, buf_str(&b)) : err;
    if (err != ERR_OK) {
        MUTEX_GUARD(&subs->lock);
        subs->dirty = true;
    }
    return err;
}
