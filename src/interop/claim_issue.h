/* claim_issue.h — what can be wrong with a claim file, as data: the rule, its weight, a sentence
 * and a remedy in English and Vietnamese; and the one issue that names its place (file, HOSO,
 * MA_LK, table, record, line, field). An error refuses its claim (or the rest of its file); a
 * warning is kept with the claim. docs/ig lists the rules from this table. Ownership: the Str of an
 * issue live as long as the reader's callback that it is handed to. Issues may carry the values
 * that they are about: hand them to the sender, never to the log. */
#ifndef NHIP_INTEROP_CLAIM_ISSUE_H
#define NHIP_INTEROP_CLAIM_ISSUE_H

#include "core/arena.h"

typedef enum ClaimSeverity {
    CLAIM_WARNING,
    CLAIM_ERROR,
} ClaimSeverity;

/* X(NAME, id, severity, English, Vietnamese); {} stands for the detail of the case. Rules of tables
 * and fields weigh as written in XML0–XML5; in the tables that are kept whole they are warnings. */
/* clang-format off */
#define CLAIM_RULE_LIST(X)                                                                         \
    X(FILE_EMPTY, "file-empty", ERROR, "The file is empty. Send it again.",                        \
      "Tệp rỗng. Hãy gửi lại.")                                                                    \
    X(FILE_ENCODING, "file-encoding", ERROR,                                                       \
      "The text is not UTF-8 ({}). Save it as UTF-8 and send it again.",                           \
      "Nội dung không phải UTF-8 ({}). Hãy lưu lại bằng UTF-8 rồi gửi lại.")                       \
    X(FILE_XML, "file-xml", ERROR,                                                                 \
      "The XML is broken here: {}. All claims before this place were read; repair and resend the " \
      "rest.",                                                                                     \
      "XML bị hỏng tại đây: {}. Các hồ sơ phía trước đã được đọc; hãy sửa và gửi lại phần còn "    \
      "lại.")                                                                                      \
    X(FILE_DOCTYPE, "file-doctype", ERROR, "DOCTYPE is not allowed. Take it out of the file.",     \
      "Không cho phép DOCTYPE. Hãy bỏ khai báo này khỏi tệp.")                                     \
    X(FILE_ROOT, "file-root", ERROR,                                                               \
      "The document is a <{}>, not GIAMDINHHS or CHI_TIEU_TRANG_THAI_KCB. Send a claim file.",     \
      "Tài liệu là <{}>, không phải GIAMDINHHS hay CHI_TIEU_TRANG_THAI_KCB. Hãy gửi tệp hồ sơ "    \
      "KCB.")                                                                                      \
    X(FILE_INNER, "file-inner-table", ERROR,                                                       \
      "The file is table {} alone. Put it base64-encoded into a FILEHOSO of a GIAMDINHHS.",        \
      "Tệp chỉ là riêng bảng {}. Hãy mã hoá base64 và đặt vào FILEHOSO của một GIAMDINHHS.")       \
    X(FILE_REFUSED, "file-refused", ERROR,                                                         \
      "{} claims of the file were refused; what stands behind them was not read. Repair the "      \
      "export and send the rest again.",                                                           \
      "Đã từ chối {} hồ sơ của tệp; phần phía sau chưa được đọc. Hãy sửa việc xuất dữ liệu rồi "   \
      "gửi lại phần còn lại.")                                                                     \
    X(FILE_NO_CLAIM, "file-no-claim", WARNING, "The file has no HOSO. Check the export.",          \
      "Tệp không có HOSO nào. Hãy kiểm tra lại việc xuất dữ liệu.")                                \
    X(FILE_COUNT, "file-count", WARNING,                                                           \
      "SOLUONGHOSO and the number of HOSO differ: {}. Check that the file is complete.",           \
      "SOLUONGHOSO khác số HOSO thực có: {}. Hãy kiểm tra tệp có đủ không.")                       \
    X(FILE_DATE, "file-date", WARNING, "NGAYLAP is no date yyyyMMdd: '{}'.",                       \
      "NGAYLAP không phải ngày yyyyMMdd: '{}'.")                                                   \
    X(FILE_FACILITY, "file-facility", WARNING,                                                     \
      "MACSKCB is missing; the code in XML1 is taken. Fill in THONGTINDONVI.",                     \
      "Thiếu MACSKCB; dùng mã trong XML1. Hãy điền THONGTINDONVI.")                                \
    X(FILE_ELEMENT, "file-element", WARNING, "Unknown element <{}> of the envelope, passed over.", \
      "Phần tử <{}> không có trong phong bì, đã bỏ qua.")                                          \
    X(SIGNATURE_UNSIGNED, "signature-unsigned", WARNING,                                           \
      "The file is not signed. Sign it with the facility's certificate and send it again.",        \
      "Tệp chưa được ký số. Hãy ký bằng chứng thư của cơ sở rồi gửi lại.")                         \
    X(SIGNATURE_ALTERED, "signature-altered", WARNING,                                             \
      "The file was changed after it was signed. Export it again, sign it and change nothing "     \
      "then.",                                                                                     \
      "Tệp đã bị thay đổi sau khi ký. Hãy xuất lại, ký và không sửa gì sau đó.")                   \
    X(SIGNATURE_FORM, "signature-form", WARNING,                                                   \
      "The signature proves nothing about this file: {}. Check the signing software.",             \
      "Chữ ký không chứng minh được gì cho tệp này: {}. Hãy kiểm tra phần mềm ký số.")             \
    X(SIGNATURE_KEY, "signature-key", WARNING,                                                     \
      "The file is signed by a key that is not registered for facility {}. Sign with the "         \
      "facility's certificate, or have the new one registered.",                                   \
      "Tệp được ký bằng khoá chưa đăng ký cho cơ sở {}. Hãy ký bằng chứng thư của cơ sở, hoặc "    \
      "đăng ký chứng thư mới.")                                                                    \
    X(SIGNATURE_EXPIRED, "signature-expired", WARNING,                                             \
      "The certificate of facility {} did not hold when the file was signed. Renew it and sign "   \
      "again.",                                                                                    \
      "Chứng thư của cơ sở {} không còn hiệu lực lúc ký. Hãy gia hạn rồi ký lại.")                 \
    X(SIGNATURE_FACILITY, "signature-facility", WARNING,                                           \
      "No certificate is registered for facility '{}': the signature cannot be checked. Have it "  \
      "registered.",                                                                               \
      "Cơ sở '{}' chưa đăng ký chứng thư nên không kiểm tra được chữ ký. Hãy đăng ký.")            \
    X(SIGNATURE_UNCHECKED, "signature-unchecked", WARNING,                                         \
      "The signature was not checked: the file is broken, too large or took too long. Repair it "  \
      "or process it again.",                                                                      \
      "Chưa kiểm tra được chữ ký: tệp hỏng, quá lớn hoặc mất quá lâu. Hãy sửa hoặc xử lý lại.")    \
    X(CLAIM_EMPTY, "claim-empty", ERROR, "The HOSO has no FILEHOSO. Export the claim again.",      \
      "HOSO không có FILEHOSO nào. Hãy xuất lại hồ sơ.")                                           \
    X(CLAIM_NO_XML1, "claim-no-xml1", ERROR,                                                       \
      "Table XML1 is missing. A claim needs its summary; export it again.",                        \
      "Thiếu bảng XML1. Hồ sơ phải có bảng tổng hợp; hãy xuất lại.")                               \
    X(CLAIM_LARGE, "claim-large", ERROR, "The claim is larger than the limit ({}). Split it.",     \
      "Hồ sơ vượt giới hạn ({}). Hãy tách nhỏ.")                                                   \
    X(CLAIM_KEY, "claim-ma-lk", ERROR,                                                             \
      "MA_LK '{}' is not the one of XML1. All tables of a HOSO must carry the same MA_LK.",        \
      "MA_LK '{}' khác với XML1. Mọi bảng trong một HOSO phải cùng một MA_LK.")                    \
    X(CLAIM_KEY_LONG, "claim-ma-lk-long", ERROR,                                                   \
      "MA_LK has {} bytes and can be no key (255 at most). Send the facility's own key of the "    \
      "visit.",                                                                                    \
      "MA_LK dài {} byte, không thể là mã liên kết (tối đa 255). Hãy gửi đúng mã đợt điều trị.")   \
    X(CLAIM_FACILITY, "claim-facility", WARNING,                                                   \
      "MA_CSKCB '{}' is not the sender's MACSKCB. Check which facility gave the care.",            \
      "MA_CSKCB '{}' khác MACSKCB của đơn vị gửi. Hãy kiểm tra cơ sở đã khám chữa bệnh.")          \
    X(CLAIM_SENDER, "claim-sender", ERROR,                                                         \
      "The claim is of facility {}, for which this account may not send. Use its own account.",    \
      "Hồ sơ của cơ sở {}, tài khoản này không được gửi thay. Hãy dùng tài khoản của cơ sở đó.")   \
    X(CLAIM_NO_FACILITY, "claim-no-facility", ERROR,                                               \
      "Neither MACSKCB nor MA_CSKCB says which facility gave the care. Fill one in.",              \
      "Cả MACSKCB và MA_CSKCB đều trống. Hãy điền mã cơ sở khám chữa bệnh.")                       \
    X(TABLE_UNKNOWN, "table-unknown", ERROR,                                                       \
      "LOAIHOSO '{}' is no known table. Use XML1 to XML11 or XML13 to XML15.",                     \
      "LOAIHOSO '{}' không phải bảng đã biết. Hãy dùng XML1–XML11 hoặc XML13–XML15.")              \
    X(TABLE_ALONE, "table-alone", ERROR,                                                           \
      "XML0 is sent as a file of its own (CHI_TIEU_TRANG_THAI_KCB), not in a HOSO.",               \
      "XML0 phải gửi thành tệp riêng (CHI_TIEU_TRANG_THAI_KCB), không nằm trong HOSO.")            \
    X(TABLE_TWICE, "table-twice", ERROR, "Table {} stands twice in the HOSO. Send it once.",       \
      "Bảng {} xuất hiện hai lần trong HOSO. Hãy gửi một lần.")                                    \
    X(TABLE_BASE64, "table-base64", ERROR,                                                         \
      "NOIDUNGFILE is not base64. Encode the inner XML as base64 and send it again.",              \
      "NOIDUNGFILE không phải base64. Hãy mã hoá base64 XML bên trong rồi gửi lại.")               \
    X(TABLE_EMPTY, "table-empty", ERROR, "NOIDUNGFILE is empty. Leave the FILEHOSO out instead.",  \
      "NOIDUNGFILE rỗng. Nếu không có dữ liệu hãy bỏ FILEHOSO này.")                               \
    X(TABLE_ENCODING, "table-encoding", ERROR,                                                     \
      "The inner XML is not UTF-8 ({}). Save it as UTF-8 before encoding it.",                     \
      "XML bên trong không phải UTF-8 ({}). Hãy lưu bằng UTF-8 trước khi mã hoá.")                 \
    X(TABLE_XML, "table-xml", ERROR, "The inner XML is broken: {}. Export the table again.",       \
      "XML bên trong bị hỏng: {}. Hãy xuất lại bảng này.")                                         \
    X(TABLE_DOCTYPE, "table-doctype", ERROR,                                                       \
      "DOCTYPE is not allowed in the inner XML. Take it out.",                                     \
      "Không cho phép DOCTYPE trong XML bên trong. Hãy bỏ khai báo này.")                          \
    X(TABLE_ROOT, "table-root", ERROR,                                                             \
      "The inner XML is a <{}>, which does not belong to this LOAIHOSO. Correct one of them.",     \
      "XML bên trong là <{}>, không đúng với LOAIHOSO này. Hãy sửa lại cho khớp.")                 \
    X(TABLE_ELEMENT, "table-element", WARNING,                                                     \
      "Unknown element <{}> around the records, kept as received.",                                \
      "Phần tử <{}> ngoài các bản ghi không có trong bảng, giữ nguyên như đã nhận.")               \
    X(TABLE_NO_RECORD, "table-no-record", WARNING,                                                 \
      "The table has no records. Leave the FILEHOSO out if there is nothing to send.",             \
      "Bảng không có bản ghi nào. Nếu không có dữ liệu hãy bỏ FILEHOSO này.")                      \
    X(FIELD_UNKNOWN, "field-unknown", WARNING,                                                     \
      "Element <{}> is no field of this table, kept as received.",                                 \
      "Phần tử <{}> không thuộc bảng này, giữ nguyên như đã nhận.")                                \
    X(FIELD_TWICE, "field-twice", ERROR, "The field stands twice in one record. Send it once.",    \
      "Trường xuất hiện hai lần trong một bản ghi. Hãy gửi một lần.")                              \
    X(FIELD_REQUIRED, "field-required", ERROR, "The field must not be empty. Fill it in.",         \
      "Trường bắt buộc, không được để trống. Hãy điền giá trị.")                                   \
    X(FIELD_LENGTH, "field-length", WARNING, "The value is longer than the standard allows: {}.",  \
      "Giá trị dài hơn quy định: {}.")                                                             \
    X(FIELD_NUMBER, "field-number", ERROR, "'{}' is no whole number. Send digits only.",           \
      "'{}' không phải số nguyên. Chỉ ghi chữ số.")                                                \
    X(FIELD_DECIMAL, "field-decimal", ERROR,                                                       \
      "'{}' is no decimal number. Use digits with a point, no thousands separators.",              \
      "'{}' không phải số thập phân. Dùng dấu chấm, không dùng dấu phân cách hàng nghìn.")         \
    X(FIELD_SCALE, "field-scale", WARNING,                                                         \
      "'{}' has more digits behind the point than the standard allows.",                           \
      "'{}' có nhiều chữ số thập phân hơn quy định.")                                              \
    X(FIELD_DATE, "field-date", ERROR, "'{}' is no valid date yyyyMMdd.",                          \
      "'{}' không phải ngày hợp lệ dạng yyyyMMdd.")                                                \
    X(FIELD_TIME, "field-time", ERROR, "'{}' is no valid time yyyyMMddHHmm.",                      \
      "'{}' không phải thời điểm hợp lệ dạng yyyyMMddHHmm.")
/* clang-format on */

typedef enum ClaimRule {
#define X(name, id, severity, en, vi) CLAIM_RULE_##name,
    CLAIM_RULE_LIST(X)
#undef X
        CLAIM_RULE_COUNT
} ClaimRule;

typedef struct ClaimIssue {
    ClaimRule rule;
    ClaimSeverity severity;
    Str rule_id; /* "field-required"; stable */
    Str file;    /* as the caller named it */
    Str ma_lk;   /* empty when unknown */
    Str table;   /* "XML2", or empty: the envelope */
    Str field;   /* "SO_LUONG", or empty */
    int hoso;    /* 1-based; 0: the file as a whole */
    int record;  /* 1-based inside the table; 0: none */
    int line;    /* of the inner XML when table is given, else of the file; 0: unknown */
    Str en, vi;  /* what is wrong and what to do */
} ClaimIssue;

Str claim_rule_id(ClaimRule rule);
ClaimSeverity claim_rule_severity(ClaimRule rule);
/* The sentence with {} as written. */
Str claim_rule_text(ClaimRule rule, bool vietnamese);
/* The sentence with its {} replaced by the detail; as written when the arena has no memory. */
Str claim_rule_say(Arena *arena, ClaimRule rule, bool vietnamese, Str detail);

#endif
