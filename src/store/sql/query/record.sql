-- name: meta_get
SELECT value FROM meta WHERE name = ?1;
-- name: meta_put
INSERT INTO meta (name, value) VALUES (?1, ?2);

-- name: origin_get
SELECT id FROM origin WHERE actor = ?1 AND source = ?2;
-- name: origin_put
INSERT INTO origin (actor, source) VALUES (?1, ?2);
-- name: origin_by_id
SELECT actor, source FROM origin WHERE id = ?1;

-- name: dict_all
SELECT id, kind, hash, body FROM dict ORDER BY id;
-- name: dict_put
INSERT INTO dict (id, kind, time, hash, body) VALUES (?1, ?2, ?3, ?4, ?5);

-- name: record_put
INSERT INTO record (number, commit_rel, time, patient, origin, kind, dict, key_id, flags, chain, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);
-- name: record_get
SELECT number, commit_rel, time, patient, origin, kind, dict, key_id, flags, chain, body
FROM record WHERE number = ?1;
-- name: record_last
SELECT number, commit_rel, time, patient, origin, kind, dict, key_id, flags, chain, body
FROM record ORDER BY number DESC LIMIT 1;
-- name: record_from
SELECT number, commit_rel, time, patient, origin, kind, dict, key_id, flags, chain, body
FROM record WHERE number >= ?1 ORDER BY number LIMIT ?2;
-- name: record_sums
SELECT count(*), coalesce(sum(length(body)), 0), coalesce(sum(length(chain)), 0) FROM record;

-- name: received_find
SELECT id, hash, state, name, size FROM received WHERE key = ?1;
-- name: received_put
INSERT INTO received (key, hash, name, time, origin, state, size)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
-- name: received_state
UPDATE received SET state = ?2 WHERE id = ?1;
-- name: received_from
SELECT id, hash, state, name, size FROM received WHERE id > ?1 ORDER BY id LIMIT 1;
-- name: received_sums
SELECT count(*), coalesce(sum(state = 2), 0), coalesce(sum(size), 0) FROM received;
-- name: part_put
INSERT INTO received_part (id, form, dict, key_id, size, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6);
-- name: part_get
SELECT form, dict, key_id, size, body FROM received_part WHERE id BETWEEN ?1 AND ?2 ORDER BY id;
-- name: part_from
SELECT id, form, dict, key_id, size, body FROM received_part WHERE id >= ?1 ORDER BY id LIMIT 1;
-- name: part_sums
SELECT count(*), coalesce(sum(length(body)), 0) FROM received_part;

-- name: reject_put
INSERT INTO reject (time, origin, settled, file, file_name, ma_lk, place, field, line, rule, en, vi,
    size, body)
VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13);
-- name: reject_settle
UPDATE reject SET settled = ?2 WHERE id = ?1 AND settled = 0;
-- name: reject_last
SELECT coalesce(max(id), 0) FROM reject;
-- name: reject_open
SELECT count(*) FROM reject WHERE settled = 0;
-- name: reject_list_open
SELECT id, time, settled, file, file_name, ma_lk, place, field, line, rule, en, vi, size
FROM reject WHERE settled = 0 AND id > ?1 ORDER BY id LIMIT ?2;
-- name: reject_list
SELECT id, time, settled, file, file_name, ma_lk, place, field, line, rule, en, vi, size
FROM reject WHERE id > ?1 ORDER BY id LIMIT ?2;
-- name: reject_get
SELECT id, time, settled, file, file_name, ma_lk, place, field, line, rule, en, vi, size, body
FROM reject WHERE id = ?1;
-- name: reject_sums
SELECT count(*), coalesce(sum(settled = 0), 0), coalesce(sum(length(body)), 0) FROM reject;
-- name: received_last
SELECT coalesce(max(id), 0) FROM received;
