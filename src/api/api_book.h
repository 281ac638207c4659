/* api_book.h — the book of claims for the screens: filters from the address or a body, rows as
 * JSON. Money goes out in đồng, whole or with two digits. Threads: one a call. */
#ifndef NHIP_API_API_BOOK_H
#define NHIP_API_API_BOOK_H

#include "api/api_int.h"
#include "book/book.h"

/* ERR_UNSUPPORTED (rule book-none) when the server runs without one. */
MUST_USE ErrCode api_book(RestCall *call, Book **ret_book, ErrInfo *info);

/* What a list is asked by: facility, from, to ("2026-10"), department, state (codes, commas), rule,
 * weight (names, commas), q. get says how a name is looked up. */
typedef Str (*BookGetFn)(void *ctx, const char *name);
MUST_USE ErrCode api_book_filter(BookGetFn get, void *ctx, BookFilter *ret, ErrInfo *info);

void api_put_money(JsonWriter *w, int64_t hundredths);
void api_put_row(RestCall *call, JsonWriter *w, const BookRow *row);

#endif
