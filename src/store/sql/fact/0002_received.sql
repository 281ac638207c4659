-- Received files may lose their bytes; a reject has one identity.

-- Why a file has no bytes: 0 it has them; 1 it was not to be kept; 2 its days were over; 3 it is the
-- mark of a piece of a file, never a file. dropped_time: since when (UTC milliseconds).
ALTER TABLE received ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE received ADD COLUMN dropped_time INTEGER NOT NULL DEFAULT 0;
UPDATE received SET dropped = 1, dropped_time = time
WHERE size = 0 AND NOT EXISTS (SELECT 1 FROM received_part p
    WHERE p.id BETWEEN received.id << 12 AND (received.id << 12) + 4095);
CREATE INDEX received_kept ON received (time) WHERE dropped = 0;

-- nth: the number among the file's rejects of the same place and rule, from 0. Reading the same
-- bytes twice, even at the same time, gives the same identities: the second is not inserted.
ALTER TABLE reject ADD COLUMN nth INTEGER NOT NULL DEFAULT 0;
UPDATE reject SET nth = w.n
FROM (SELECT id, row_number() OVER (PARTITION BY file, ma_lk, place, field, line, rule ORDER BY id)
    - 1 AS n FROM reject) AS w
WHERE w.id = reject.id AND w.n > 0;
CREATE UNIQUE INDEX reject_identity ON reject (file, ma_lk, place, field, line, rule, nth)
WHERE length(file) > 0;
