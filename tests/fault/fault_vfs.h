/* fault_vfs.h — an SQLite VFS in memory that behaves like a disk on a bad day: writes stay apart
 * until they are synced; at a power cut each unsynced sector of 512 bytes survives or not, in any
 * order; files whose folder entry was not synced may vanish, deleted ones may come back. Besides: a
 * quota (disk full) and input/output errors at call number n.
 * What SQLite may rely on, it has: a synced write stays; a write harms no byte outside it (the unix
 * VFS promises the same, SQLITE_IOCAP_POWERSAFE_OVERWRITE).
 * One instance for the whole process; all functions lock. */
#ifndef NHIP_TESTS_FAULT_VFS_H
#define NHIP_TESTS_FAULT_VFS_H

#include "core/base.h"

/* Above 0 on a thread that works for the test itself: its allocations shall not fail. */
extern _Thread_local unsigned fault_spared;

/* Registers the VFS once and returns its name. */
const char *fault_vfs(void);
/* Forgets all files and settings; the seed of all later choices. No file may be open. */
void fault_reset(uint64_t seed);

/* The power goes off when sync number n from now is asked for, before it has any effect. */
void fault_cut_at_sync(uint64_t n);
/* … or before write number n from now. */
void fault_cut_at_write(uint64_t n);
void fault_cut_now(void);
bool fault_is_off(void);
/* Everything must be closed. What survived becomes what is there. */
void fault_power_on(void);

/* All files together may grow to this many bytes; -1: no limit. */
void fault_quota(int64_t bytes);
int64_t fault_used(void);
/* Write, sync or truncate number n from now fails; with `sticky` all later ones too. 0: none. */
void fault_fail_at(uint64_t n, bool sticky);
/* Calls of write, sync and truncate since the last fault_fail_at. */
uint64_t fault_calls(void);
uint64_t fault_syncs(void); /* since the reset */

#endif
