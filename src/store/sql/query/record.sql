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
-- name: record_time
SELECT time FROM record WHERE number = ?1;
-- name: record_last
SELECT number, commit_rel, time, patient, origin, kind, dict, key_id, flags, chain, body
FROM record ORDER BY number DESC LIMIT 1;
-- name: record_from
SELECT number, commit_rel, time, patient, origin, kind, dict, key_id, flags, chain, body
FROM record WHERE number >= ?1 ORDER BY number LIMIT ?2;
-- name: record_sums
SELECT count(*), coalesce(sum(length(body)), 0), coalesce(sum(length(chain)), 0) FROM record;

-- name: received_find
SELECT id, hash, state FROM received WHERE key = ?1;
-- name: received_get
SELECT r.id, r.hash, r.name, r.time, o.actor, o.source, r.state, r.size, r.dropped, r.dropped_time
FROM received r JOIN origin o ON o.id = r.origin WHERE r.id = ?1;
-- name: received_list
SELECT r.id, r.hash, r.name, r.time, o.actor, o.source, r.state, r.size, r.dropped, r.dropped_time
FROM received r JOIN origin o ON o.id = r.origin
WHERE r.id > ?1 AND r.dropped <> 3 ORDER BY r.id LIMIT ?2;
-- name: received_put
INSERT INTO received (key, hash, name, time, origin, state, size, dropped, dropped_time)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
-- name: received_expired
SELECT id, time, size FROM received AS r
WHERE dropped = 0 AND (time, id) > (?1, ?2) AND time < ?3 AND state = 2 AND NOT EXISTS (
    SELECT 1 FROM reject WHERE file = r.hash AND length(file) > 0 AND settled = 0)
ORDER BY time, id LIMIT ?4;
-- name: received_drop
UPDATE received SET dropped = 2, dropped_time = ?2
WHERE id = ?1 AND dropped = 0 AND state = 2 AND NOT EXISTS (
    SELECT 1 FROM reject WHERE file = received.hash AND length(file) > 0 AND settled = 0);
-- name: received_dropped_sums
SELECT coalesce(sum(dropped = 1), 0), coalesce(sum(dropped = 2), 0) FROM received WHERE dropped > 0;
-- name: received_state
UPDATE received SET state = ?2 WHERE id = ?1;
-- name: received_from
SELECT id, hash, dropped FROM received WHERE id > ?1 ORDER BY id LIMIT 1;
-- name: received_from_1
SELECT id, hash, size = 0 FROM received WHERE id > ?1 ORDER BY id LIMIT 1;
-- name: received_sums
SELECT count(*), coalesce(sum(state = 2), 0), coalesce(sum(size), 0) FROM received;
-- name: part_put
INSERT INTO received_part (id, form, dict, key_id, size, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6);
-- name: part_get
SELECT form, dict, key_id, size, body FROM received_part WHERE id BETWEEN ?1 AND ?2 ORDER BY id;
-- name: part_from
SELECT id, form, dict, key_id, size, body FROM received_part WHERE id >= ?1 ORDER BY id LIMIT 1;
-- name: part_drop
DELETE FROM received_part WHERE id BETWEEN ?1 AND ?2;
-- name: part_sums
SELECT count(*), coalesce(sum(length(body)), 0) FROM received_part;

-- name: reject_put
INSERT INTO reject (time, origin, settled, file, file_name, ma_lk, place, field, line, rule, en, vi,
    size, body, nth)
VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
ON CONFLICT DO NOTHING;
-- name: reject_settle
UPDATE reject SET settled = ?2 WHERE id = ?1 AND settled = 0;
-- name: reject_last
SELECT coalesce(max(id), 0) FROM reject;
-- name: reject_open
SELECT count(*) FROM reject WHERE settled = 0;
-- name: reject_list_open
SELECT id, time, settled, file, file_name, ma_lk, place, field, line, rule, en, vi, size,
    nth
FROM reject WHERE settled = 0 AND id > ?1 ORDER BY id LIMIT ?2;
-- name: reject_list
SELECT id, time, settled, file, file_name, ma_lk, place, field, line, rule, en, vi, size,
    nth
FROM reject WHERE id > ?1 ORDER BY id LIMIT ?2;
-- name: reject_get
SELECT id, time, settled, file, file_name, ma_lk, place, field, line, rule, en, vi, size,
    nth, body
FROM reject WHERE id = ?1;
-- name: reject_check
SELECT size, body FROM reject WHERE id = ?1;
-- name: reject_sums
SELECT count(*), coalesce(sum(settled = 0), 0), coalesce(sum(length(body)), 0) FROM reject;
-- name: received_last
SELECT coalesce(max(id), 0) FROM received;
