/* What fields and levels are called. */
#include "mpi/mpi_compare.h"

typedef struct LevelText {
    const char *name, *en, *vi;
} LevelText;

static const char *const fields[MPI_FIELDS] = {"name", "birth", "sex",  "commune", "phone",
                                               "cccd", "paper", "bhxh", "local"};

static const LevelText name_texts[MPI_NAME_LEVELS] = {
    {"missing", "not known to both", "một bên không có"},
    {"same", "the same name", "trùng họ tên"},
    {"bare", "the same letters, one without accents", "trùng chữ, một bên không dấu"},
    {"moved", "the same letters, other accents", "trùng chữ, khác dấu"},
    {"order", "the same words in another order", "trùng các chữ, khác thứ tự"},
    {"slip", "one letter is different", "khác một chữ cái"},
    {"short", "shortened", "viết tắt hoặc thiếu chữ đệm"},
    {"given", "the given name and another word agree", "trùng tên và một chữ khác"},
    {"family", "the family name agrees, the given name does not", "trùng họ, khác tên"},
    {"other", "another name", "khác họ tên"},
};

static const LevelText birth_texts[MPI_BIRTH_LEVELS] = {
    {"missing", "not known to both", "một bên không có"},
    {"same", "the same birth date", "trùng ngày sinh"},
    {"swapped", "day and month exchanged", "đảo ngày và tháng"},
    {"slip", "one digit is different", "khác một chữ số"},
    {"year", "the same year, the day is not known", "trùng năm, không rõ ngày"},
    {"near", "another day of the year, or another year", "khác ngày hoặc khác năm"},
    {"other", "another birth date", "khác ngày sinh"},
};

static const LevelText agree_texts[MPI_AGREE_LEVELS] = {
    {"missing", "not known to both", "một bên không có"},
    {"same", "the same", "trùng"},
    {"other", "different", "khác"},
};

static const LevelText number_texts[MPI_NUMBER_LEVELS] = {
    {"missing", "not known to both", "một bên không có"},
    {"same", "the same number", "trùng số"},
    {"near", "one digit is different", "khác một chữ số"},
    {"other", "another number", "khác số"},
};

static const LevelText *text_of(MpiField field, unsigned level) {
    level = level < mpi_levels(field) ? level : MPI_MISSING;
    return field == MPI_NAME    ? &name_texts[level]
           : field == MPI_BIRTH ? &birth_texts[level]
           : field < MPI_CCCD   ? &agree_texts[level]
                                : &number_texts[level];
}

const char *mpi_field_name(MpiField field) {
    return fields[field];
}

const char *mpi_level_name(MpiField field, unsigned level) {
    return text_of(field, level)->name;
}

const char *mpi_level_text(MpiField field, unsigned level, bool vietnamese) {
    return vietnamese ? text_of(field, level)->vi : text_of(field, level)->en;
}
