"""Maps over processes and threads: their results, their order, and what fails in the middle."""

import gc
import os
import signal
import time
from collections import UserList

import pytest

from kgenre.core.errors import KgenreError
from kgenre.core.parallel import map_in_order, map_in_processes

BROKEN = "A process ended early. Give the command again."


def power(base: int, exponent: int) -> tuple[int, int]:
    return base**exponent, os.getpid()


def interrupt_handler() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def fail(number: int) -> int:
    if number == 2:
        raise ValueError("two")
    return number


def stop(number: int) -> int:
    if number == 2:
        os._exit(3)
    return number


def test_map_with_one_worker_calls_in_this_process_in_order():
    results = list(map_in_processes(power, [(2, 3), (3, 2)], 1, BROKEN))
    assert results == [((2, 3), (8, os.getpid())), ((3, 2), (9, os.getpid()))]
    assert list(map_in_processes(power, [], 4, BROKEN)) == []


def test_map_with_two_workers_gives_each_result_with_its_arguments():
    results = dict(map_in_processes(power, [(base, 2) for base in range(6)], 2, BROKEN))
    assert {arguments: value for arguments, (value, _) in results.items()} == {(b, 2): b * b for b in range(6)}
    assert os.getpid() not in {pid for _, pid in results.values()}


def test_map_keeps_no_result_that_was_taken():
    for number, (_, result) in enumerate(map_in_processes(UserList, [([each],) for each in range(40)], 2, BROKEN)):
        del result
        if number == 39:
            assert sum(isinstance(each, UserList) for each in gc.get_objects()) <= 1


def test_map_processes_leave_ctrl_c_to_this_one():
    assert [ignored for _, ignored in map_in_processes(interrupt_handler, [(), ()], 2, BROKEN)] == [True, True]


def test_map_with_an_error_in_a_call_raises_it():
    with pytest.raises(ValueError, match="two"):
        list(map_in_processes(fail, [(1,), (2,), (3,)], 2, BROKEN))


def test_map_with_a_process_that_dies_is_a_user_error():
    with pytest.raises(KgenreError) as caught:
        list(map_in_processes(stop, [(1,), (2,), (3,)], 2, BROKEN))
    assert str(caught.value) == BROKEN


def test_map_in_order_gives_results_in_order_and_begins_no_more_after_a_fault():
    def slow_first(number):
        begun.append(number)
        if number == 3:
            raise ValueError("three")
        time.sleep(0.05 if number == 0 else 0.0)
        return number

    begun, found = [], []
    with pytest.raises(ValueError, match="three"):
        for result in map_in_order(slow_first, range(1000), 2):
            found.append(result)
    assert found == [0, 1, 2] and len(begun) < 20
    begun.clear()
    assert list(map_in_order(lambda number: -number, range(50), 3)) == [-number for number in range(50)]
