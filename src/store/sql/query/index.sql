-- Statements over the index's tables in view.db.

-- name: definition_create
CREATE TABLE IF NOT EXISTS view_definition(name TEXT PRIMARY KEY, hash BLOB NOT NULL) WITHOUT ROWID;
-- name: definition_get
SELECT hash FROM view_definition WHERE name = ?1;
-- name: definition_put
INSERT INTO view_definition(name, hash) VALUES(?1, ?2)
  ON CONFLICT(name) DO UPDATE SET hash = excluded.hash;
-- name: drop_segment
DROP TABLE IF EXISTS segment;
-- name: drop_segment_block
DROP TABLE IF EXISTS segment_block;
-- name: segment_list
SELECT id, level, first_record, last_record, n_blocks, n_keys, n_slots, n_bytes, bloom, directory,
    dead
  FROM segment WHERE lane = ?1 ORDER BY first_record;
-- name: segment_put
INSERT INTO segment(lane, id, level, first_record, last_record, n_blocks, n_keys, n_slots, n_bytes,
  bloom, directory, dead) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12);
-- name: segment_drop
DELETE FROM segment WHERE lane = ?1 AND id = ?2;
-- name: block_get
SELECT body FROM segment_block WHERE id = ?1;
-- name: block_put
INSERT INTO segment_block(id, body) VALUES(?1, ?2);
-- name: block_first_from
SELECT id FROM segment_block WHERE id >= ?1 ORDER BY id LIMIT 1;
-- name: block_last
SELECT max(id) FROM segment_block;
-- name: block_last_below
SELECT max(id) FROM segment_block WHERE id < ?1;
-- name: block_drop
DELETE FROM segment_block WHERE id >= ?1 AND id < ?2;
