/* setting.h — all settings of the program in one list: name, type, default, bounds, explanation.
 * Order of force: default < file < environment (NHIP_NAME) < flags (--name value, --name=value).
 * The file has `name = value` lines; '#' begins a comment; values may stand in double quotes. In
 * names '-' and '_' are the same. An unknown name or a value out of bounds is an error that names
 * the place and the remedy in both languages. To add a setting: one line in SETTING_LIST; it is
 * then in the struct, the help and the checks. Ownership: texts belong to the Settings until
 * settings_release. Errors: ERR_PARAM (rule setting-*), ERR_SYNTAX, ERR_NOT_FOUND (the file named),
 * ERR_NOMEM. Threads: read-only once loaded. */
#ifndef NHIP_CORE_SETTING_H
#define NHIP_CORE_SETTING_H

#include "core/str.h"

/* maKetQua of the gateway's documents, or the HTTP status where there is none. */
#define GATEWAY_CODES_DEFAULT                                                                      \
    "200=done 201=refused 202=refused 204=refused 205=refused 402=refused 413=refused "            \
    "1001=refused 401=token 403=away 404=away 408=retry 429=later 500=retry"

/* X(name, type, default, least, most, English, Vietnamese); type TEXT (const char *, bounds are its
 * length), INT (int64_t) or BOOL (bool, bounds unused). */
#define SETTING_LIST(X)                                                                            \
    X(config, TEXT, "", 0, 4096, "settings file (name = value lines); empty: none",                \
      "tệp cài đặt (mỗi dòng: tên = giá trị); để trống: không dùng")                               \
    X(data, TEXT, "data", 1, 4096, "folder of the database and of received files",                 \
      "thư mục chứa cơ sở dữ liệu và các tệp đã nhận")                                             \
    X(language, TEXT, "vi", 2, 2, "language of messages when none is asked for: vi or en",         \
      "ngôn ngữ thông báo mặc định: vi hoặc en")                                                   \
    X(listen, TEXT, "127.0.0.1", 1, 255, "address to listen on",                                   \
      "địa chỉ IP mà máy chủ lắng nghe")                                                           \
    X(port, INT, 8080, 1, 65535, "port to listen on", "cổng lắng nghe")                            \
    X(tls_cert, TEXT, "", 0, 4096, "certificate chain (PEM); empty: no TLS",                       \
      "chuỗi chứng thư (PEM); để trống: không dùng TLS")                                           \
    X(tls_key, TEXT, "", 0, 4096, "private key of the certificate (PEM)",                          \
      "khoá riêng của chứng thư (PEM)")                                                            \
    X(threads, INT, 0, 0, 1024, "HTTP worker threads; 0: one a core",                              \
      "số luồng phục vụ HTTP; 0: mỗi lõi một luồng")                                               \
    X(import_threads, INT, 0, 0, 1024, "threads that read claim files; 0: one a core",             \
      "số luồng đọc tệp giám định; 0: mỗi lõi một luồng")                                          \
    X(connections_max, INT, 4096, 8, 1000000, "open connections at most",                          \
      "số kết nối đồng thời tối đa")                                                               \
    X(connections_per_address, INT, 512, 1, 1000000, "open connections of one address at most",    \
      "số kết nối tối đa từ một địa chỉ")                                                          \
    X(request_max_mib, INT, 256, 1, 4096, "largest request body in MiB",                           \
      "kích thước yêu cầu tối đa (MiB)")                                                           \
    X(request_timeout_s, INT, 60, 1, 3600, "seconds until a silent connection is closed",          \
      "số giây chờ trước khi đóng kết nối im lặng")                                                \
    X(stop_timeout_s, INT, 20, 0, 600, "seconds that running requests get when stopping",          \
      "số giây cho các yêu cầu đang chạy khi dừng máy chủ")                                        \
    X(page_count, INT, 50, 1, 1000, "search results a page when _count is not given",              \
      "số kết quả mỗi trang khi không có _count")                                                  \
    X(conditional_delete_max, INT, 1, 1, 1000, "resources that one conditional delete may remove", \
      "số tài nguyên mà một lệnh xoá có điều kiện được xoá")                                       \
    X(gzip, BOOL, true, 0, 1, "compress answers when the client takes gzip",                       \
      "nén câu trả lời khi máy khách nhận gzip")                                                   \
    X(log_level, TEXT, "info", 3, 5, "debug, info, warn, error or off",                            \
      "mức nhật ký: debug, info, warn, error hoặc off")                                            \
    X(received_keep, BOOL, true, 0, 1, "keep received files unchanged",                            \
      "giữ nguyên bản các tệp đã nhận")                                                            \
    X(received_retention_days, INT, 0, 0, 36500, "days to keep received files; 0: for ever",       \
      "số ngày giữ tệp đã nhận; 0: giữ mãi")                                                       \
    X(hook_hosts, TEXT, "", 0, 4096,                                                               \
      "hosts that subscriptions may call (host or host:port, comma-separated)",                    \
      "các máy chủ mà đăng ký được phép gọi (tên hoặc tên:cổng, cách bằng dấu phẩy)")              \
    X(geojson, TEXT, "", 0, 4096, "boundaries of the communes (GeoJSON); empty: a tile map",       \
      "ranh giới các xã, phường (GeoJSON); để trống: bản đồ ô")                                    \
    X(validation, TEXT, "structure", 4, 4096,                                                      \
      "checked before storing: structure, base, profiles; by type: base,Patient=profiles",         \
      "mức kiểm tra khi lưu: structure, base, profiles; theo loại: base,Patient=profiles")         \
    X(rules_dir, TEXT, "", 0, 4096,                                                                \
      "folder with the province's own claim rules, on top of the built-in ones",                   \
      "thư mục chứa quy tắc giám định riêng của tỉnh, bổ sung cho quy tắc có sẵn")                 \
    X(book_history_days, INT, 0, 0, 366,                                                           \
      "days around a visit in which claim rules see the citizen's other visits; 0: stays that "    \
      "touch",                                                                                     \
      "số ngày trước và sau một lượt khám mà quy tắc xét các lượt khác; 0: chỉ các đợt chạm nhau") \
    X(book_work_days, INT, 120, 0, 3660,                                                           \
      "newest days for which rules compare the work of practitioners and machines; 0: none",       \
      "số ngày gần nhất mà quy tắc đối chiếu giờ làm của người và máy; 0: không")                  \
    X(signature, TEXT, "off", 3, 7, "signatures of claim files: off, note or require",             \
      "chữ ký số của tệp hồ sơ: off (bỏ qua), note (cảnh báo), require (bắt buộc)")                \
    X(signature_scope, TEXT, "content", 7, 8,                                                      \
      "what a signature must cover: content (the records) or document (all of the file)",          \
      "chữ ký phải bao gồm: content (phần hồ sơ) hoặc document (toàn bộ tệp)")                     \
    X(signature_pins, TEXT, "", 0, 4096,                                                           \
      "table of the facilities' signing certificates: facility, sha256, of, from, until (TSV)",    \
      "bảng chứng thư ký số của các cơ sở: facility, sha256, of, from, until (TSV)")               \
    X(signed_take, TEXT, "", 0, 65536,                                                             \
      "facilities whose own signatures count at once: codes with commas, or *; others by command", \
      "cơ sở mà hồ sơ tự ký hợp lệ được nhận ngay là đã ký: mã cách bằng dấu phẩy, hoặc *")        \
    X(sign_key, TEXT, "", 0, 4096, "key to sign with: PEM file or pkcs11:token=…;object=…",        \
      "khoá để ký: tệp PEM hoặc pkcs11:token=…;object=…")                                          \
    X(sign_cert, TEXT, "", 0, 4096, "certificate of that key (PEM)", "chứng thư của khoá (PEM)")   \
    X(sign_module, TEXT, "", 0, 4096, "PKCS#11 library of the token",                              \
      "thư viện PKCS#11 của token")                                                                \
    X(sign_pin_file, TEXT, "", 0, 4096, "file that holds the PIN of the token",                    \
      "tệp chứa mã PIN của token")                                                                 \
    X(answer_columns, TEXT, "", 0, 4096,                                                           \
      "how the fund's answer files call their columns; empty: data/settle/answer.columns",         \
      "tên các cột trong tệp trả lời của quỹ; để trống: data/settle/answer.columns")               \
    X(gateway_accounts, TEXT, "", 0, 4096,                                                         \
      "accounts of facilities for the insurance gateway's calls (TSV; nhip account makes lines)",  \
      "tài khoản của các cơ sở cho cổng tiếp nhận hồ sơ BHYT (TSV; tạo dòng bằng nhip account)")   \
    X(gateway_rate, INT, 600, 1, 1000000, "calls a minute of one such account at most",            \
      "số lần gọi tối đa mỗi phút của một tài khoản")                                              \
    X(gateway_targets, TEXT, "", 0, 4096,                                                          \
      "where claims and their copies go: gateways and the facilities' accounts (TSV, chmod 600)",  \
      "nơi gửi hồ sơ và bản sao: các cổng và tài khoản của các cơ sở (TSV, chmod 600)")            \
    X(gateway_codes, TEXT, GATEWAY_CODES_DEFAULT, 0, 2048,                                         \
      "what the gateways' answers mean: CODE=done, refused, retry, away, later or token",          \
      "ý nghĩa mã trả lời của cổng: MÃ=done, refused, retry, away, later hoặc token")              \
    X(gateway_timeout_s, INT, 60, 1, 600, "seconds that a gateway gets for one file",              \
      "số giây chờ cổng trả lời cho một tệp")                                                      \
    X(gateway_failures, INT, 8, 1, 1000, "failures of a claim until it is put aside",              \
      "số lần gửi lỗi trước khi một hồ sơ bị giữ lại")                                             \
    X(gateway_senders, INT, 2, 1, 16, "claims that are sent at the same time",                     \
      "số hồ sơ được gửi cùng lúc")                                                                \
    X(gateway_retry_ms, INT, 5000, 100, 300000,                                                    \
      "pause after the first failure in ms, doubled each time up to 5 minutes",                    \
      "thời gian chờ sau lần lỗi đầu (ms), gấp đôi mỗi lần, tối đa 5 phút")                        \
    X(card_keep_h, INT, 12, 0, 720, "hours for which a valid card is not asked about again",       \
      "số giờ không hỏi lại một thẻ đúng")                                                         \
    X(card_keep_bad_min, INT, 10, 0, 10080, "minutes for an invalid one",                          \
      "số phút không hỏi lại một thẻ sai")                                                         \
    X(card_rate, INT, 120, 1, 100000, "cards asked about in a minute at most",                     \
      "số thẻ được hỏi tối đa mỗi phút")                                                           \
    X(base_url, TEXT, "", 0, 1024, "public address of the FHIR interface, for links",              \
      "địa chỉ công khai của giao diện FHIR, dùng cho liên kết")

typedef const char *SettingText;
typedef int64_t SettingInt;
typedef bool SettingBool;
#define SETTING_TYPE_TEXT SettingText
#define SETTING_TYPE_INT SettingInt
#define SETTING_TYPE_BOOL SettingBool

typedef enum SettingId {
#define X(name, type, def, lo, hi, en, vi) SETTING_ID_##name,
    SETTING_LIST(X)
#undef X
        SETTING_COUNT
} SettingId;

typedef enum SettingSource {
    SETTING_DEFAULT,
    SETTING_FILE,
    SETTING_ENVIRONMENT,
    SETTING_FLAG,
} SettingSource;

typedef struct Settings {
#define X(name, type, def, lo, hi, en, vi) SETTING_TYPE_##type name;
    SETTING_LIST(X)
#undef X
    unsigned char source[SETTING_COUNT]; /* SettingSource of each */
    char *owned[SETTING_COUNT];          /* texts that release frees */
} Settings;

void settings_init(Settings *s); /* the defaults */
void settings_release(Settings *s);
/* Sets one unless a stronger source had set it. */
MUST_USE ErrCode settings_set(Settings *s, Str name, Str value, SettingSource source,
                              ErrInfo *info);
MUST_USE ErrCode settings_load_text(Settings *s, Str text, const char *path, ErrInfo *info);
MUST_USE ErrCode settings_load_file(Settings *s, const char *path, ErrInfo *info);
/* Every variable NHIP_* but NHIP_SHARED and NHIP_TEST_*, which are the tests' and benchmarks'; envp
 * ends with NULL (environ). */
MUST_USE ErrCode settings_load_environment(Settings *s, char *const *envp, ErrInfo *info);
/* Takes the settings' flags out of argv[1…] and shortens *argc; a BOOL flag alone means true,
 * --no-NAME false. "--" ends the flags. Flags that are no settings are refused when `strict`, else
 * they stay in argv in their order, for the command. */
MUST_USE ErrCode settings_load_flags(Settings *s, int *argc, char **argv, bool strict,
                                     ErrInfo *info);
/* environment and flags, then the file that they name (it yields to both). */
MUST_USE ErrCode settings_load(Settings *s, int *argc, char **argv, char *const *envp,
                               ErrInfo *info);

/* A table of all settings: flag, variable, default, explanation in both languages. */
void settings_print_help(Buf *out);
/* `name = value` lines with the source of each as a comment; a settings file again. */
void settings_print(const Settings *s, Buf *out);

#endif
