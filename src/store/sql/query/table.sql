-- Statements on tables.db (store_table.c, store_table_key.c).

-- name: derived_list
SELECT id, name, definition, position, n_rows, n_errors, last_error, note FROM derived ORDER BY id;
-- name: derived_find
SELECT id, name, definition, position, n_rows, n_errors, last_error, note FROM derived WHERE name = ?1;
-- name: derived_put
INSERT INTO derived (name, definition, position, n_rows, n_errors, last_error, note)
VALUES (?1, ?2, 0, 0, 0, '', x'');
-- name: derived_drop
DELETE FROM derived WHERE id = ?1;
-- name: derived_move
UPDATE derived SET position = ?2, n_rows = n_rows + ?3, n_errors = n_errors + ?4,
    last_error = CASE WHEN ?4 > 0 THEN ?5 ELSE last_error END
WHERE id = ?1;
-- name: derived_note
UPDATE derived SET note = ?2 WHERE id = ?1;
-- name: derived_row_put
INSERT INTO derived_row (derived, first, at, body) VALUES (?1, ?2, ?3, ?4);
-- name: derived_row_clear
DELETE FROM derived_row WHERE derived = ?1 AND first = ?2;
-- name: derived_row_drop
DELETE FROM derived_row WHERE derived = ?1;
-- name: derived_row_from
SELECT first, at, body FROM derived_row
WHERE derived = ?1 AND (first, at) > (?2, ?3) ORDER BY first, at LIMIT ?4;
-- name: derived_row_get
SELECT body FROM derived_row WHERE derived = ?1 AND first = ?2 AND at = ?3;
-- name: derived_row_set
INSERT INTO derived_row (derived, first, at, body) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET body = ?4;
-- name: derived_row_unset
DELETE FROM derived_row WHERE derived = ?1 AND first = ?2 AND at = ?3;
-- name: derived_key_put
INSERT INTO derived_key (derived, key, first, at) VALUES (?1, ?2, ?3, ?4);
-- name: derived_key_take
DELETE FROM derived_key WHERE derived = ?1 AND key = ?2 AND first = ?3 AND at = ?4;
-- name: derived_key_drop
DELETE FROM derived_key WHERE derived = ?1;
-- name: derived_sum_put
INSERT INTO derived_sum (derived, grp, n, s0, s1, s2, s3, s4, s5)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT DO UPDATE SET n = n + ?3, s0 = s0 + ?4, s1 = s1 + ?5, s2 = s2 + ?6, s3 = s3 + ?7,
    s4 = s4 + ?8, s5 = s5 + ?9;
-- name: derived_sum_sweep
DELETE FROM derived_sum WHERE derived = ?1 AND grp = ?2 AND n = 0;
-- name: derived_sum_drop
DELETE FROM derived_sum WHERE derived = ?1;
-- name: derived_key_up
SELECT k.key, k.first, k.at, r.body FROM derived_key AS k
JOIN derived_row AS r ON r.derived = k.derived AND r.first = k.first AND r.at = k.at
WHERE k.derived = ?1 AND (k.key, k.first, k.at) > (?2, ?3, ?4) AND k.key < ?5
ORDER BY k.key, k.first, k.at LIMIT ?6;
-- name: derived_key_down
SELECT k.key, k.first, k.at, r.body FROM derived_key AS k
JOIN derived_row AS r ON r.derived = k.derived AND r.first = k.first AND r.at = k.at
WHERE k.derived = ?1 AND (k.key, k.first, k.at) < (?2, ?3, ?4) AND k.key >= ?5
ORDER BY k.key DESC, k.first DESC, k.at DESC LIMIT ?6;
-- name: derived_sum_from
SELECT grp, n, s0, s1, s2, s3, s4, s5 FROM derived_sum
WHERE derived = ?1 AND grp >= ?2 AND grp < ?3 ORDER BY grp;
-- name: drop_derived
DROP TABLE IF EXISTS derived;
-- name: drop_derived_row
DROP TABLE IF EXISTS derived_row;
-- name: drop_derived_key
DROP TABLE IF EXISTS derived_key;
-- name: drop_derived_sum
DROP TABLE IF EXISTS derived_sum;
