"""What many ask for at once is made once; what it came from decides how long it is kept."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from warroom.service.kept import MOMENT_SECONDS, Kept


def test_twenty_who_ask_at_once_share_one_value() -> None:
    kept, made = Kept(), []

    def make() -> int:
        time.sleep(0.05)
        made.append(threading.get_ident())
        return len(made)

    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(lambda _: kept.get("a", lambda: 1, make), range(20))) == {1}
    assert len(made) == 1


def test_names_do_not_wait_for_each_other() -> None:
    kept, begun, free = Kept(), threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        free.wait(10)
        return "slow"

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(kept.get, "slow", lambda: 1, slow)
        assert begun.wait(10)
        assert kept.get("quick", lambda: 1, lambda: "quick") == "quick"
        free.set()
        assert waiting.result(10) == "slow"


def test_who_is_not_patient_gets_the_value_before_while_another_is_made() -> None:
    kept, begun, free = Kept(), threading.Event(), threading.Event()
    kept.get("a", lambda: 1, lambda: "first")

    def slow() -> str:
        begun.set()
        free.wait(10)
        return "second"

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(kept.get, "a", lambda: 2, slow)
        assert begun.wait(10)
        assert kept.get("a", lambda: 2, lambda: "third", patient=False) == "first"
        free.set()
        assert waiting.result(10) == kept.get("a", lambda: 2, lambda: "third", patient=False) == "second"
    kept.doubt("a")
    assert kept.get("a", lambda: 3, lambda: "third", patient=False) == "third"


def test_who_is_not_patient_looks_twice_a_second_at_most_whether_a_value_is_still_right() -> None:
    kept, looks = Kept(), []

    def look() -> int:
        looks.append(time.monotonic())
        return 1

    for _ in range(100):
        assert kept.get("a", look, lambda: "right", patient=False) == "right"
    assert len(looks) == 1
    assert kept.get("a", lambda: 2, lambda: "patient") == "patient"
    time.sleep(MOMENT_SECONDS)
    kept.get("a", look, lambda: "again", patient=False)
    assert len(looks) > 1


def test_what_changes_while_a_value_is_made_makes_it_old_at_once() -> None:
    kept, content = Kept(), ["first"]

    def make() -> str:
        read = content[0]
        content[0] = "second"
        return read

    assert kept.get("file", lambda: content[0], make) == "first"
    assert kept.get("file", lambda: content[0], lambda: content[0]) == "second"


def test_a_refusal_is_not_kept() -> None:
    kept = Kept()
    with pytest.raises(ValueError, match="no"):
        kept.get("a", lambda: 1, lambda: int("no"))
    assert kept.get("a", lambda: 1, lambda: 7) == 7


def test_who_waited_while_it_could_not_be_made_is_told_the_same_and_does_not_try_again() -> None:
    kept, tried, both_wait = Kept(), list[int](), threading.Event()

    def make() -> int:
        tried.append(1)
        both_wait.wait(10)
        return int("no")

    def ask(told: list[str]) -> None:
        try:
            kept.get("a", key, make)
        except ValueError as error:
            told.append(str(error))

    def key() -> int:
        return 1

    told: list[str] = []
    threads = [threading.Thread(target=ask, args=(told,)) for _ in range(3)]
    for each in threads:
        each.start()
    while not tried:
        pass
    time.sleep(0.2)  # the others have come to the lock
    both_wait.set()
    for each in threads:
        each.join()
    assert len(told) == 3
    assert len(tried) == 1
    assert kept.get("a", key, lambda: 7) == 7


def test_of_more_names_than_fit_those_asked_for_last_stay() -> None:
    kept, made = Kept(most=2), []
    for name in ("a", "b", "a", "c", "a", "b"):
        kept.get(name, lambda: 1, lambda name=name: made.append(name) or name)
    assert made == ["a", "b", "c", "b"]
