/* app.h — the commands of the program: each gets the settings and what is left of the command line.
 * To add a command: a function here, a line in COMMAND_LIST, its file app_NAME.c. */
#ifndef NHIP_APP_APP_H
#define NHIP_APP_APP_H

#include "api/api.h"
#include "catalog/catalog.h"
#include "core/limits.h"
#include "core/setting.h"
#include "core/thread.h"
#include "intake/intake.h"
#include "ioc/ioc.h"
#include "subs/subs.h"

typedef struct App {
    Settings settings;
    int argc; /* arguments behind the command */
    char **argv;
    bool vietnamese;
    StopFlag stop;         /* SIGINT, SIGTERM */
    StoreProgress opening; /* whom app_open tells how far it is; zeros: nobody */
} App;

/* X(name, arguments, English, Vietnamese) */
#define COMMAND_LIST(X)                                                                            \
    X(serve, "", "serve the FHIR interface and the screens",                                       \
      "chạy máy chủ: giao diện FHIR và màn hình")                                                  \
    X(import, "PATH…", "take in claim files and FHIR bundles (folders are walked)",                \
      "nhập tệp giám định và gói FHIR (duyệt cả thư mục)")                                         \
    X(synth,                                                                                       \
      "--out DIR [--seed N] [--citizens N] [--visits N] [--years N] [--facilities N] "             \
      "[--claims-per-file N] [--errors-per-mille N] [--resends-per-mille N] "                      \
      "[--mistakes N|FAMILY=N,…] [--identity-errors-percent N] [--gz]",                            \
      "make a province of invented citizens as claim files",                                       \
      "tạo một tỉnh gồm người dân hư cấu dưới dạng tệp giám định")                                 \
    X(claims, "export [--facility F] [--month YYYY-MM] [--ma-lk X] --out DIR",                     \
      "claim files from the resources as they are now", "xuất hồ sơ giám định từ dữ liệu hiện có") \
    X(rejects, "[list|show ID|retry ID [FILE]]", "the work list of what could not be taken",       \
      "danh sách việc: những gì chưa nhận được")                                                   \
    X(received, "[list|show SHA256]", "the files that were received, and whether they are kept",   \
      "các tệp đã nhận, còn lưu hay không")                                                        \
    X(verify, "", "walk the chain of all records and name the first bad one",                      \
      "kiểm tra chuỗi bản ghi, chỉ ra bản ghi hỏng đầu tiên")                                      \
    X(rebuild, "", "make all views anew from the records", "dựng lại mọi chỉ mục từ bản ghi")      \
    X(stat, "[digest]", "counts and bytes by kind; or a digest of what the index answers",         \
      "số lượng và dung lượng theo loại; hoặc mã băm của mọi câu trả lời")                         \
    X(backup, "FILE", "copy the data while running", "sao lưu trong khi đang chạy")                \
    X(restore, "FILE", "put a backup into an empty data folder",                                   \
      "khôi phục bản sao lưu vào thư mục dữ liệu trống")                                           \
    X(term,                                                                                        \
      "[list|load FILE… [--system URL] [--edition TEXT] [--title TEXT] "                         \
      "[--map URL --target URL] [--name NAME]|remove NAME]",                                       \
      "larger catalogues: TSV, CSV, FHIR, LOINC, SNOMED CT",                                       \
      "danh mục lớn: TSV, CSV, FHIR, LOINC, SNOMED CT")                                            \
    X(ig, "install FILE|list|remove NAME#VERSION", "implementation guides (package archives)",     \
      "hướng dẫn triển khai FHIR (tệp gói .tgz)")                                                  \
    X(rules,                                                                                       \
      "list [FILE…]|explain ID|test [FILE…]|"                                                  \
      "try --rules FILE|DIR [--month YYYY-MM] [--facility F]",                                     \
      "the claim rules; try: what would changed ones have flagged?",                               \
      "quy tắc giám định; try: quy tắc mới sẽ báo thêm những gì?")                                 \
    X(catalog,                                                                                     \
      "[list|preview NAME FILE|import NAME FILE|history NAME|rollback NAME EDITION|export NAME "   \
      "FILE] [--since DAY] [--facility F] [--whole] [--sheet S] [--plan ID] [--who W --why TEXT]", \
      "services, drugs, supplies, prices …: tables previewed, taken in, rolled back",              \
      "danh mục dịch vụ, thuốc, vật tư, giá …: xem trước, nhập, quay lại")                         \
    X(account, "USER FACILITY",                                                                    \
      "a line of gateway_accounts; the password comes on standard input",                          \
      "một dòng của gateway_accounts; mật khẩu đọc từ đầu vào chuẩn")                              \
    X(sign, "IN OUT|pin FACILITY", "sign a claim file; or print the key's line of signature_pins", \
      "ký số một tệp hồ sơ; hoặc in dòng signature_pins của khoá")                                 \
    X(settle,                                                                                      \
      "show F MA_LK|sign F MONTH|take F MONTH|receipts|answer FILE [--facility F] [--final]|"      \
      "report NAME F MONTH [--out FILE]|close F MONTH [--who NAME --why TEXT]",                    \
      "claims on their way to the fund's money: sign, take in what facilities signed, answers, "   \
      "report, close",                                                                             \
      "quyết toán: ký, nhận hồ sơ cơ sở đã ký, nhập kết quả của quỹ, báo cáo, chốt tháng")         \
    X(mpi,                                                                                         \
      "[list [--all]|run [--dry-run]|explain ID ID|merge KEEP OTHER|unmerge ID ID|differ ID ID] "  \
      "[--who NAME --why TEXT]",                                                                   \
      "one citizen, one record: find, review, merge, part",                                        \
      "mỗi người dân một hồ sơ: tìm, xem xét, gộp, tách")                                          \
    X(gateway,                                                                                     \
      "[status|pause DESTINATION|resume DESTINATION|release FACILITY MA_LK] "                      \
      "[--target DESTINATION] [--who NAME --why TEXT]",                                            \
      "claims on their way to the fund and others: what waits for a person",                       \
      "hồ sơ đang gửi lên cổng và nơi khác: những gì cần người xử lý")                             \
    X(routes, "", "list the HTTP routes", "liệt kê các đường dẫn HTTP")                            \
    X(help, "[settings]", "this list, or all settings", "danh sách này, hoặc mọi cài đặt")         \
    X(version, "", "the version", "phiên bản")

#define X(name, args, en, vi) int app_##name(App *app);
COMMAND_LIST(X)
#undef X

#define APP_VERSION "0.1.0"

/* Prints the error in the person's language to stderr; the command's exit status. */
int app_fail(const App *app, ErrCode err, const ErrInfo *info);
/* The store of --data with its views and the way in; one process at a time. */
typedef struct AppStore {
    Ioc *ioc;
    Subs *subs;
    Term *term;
    RestTermFeed *term_feed;
    StoreView views[3];
    Store *store;
    SignPins *pins; /* NULL: signatures are not looked at */
    Sign *sign;
    Intake *intake;
    Gateway *gateway;  /* of a server; NULL: none is set up */
    SignKey *sign_key; /* of a server; NULL: none is set up */
    /* app_book_open: */
    Rules *rules;
    Catalog *catalog;
    Book *book;
} AppStore;
/* ERR_STOPPED when app->stop was asked for while records were indexed. */
MUST_USE ErrCode app_open(App *app, AppStore *ret, ErrInfo *info);
void app_close(AppStore *o);
/* app_sign.c: the policy, the pins and the checker of signatures, as the settings say; the policy
 * is good once app_sign_open was. */
IntakeSignature app_signature(const App *app);
MUST_USE ErrCode app_sign_open(const App *app, AppStore *o, ErrInfo *info);
/* app_sign.c: the key of sign_key and sign_cert. */
MUST_USE ErrCode app_sign_key(const App *app, SignKey **ret_key, ErrInfo *info);
/* app_book.c: rules, catalogues and the book over the open store; the follower does not run yet. */
MUST_USE ErrCode app_book_open(const App *app, AppStore *o, ErrInfo *info);
void app_book_close(AppStore *o);
/* app_rules.c: the rules in force: built in, of rules_dir, of these files. Errors are printed. */
MUST_USE ErrCode app_rules_load(const App *app, char **files, int n_files, Rules **ret_rules);
enum { APP_USAGE = -1 }; /* the command line was not understood */
/* app_try.c: nhip rules try. */
int app_rules_try(App *app);
/* Shows the loaded catalogues of the data folder in term (app_term.c). */
MUST_USE ErrCode app_term_attach(const App *app, Term *term);
/* The text in the person's language. */
static inline const char *app_say(const App *app, const char *en, const char *vi) {
    return app->vietnamese ? vi : en;
}

#endif
