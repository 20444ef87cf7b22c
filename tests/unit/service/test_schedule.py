"""What is encoded next: questions first, clients in turn, long texts first, suspects last and alone."""

import threading

from oasis_search.service.schedule import FIRST_CHARACTERS, SLICE_S, Job, Pace, Schedule


def job(client: object, texts: list[str], *, urgent: bool = False, number: int = 1) -> Job:
    return Job(client, number, "code", urgent, range(100, 100 + len(texts)), texts)


def trusted(text: str) -> bool:
    return False


def taken(schedule: Schedule, *, urgent: bool = False) -> list[str]:
    piece = schedule.take(urgent=urgent)
    assert piece is not None
    schedule.finish(piece, SLICE_S / 1000)
    return piece.texts


def test_long_texts_come_first_and_keep_their_rows() -> None:
    schedule = Schedule()
    schedule.add(job("a", ["xx", "x", "xxxx", "xxx"]), trusted)
    piece = schedule.take(urgent=False)
    assert piece is not None
    assert piece.texts == ["xxxx", "xxx", "xx", "x"]
    assert piece.rows == [102, 103, 100, 101]


def test_question_goes_before_the_rest_of_a_request() -> None:
    schedule = Schedule(Pace(fixed_texts=2))
    schedule.add(job("a", ["1111", "222", "33"]), trusted)
    assert taken(schedule) == ["1111", "222"]
    schedule.add(job("a", ["why"], urgent=True, number=2), trusted)
    bulk: list[list[str]] = []
    thread = threading.Thread(target=lambda: bulk.append(taken(schedule)))
    thread.start()
    question = schedule.take(urgent=True)
    assert question is not None
    assert question.texts == ["why"]
    assert not bulk  # One slice is out at a time.
    schedule.finish(question, 0)
    thread.join()
    assert bulk == [["33"]]


def test_clients_take_turns_and_a_client_keeps_its_order() -> None:
    schedule = Schedule(Pace(fixed_texts=1))
    schedule.add(job("a", ["a1"]), trusted)
    schedule.add(job("a", ["a2"]), trusted)
    schedule.add(job("b", ["b1"]), trusted)
    schedule.add(job("b", ["b2"]), trusted)
    assert [taken(schedule)[0] for _ in range(4)] == ["a1", "b1", "a2", "b2"]


def test_suspects_come_last_and_alone() -> None:
    schedule = Schedule()
    schedule.add(job("a", ["one", "bad", "two", "bad!"]), lambda text: "bad" in text)
    slices = [taken(schedule) for _ in range(3)]
    assert sorted(slices[0]) == ["one", "two"]
    assert sorted(slices[1:]) == [["bad"], ["bad!"]]


def test_slice_that_failed_is_tried_text_by_text() -> None:
    schedule = Schedule()
    schedule.add(job("a", ["one", "two"]), trusted)
    piece = schedule.take(urgent=False)
    assert piece is not None
    schedule.finish(piece, 0, again_alone=True)
    assert sorted(taken(schedule) for _ in range(2)) == [["one"], ["two"]]
    assert schedule.close_if_idle(0)


def test_dropped_jobs_are_not_encoded() -> None:
    schedule = Schedule(Pace(fixed_texts=1))
    schedule.add(job("a", ["a1", "a2"], number=1), trusted)
    schedule.add(job("a", ["a3"], number=2), trusted)
    schedule.add(job("b", ["b1"], number=1), trusted)
    out = schedule.take(urgent=False)
    assert out is not None
    schedule.drop("a", 1)
    schedule.finish(out, 0, again_alone=True)
    assert [taken(schedule)[0] for _ in range(2)] == ["b1", "a3"]
    schedule.add(job("b", ["b2"]), trusted)
    schedule.add(job("b", ["b3"], urgent=True), trusted)
    schedule.drop("b")
    assert schedule.close_if_idle(0)


def test_is_not_idle_with_work_or_soon_after() -> None:
    schedule = Schedule()
    assert not schedule.close_if_idle(60)
    schedule.add(job("a", ["x"]), trusted)
    assert not schedule.close_if_idle(0)
    piece = schedule.take(urgent=False)
    assert piece is not None
    assert not schedule.close_if_idle(0)
    schedule.finish(piece, 0)
    assert schedule.close_if_idle(0)


def test_question_is_out_beside_a_slice_of_a_remote_encoder() -> None:
    schedule = Schedule()
    schedule.suit_remote(2)
    schedule.add(job("a", ["x"] * 3), trusted)
    schedule.add(job("b", ["why"], urgent=True), trusted)
    piece, question = schedule.take(urgent=False), schedule.take(urgent=True)
    assert piece is not None
    assert question is not None
    assert (len(piece.texts), question.texts) == (2, ["why"])
    schedule.finish(question, 0)
    assert not schedule.close_if_idle(0)
    schedule.finish(piece, 0)
    assert taken(schedule) == ["x"]


def test_closing_wakes_who_waits() -> None:
    schedule = Schedule()
    got: list[object] = []
    threads = [
        threading.Thread(target=lambda u=urgent: got.append(schedule.take(urgent=u)))
        for urgent in (True, False)
    ]
    for thread in threads:
        thread.start()
    schedule.close()
    for thread in threads:
        thread.join()
    assert got == [None, None]


def test_pace_finds_the_size_that_fits_the_time() -> None:
    """An encoder of 100,000 characters a second, and then one ten times slower."""
    pace, lengths = Pace(), [936] * 10_000  # With the overhead of a text: 1,000.
    for rate in (100_000, 10_000):
        for _ in range(10):
            n_texts = pace.n_texts(lengths)
            pace.learn(lengths[:n_texts], n_texts * 1000 / rate)
        assert pace.n_texts(lengths) == max(1, rate * SLICE_S // 1000)


def test_pace_is_not_spoilt_by_a_short_request() -> None:
    pace = Pace()
    before = pace.n_texts([100] * 1000)
    pace.learn([5], 0.002)  # 69 characters, all of it the fixed cost of a call
    assert pace.n_texts([100] * 1000) == before


def test_slice_has_at_least_one_text_and_at_most_all() -> None:
    assert Pace().n_texts([10 * FIRST_CHARACTERS, 1]) == 1
    assert Pace().n_texts([1, 1]) == 2
    assert Pace(fixed_texts=64).n_texts([1, 1]) == 2
