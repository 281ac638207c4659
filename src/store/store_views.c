/* Views: bytes that prepare made beside the commit are applied by one thread in record order. */
#include "store/record_int.h"

#include "core/clock.h"
#include "core/log.h"

enum {
    FEED_MAX = 65536, /* commits waiting for the views before the writer waits too */
    RETRY_MS = 10,
    RETRIES = 200, /* in a row */
};

static ErrCode apply_record(const StoreView *view, const StorePrepared *p, size_t i, size_t v) {
    ErrCode err = ERR_OK;
    for (int n = 0; n < RETRIES; n++) {
        err = view->apply(view->ctx, p->committed.first + i, p->committed.time,
                          p->records[i].view_bytes[v]);
        if (err == ERR_OK) {
            break;
        }
        clock_sleep_ms(clock_real(), RETRY_MS);
    }
    return err;
}

/* A view that cannot take a record (a full disk) takes no later one either: it stays behind, says
 * so through covered, and gets them all again at the next start. */
static void feed_apply(Store *store, const StorePrepared *p) {
    ViewFeed *feed = &store->feed;
    for (size_t i = 0; i < p->n_records; i++) {
        for (size_t v = 0; v < store->n_views && !feed->behind; v++) {
            ErrCode err = apply_record(&store->views[v], p, i, v);
            if (err != ERR_OK) {
                feed->behind = true;
                log_error("store_view_behind", "err", err_name(err), "view", (uint64_t)v, "record",
                          p->committed.first + i);
            }
        }
    }
}

static void feed_main(void *arg) {
    Store *store = arg;
    ViewFeed *feed = &store->feed;
    mutex_lock(&feed->lock);
    while (true) {
        while (feed->head == NULL && !feed->stopping) {
            feed->busy = false;
            cond_broadcast(&feed->idle);
            cond_wait(&feed->wake, &feed->lock);
        }
        StorePrepared *p = feed->head;
        if (p == NULL) {
            break;
        }
        feed->head = p->next;
        feed->tail = feed->head == NULL ? NULL : feed->tail;
        feed->queued--;
        feed->busy = true;
        cond_signal(&feed->room);
        mutex_unlock(&feed->lock);
        feed_apply(store, p);
        store_prepared_free(p);
        mutex_lock(&feed->lock);
    }
    feed->busy = false;
    cond_broadcast(&feed->idle);
    mutex_unlock(&feed->lock);
}

ErrCode views_start(Store *store) {
    ViewFeed *feed = &store->feed;
    if (store->n_views == 0) {
        return ERR_OK;
    }
    mutex_init(&feed->lock);
    cond_init(&feed->wake);
    cond_init(&feed->room);
    cond_init(&feed->idle);
    ErrCode err = thread_start(&feed->thread, "store-views", feed_main, store);
    feed->started = err == ERR_OK;
    return err;
}

void views_stop(Store *store) {
    ViewFeed *feed = &store->feed;
    if (!feed->started) {
        return;
    }
    mutex_lock(&feed->lock);
    feed->stopping = true;
    cond_broadcast(&feed->wake);
    mutex_unlock(&feed->lock);
    thread_join(&feed->thread);
    cond_release(&feed->wake);
    cond_release(&feed->room);
    cond_release(&feed->idle);
    mutex_release(&feed->lock);
    feed->started = false;
}

void views_settle(Store *store) {
    ViewFeed *feed = &store->feed;
    if (feed->started) {
        mutex_lock(&feed->lock);
        while (feed->head != NULL || feed->busy) {
            cond_wait(&feed->idle, &feed->lock);
        }
        mutex_unlock(&feed->lock);
    }
}

void views_put(Store *store, StorePrepared *prepared) {
    ViewFeed *feed = &store->feed;
    if (!feed->started) {
        store_prepared_free(prepared);
        return;
    }
    prepared->next = NULL;
    mutex_lock(&feed->lock);
    while (feed->queued >= FEED_MAX) {
        cond_wait(&feed->room, &feed->lock);
    }
    if (feed->tail == NULL) {
        feed->head = prepared;
    } else {
        feed->tail->next = prepared;
    }
    feed->tail = prepared;
    feed->queued++;
    feed->busy = true;
    cond_signal(&feed->wake);
    mutex_unlock(&feed->lock);
}
