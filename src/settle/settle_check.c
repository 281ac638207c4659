/* What the rules say of a claim that is about to be signed, by the book. */
#include "book/book.h"
#include "settle/settle_int.h"

enum { WAIT_MS = 5000 };

ErrCode settle_check_by_book(void *book, Arena *arena, const SettleDraft *draft,
                             SettleCheck *ret_check) {
    BookReport report;
    BookDraft asked = {.claim = draft->claim, .moment = RULES_AT_EXPORT};
    SettleCheck check = {.en = STR("the rules have not seen it yet"),
                         .vi = STR("quy tắc chưa xét tới hồ sơ này")};
    if (!book_wait(book, draft->record, WAIT_MS)) {
        *ret_check = check;
        return ERR_OK;
    }
    TRY(book_check_claim(book, arena, &asked, &report));
    check = (SettleCheck){.checked = true, .n_blocks = report.n_by_weight[RULES_BLOCKS]};
    for (size_t i = 0; i < report.n_findings && check.rule.len == 0; i++) {
        const BookFinding *f = &report.findings[i];
        if (f->weight == RULES_BLOCKS) {
            check.rule = f->rule;
            check.en = f->en;
            check.vi = f->vi;
        }
    }
    *ret_check = check;
    return ERR_OK;
}
