-- Tables of tables.db: rows that follow the log. Derived: the file may be deleted at any time.
CREATE TABLE derived(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  definition TEXT NOT NULL,      -- what its rows are made by; another one makes it anew
  position INTEGER NOT NULL,     -- the record up to which its rows stand
  n_rows INTEGER NOT NULL,
  n_errors INTEGER NOT NULL,     -- resources that gave no rows because they could not
  last_error TEXT NOT NULL
);
CREATE TABLE derived_row(
  derived INTEGER NOT NULL,
  first INTEGER NOT NULL,        -- the resource: slot of its first version
  at INTEGER NOT NULL,           -- row of the resource
  body TEXT NOT NULL,            -- JSON array of the columns
  PRIMARY KEY(derived, first, at)
) WITHOUT ROWID;
