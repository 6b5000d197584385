// The page's state and who wants to know of its changes. The only way by which sections affect each other.

/**
 * Listeners are called after the code that made a change has ended, once for all changes made until then, in the
 * order of their subscription. A listener may make further changes.
 *
 * @template {object} S
 */
export class Store {
  /** @type {Readonly<S>} */ #state;
  /** @type {Set<keyof S>} */ #changed = new Set();
  /** @type {Set<{ keys: (keyof S)[], listener: (state: Readonly<S>) => void }>} */ #subscriptions = new Set();
  #scheduled = false;

  /** @param {S} initial */
  constructor(initial) { this.#state = { ...initial }; }

  get state() { return this.#state; }

  /** @param {Partial<S>} changes */
  set(changes) {
    const keys = /** @type {(keyof S)[]} */ (Object.keys(changes));
    const changed = keys.filter((key) => !Object.is(changes[key], this.#state[key]));
    if (!changed.length) return;
    this.#state = { ...this.#state, ...changes };
    for (const key of changed) this.#changed.add(key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#notify());
  }

  /**
   * Calls the listener at once, and whenever one of the keys has changed.
   *
   * @param {(keyof S)[]} keys
   * @param {(state: Readonly<S>) => void} listener
   * @returns {() => void} ends the subscription
   */
  subscribe(keys, listener) {
    const subscription = { keys, listener };
    this.#subscriptions.add(subscription);
    listener(this.#state);
    return () => { this.#subscriptions.delete(subscription); };
  }

  #notify() {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#scheduled = false;
    for (const { keys, listener } of [...this.#subscriptions]) {
      if (!keys.some((key) => changed.has(key))) continue;
      try { listener(this.#state); } catch (error) { reportError(error); } // one section's fault is not the others'
    }
  }
}
