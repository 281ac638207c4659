-- The index in view.db: derived from the records, dropped and made anew when this text changes.
CREATE TABLE segment(
  lane INTEGER NOT NULL,
  id INTEGER NOT NULL,           -- never used twice while its blocks exist
  level INTEGER NOT NULL,        -- 0: sealed from a tail; n: merged from sixteen of n - 1
  first_record INTEGER NOT NULL,
  last_record INTEGER NOT NULL,
  n_blocks INTEGER NOT NULL,
  n_keys INTEGER NOT NULL,
  n_slots INTEGER NOT NULL,
  n_bytes INTEGER NOT NULL,      -- of the blocks as stored
  bloom BLOB NOT NULL,           -- over the keys that are looked up whole
  directory BLOB NOT NULL,       -- first key, first slot, count of each block
  dead BLOB NOT NULL,            -- slots that its records put out of use (index_dead.h)
  PRIMARY KEY(lane, id)
);
CREATE TABLE segment_block(
  id INTEGER PRIMARY KEY,        -- lane (10 bits) << 53 | segment (29) << 24 | block (24)
  body BLOB NOT NULL
);
