// A value that screens can watch. One writer, any number of watchers.
import { useEffect, useState } from 'preact/hooks';

export class Cell<T> {
    #value: T;
    #watchers = new Set<(value: T) => void>();

    constructor(value: T) {
        this.#value = value;
    }

    get value(): T {
        return this.#value;
    }

    set(value: T): void {
        if (Object.is(value, this.#value)) return;
        this.#value = value;
        for (const watch of [...this.#watchers]) watch(value);
    }

    watch(watcher: (value: T) => void): () => void {
        this.#watchers.add(watcher);
        return () => this.#watchers.delete(watcher);
    }
}

/** The current value; the component is drawn again when it changes. */
export function useCell<T>(cell: Cell<T>): T {
    const [value, setValue] = useState<T>(cell.value);
    useEffect(() => {
        setValue(() => cell.value);
        return cell.watch((v) => setValue(() => v));
    }, [cell]);
    return value;
}

/** A setting kept in this browser. Reading and writing may be refused: then it lives until reload. */
export function keptCell(name: string, start: string): Cell<string> {
    let kept: string | null = null;
    try {
        kept = localStorage.getItem(name);
    } catch {
        kept = null;
    }
    const cell = new Cell(kept ?? start);
    cell.watch((value) => {
        try {
            localStorage.setItem(name, value);
        } catch {
            // Private windows refuse: the setting simply ends with the page.
        }
    });
    return cell;
}
