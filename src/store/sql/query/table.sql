-- Statements on tables.db (store_table.c).

-- name: derived_list
SELECT id, name, definition, position, n_rows, n_errors, last_error FROM derived ORDER BY id;
-- name: derived_find
SELECT id, name, definition, position, n_rows, n_errors, last_error FROM derived WHERE name = ?1;
-- name: derived_put
INSERT INTO derived (name, definition, position, n_rows, n_errors, last_error)
VALUES (?1, ?2, 0, 0, 0, '');
-- name: derived_drop
DELETE FROM derived WHERE id = ?1;
-- name: derived_move
UPDATE derived SET position = ?2, n_rows = n_rows + ?3, n_errors = n_errors + ?4,
    last_error = CASE WHEN ?4 > 0 THEN ?5 ELSE last_error END
WHERE id = ?1;
-- name: derived_row_put
INSERT INTO derived_row (derived, first, at, body) VALUES (?1, ?2, ?3, ?4);
-- name: derived_row_clear
DELETE FROM derived_row WHERE derived = ?1 AND first = ?2;
-- name: derived_row_drop
DELETE FROM derived_row WHERE derived = ?1;
-- name: derived_row_from
SELECT first, at, body FROM derived_row
WHERE derived = ?1 AND (first, at) > (?2, ?3) ORDER BY first, at LIMIT ?4;
-- name: drop_derived
DROP TABLE IF EXISTS derived;
-- name: drop_derived_row
DROP TABLE IF EXISTS derived_row;
