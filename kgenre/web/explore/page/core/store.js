// The page's state and who wants to know of its changes. Sections affect each other through it alone.

/**
 * Listeners are called after the code that made a change has ended, once for all changes made until then, in the
 * order of their subscription. A listener may make further changes.
 *
 * @template {object} S
 */
export class Store {
  /** @type {Readonly<S>} */ #state;
  /** @type {Set<{ keys: (keyof S)[], listener: (state: Readonly<S>) => void, seen: Readonly<S> }>} */ #subscriptions = new Set();
  #scheduled = false;

  /** @param {S} initial */
  constructor(initial) { this.#state = { ...initial }; }

  get state() { return this.#state; }

  /** @param {Partial<S>} changes */
  set(changes) {
    this.#state = { ...this.#state, ...changes };
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#notify());
  }

  /**
   * Calls the listener at once, and whenever one of the keys has another value than at its last call.
   *
   * @param {(keyof S)[]} keys
   * @param {(state: Readonly<S>) => void} listener
   * @returns {() => void} ends the subscription
   */
  subscribe(keys, listener) {
    const subscription = { keys, listener, seen: this.#state };
    this.#subscriptions.add(subscription);
    listener(this.#state);
    return () => { this.#subscriptions.delete(subscription); };
  }

  #notify() {
    this.#scheduled = false;
    for (const subscription of [...this.#subscriptions]) {
      const { keys, listener, seen } = subscription, state = this.#state;
      if (keys.every((key) => Object.is(seen[key], state[key]))) continue;
      subscription.seen = state;
      try { listener(state); } catch (error) { reportError(error); } // one section's fault is not the others'
    }
  }
}
