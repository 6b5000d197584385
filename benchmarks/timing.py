"""The one way of timing: candidates take turns, so that a noisy neighbour disturbs all alike."""

import time
from collections.abc import Callable


def best_rates(
    candidates: dict[str, Callable[[], int]], rounds: int = 5, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Items a second of each candidate, best of `rounds` after a warm-up. A candidate returns its items.

    `clock` is wall time; time.process_time counts the seconds of all cores that this process keeps busy.
    """
    for run in candidates.values():
        run()
    rates = dict.fromkeys(candidates, 0.0)
    for _ in range(rounds):
        for name, run in candidates.items():
            began = clock()
            items = run()
            rates[name] = max(rates[name], items / (clock() - began))
    return rates


def show(rates: dict[str, float], unit: str, against: str) -> None:
    for name, rate in rates.items():
        print(f"  {name:<44} {rate:9.1f} {unit}   {rate / rates[against]:5.2f} x {against}")
