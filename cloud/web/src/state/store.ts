/** A value that components watch. Small on purpose: the page's whole state is a handful of these. */

import { useEffect, useState } from "preact/hooks";

export interface Store<T> {
  get(): T;
  set(next: T): void;
  watch(onChange: () => void): () => void;
}

export function store<T>(initial: T): Store<T> {
  let current = initial;
  const watchers = new Set<() => void>();
  return {
    get: () => current,
    set(next) {
      if (Object.is(next, current)) return;
      current = next;
      watchers.forEach((onChange) => onChange());
    },
    watch(onChange) {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
  };
}

export function useStore<T>(watched: Store<T>): T {
  const [value, show] = useState(watched.get());
  useEffect(() => {
    const update = () => show(() => watched.get());
    update();
    return watched.watch(update);
  }, [watched]);
  return value;
}
