// The list that a visit was opened from: where it stands in it, and the way back.
import { Cell } from '../core/cell';

export interface WorkList {
    from: string; // the list's address
    ids: string[];
    at?: string; // the one that was opened last
}
export const workList = new Cell<WorkList>({ from: '/giam-dinh', ids: [] });
