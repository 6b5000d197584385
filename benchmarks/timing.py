"""The one way of timing: candidates take turns, so that a noisy neighbour disturbs all alike."""

import time
from collections.abc import Callable


def best_rates(candidates: dict[str, Callable[[], int]], rounds: int = 5) -> dict[str, float]:
    """Items a second of each candidate, best of `rounds` after a warm-up. A candidate returns its items."""
    for run in candidates.values():
        run()
    rates = dict.fromkeys(candidates, 0.0)
    for _ in range(rounds):
        for name, run in candidates.items():
            began = time.perf_counter()
            items = run()
            rates[name] = max(rates[name], items / (time.perf_counter() - began))
    return rates


def show(rates: dict[str, float], unit: str, against: str) -> None:
    for name, rate in rates.items():
        print(f"  {name:<44} {rate:9.1f} {unit}   {rate / rates[against]:5.2f} x {against}")
