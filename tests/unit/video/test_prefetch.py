"""Tests that results come in the order of the jobs, and that few wait in memory."""

import threading
import time
from itertools import count

import pytest

from touchline.video.prefetch import work_ahead


def letters(job):
    for letter in "abc":
        time.sleep(0.001 * (job % 3))  # lets threads overtake each other
        yield job, letter


def until(condition):
    while not condition():
        time.sleep(0.002)


@pytest.fixture(autouse=True)
def all_threads_end():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("jobs", [0, 1, 20])
def test_results_keep_the_order_of_the_jobs(threads, jobs):
    expected = [(job, letter) for job in range(jobs) for letter in "abc"]
    assert list(work_ahead(range(jobs), [letters] * threads, 2)) == expected


def test_workers_compute_only_a_few_results_ahead():
    made = []

    def numbers(job):
        for number in range(100):
            made.append((job, number))
            yield number

    results = work_ahead(count(), [numbers, numbers], 4)
    next(results)
    # Each of three upcoming jobs has a queue of four. Two threads hold one more result each.
    until(lambda: len(made) >= 10)
    time.sleep(0.05)
    assert len(made) <= 1 + 3 * 4 + 2
    results.close()


def test_jobs_are_read_shortly_before_they_start():
    taken = []

    def jobs():
        for job in count():
            taken.append(job)
            yield job

    results = work_ahead(jobs(), [letters, letters], 4)
    next(results)
    assert len(taken) == 4
    results.close()


@pytest.mark.parametrize("consumed", [1, 2, 5, 30])
def test_iterator_can_be_closed_at_any_time(consumed):
    results = work_ahead(count(), [letters] * 3, 2)
    for _ in range(consumed):
        next(results)
    results.close()


def test_worker_error_is_raised_in_place_of_its_result():
    def fails_at_two(job):
        yield job
        if job == 2:
            raise ZeroDivisionError

    results = work_ahead(range(9), [fails_at_two] * 3, 2)
    assert [next(results), next(results), next(results)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_error_in_the_job_iterator_ends_the_threads():
    def jobs():
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(work_ahead(jobs(), [letters] * 2, 2))
