-- Statements of every connection. "-- name: X" begins a statement; db_stmt takes it by that name.

-- name: begin
BEGIN IMMEDIATE;
-- name: begin_read
BEGIN;
-- name: commit
COMMIT;
-- name: rollback
ROLLBACK;
-- name: lock_exclusive
BEGIN EXCLUSIVE;
-- name: page_size
PRAGMA page_size = 8192;
-- name: wal
PRAGMA journal_mode = WAL;
-- name: journal_delete
PRAGMA journal_mode = DELETE;
-- name: journal_off
PRAGMA journal_mode = OFF;
-- name: sync_extra
PRAGMA synchronous = EXTRA;
-- name: sync_full
PRAGMA synchronous = FULL;
-- name: sync_normal
PRAGMA synchronous = NORMAL;
-- name: sync_off
PRAGMA synchronous = OFF;
-- name: autocheckpoint_off
PRAGMA wal_autocheckpoint = 0;
-- name: secure_delete_off
PRAGMA secure_delete = OFF;
-- name: secure_delete_on
PRAGMA secure_delete = ON;
-- name: cache_small
PRAGMA cache_size = -4096;
-- name: cache_large
PRAGMA cache_size = -65536;
-- name: temp_in_memory
PRAGMA temp_store = MEMORY;
-- name: application_id
PRAGMA application_id = 1315465552;
-- name: application_id_get
PRAGMA application_id;
-- name: version_get
PRAGMA user_version;
-- name: version_set_2
PRAGMA user_version = 2;
-- name: page_count
PRAGMA page_count;
