-- The truth. Forward only: a change to these tables is a new file with the next number.

-- One row a name: 'id_key' (16 bytes, the key that permutes server-made ids), 'lane'.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- Who committed and by which way; one row for each pair that ever did.
CREATE TABLE origin (
    id INTEGER PRIMARY KEY,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    UNIQUE (actor, source)
);

-- Dictionaries of zstd, never deleted. kind: 1 records, 2 received files.
CREATE TABLE dict (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    time INTEGER NOT NULL,
    hash BLOB NOT NULL,
    body BLOB NOT NULL
);

-- The log. number = lane << 48 | sequence; rowid order is the order of commits.
CREATE TABLE record (
    number INTEGER PRIMARY KEY,
    commit_rel INTEGER NOT NULL, -- number minus the first number of its commit
    time INTEGER NOT NULL,       -- UTC milliseconds
    patient INTEGER NOT NULL,    -- first slot of the patient, or 0
    origin INTEGER NOT NULL,
    kind INTEGER NOT NULL,       -- 1: FHIR resources
    dict INTEGER NOT NULL,       -- 0: none
    key_id INTEGER NOT NULL,     -- 0: not sealed
    flags INTEGER NOT NULL,
    chain BLOB NOT NULL,         -- SHA-256 of the previous chain value, the header and the body
    body BLOB NOT NULL
);

-- Files as they came. key = the first eight bytes of the hash; state: 1 begun, 2 done.
CREATE TABLE received (
    id INTEGER PRIMARY KEY,
    key INTEGER NOT NULL,
    hash BLOB NOT NULL,
    name TEXT NOT NULL,
    time INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    state INTEGER NOT NULL,
    size INTEGER NOT NULL
);
CREATE INDEX received_key ON received (key);

-- Their bytes in parts: id = received.id << 12 | part.
CREATE TABLE received_part (
    id INTEGER PRIMARY KEY,
    form INTEGER NOT NULL, -- 1 plain, 2 base64 runs decoded
    dict INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    size INTEGER NOT NULL, -- of the bytes that it stands for
    body BLOB NOT NULL
);

-- What could not be accepted.
CREATE TABLE reject (
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    settled INTEGER NOT NULL, -- 0, or the time at which a later commit settled it
    file BLOB NOT NULL,       -- SHA-256 of the received file, or empty
    file_name TEXT NOT NULL,
    ma_lk TEXT NOT NULL,
    place TEXT NOT NULL,      -- table of the claim
    field TEXT NOT NULL,
    line INTEGER NOT NULL,
    rule TEXT NOT NULL,
    en TEXT NOT NULL,
    vi TEXT NOT NULL,
    size INTEGER NOT NULL,
    body BLOB NOT NULL        -- the refused piece, one zstd frame
);
CREATE INDEX reject_open ON reject (id) WHERE settled = 0;
