-- Tables of tables.db and its like: rows that follow the log, and what follows from the rows.
-- Derived: the file may be deleted at any time.
CREATE TABLE derived(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  definition TEXT NOT NULL,      -- what its rows are made by; another one makes it anew
  position INTEGER NOT NULL,     -- the record up to which its rows stand
  n_rows INTEGER NOT NULL,
  n_errors INTEGER NOT NULL,     -- resources that gave no rows because they could not
  last_error TEXT NOT NULL,
  note BLOB NOT NULL             -- what the table's owner keeps with the position
);
CREATE TABLE derived_row(
  derived INTEGER NOT NULL,
  first INTEGER NOT NULL,        -- the resource: slot of its first version
  at INTEGER NOT NULL,           -- row of the resource
  body BLOB NOT NULL,            -- of a view: JSON array of the columns
  PRIMARY KEY(derived, first, at)
) WITHOUT ROWID;
CREATE TABLE derived_key(        -- where a row is found; from its body alone
  derived INTEGER NOT NULL,
  key BLOB NOT NULL,
  first INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY(derived, key, first, at)
) WITHOUT ROWID;
CREATE TABLE derived_sum(        -- rows of a group and what they add up to; from their bodies alone
  derived INTEGER NOT NULL,
  grp BLOB NOT NULL,
  n INTEGER NOT NULL,
  s0 INTEGER NOT NULL, s1 INTEGER NOT NULL, s2 INTEGER NOT NULL,
  s3 INTEGER NOT NULL, s4 INTEGER NOT NULL, s5 INTEGER NOT NULL,
  PRIMARY KEY(derived, grp)
) WITHOUT ROWID;
