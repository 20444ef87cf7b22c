"""What is advised: a switch only for a difference beyond chance, at a price that is said."""

from dataclasses import replace

import pytest

from oasis_search.comparison.advice import advise, describe_duration
from oasis_search.comparison.compare import Comparison, Contender, Quality
from oasis_search.comparison.measure import Measurement
from oasis_search.comparison.questions import Question, QuestionSet
from oasis_search.comparison.ranking import Estimate

QUALITY = Quality(Estimate(50, 45, 55), 40, 70)
ASKED = QuestionSet(
    questions=(Question("Opens a file", (0,)),) * 100,
    functions=(),
    n_ambiguous=0,
    n_files=10,
    n_files_read=10,
    n_units=100,
    unit_bytes=10_000,
)


def contender(
    model: str,
    gain: tuple[float, float, float] | None,
    *,
    texts_per_s: float = 100,
    index_s: float = 240,
    added_bytes: int | None = 100_000_000,
) -> Contender:
    measured = Measurement("CPU", "f", 4, [], 1, texts_per_s, 1000, 5, added_bytes)
    estimate = Estimate(*gain) if gain else None
    return Contender(model, gain is None, QUALITY, estimate, measured, index_s)


def advice(*others: Contender, n_questions: int = 100) -> str:
    asked = replace(ASKED, questions=ASKED.questions[:n_questions])
    return advise(Comparison(asked, QUALITY, (contender("static", None), *others), ()))


def test_better_model_is_advised_with_its_price_and_the_command() -> None:
    assert advice(contender("mini", (12.3, 9, 15.2))) == (
        "mini finds 12.3 points more (95 % interval +9.0 to +15.2) and would take about 4 minutes of "
        "background work here; to switch: oasis models use mini"
    )


def test_difference_within_noise_means_stay() -> None:
    assert advice(contender("mini", (1.5, -0.5, 3.5))) == (
        "No difference to mini beyond chance (95 % interval -0.5 to +3.5): stay with static."
    )


def test_worse_models_mean_stay() -> None:
    said = advice(contender("mini", (-5.2, -7, -3)), contender("large", (-1.5, -2, -1)))
    assert said == "static finds the most here: stay. The next, large, finds 1.5 points less."


def test_best_that_is_done_within_an_hour_is_advised_and_a_slower_better_one_named() -> None:
    said = advice(
        contender("mini", (12, 9, 15)),
        contender("oasis-1.5b", (20, 17, 23), index_s=5 * 3600, added_bytes=6_200_000_000),
        contender("tiny", (3, 1, 5), index_s=60),
    )
    first, second = said.splitlines()
    assert first.startswith("mini finds 12.0 points more")
    assert first.endswith("oasis models use mini")
    assert second.startswith("oasis-1.5b finds 20.0 points more")
    assert "about 5 hours of background work here and 6.2 GB of memory" in second


def test_slow_model_is_advised_when_no_other_is_better() -> None:
    said = advice(contender("oasis-1.5b", (20, 17, 23), index_s=5 * 3600), contender("tiny", (-3, -5, -1)))
    assert said.startswith("oasis-1.5b finds 20.0 points more")
    assert said.endswith("to switch: oasis models use oasis-1.5b")


def test_equal_but_much_faster_model_is_advised() -> None:
    said = advice(contender("tiny", (-0.2, -1, 0.7), texts_per_s=2000))
    assert said.startswith("tiny finds as much within chance")
    assert "20 times as fast; to switch: oasis models use tiny" in said


def test_few_questions_decide_nothing() -> None:
    said = advice(contender("mini", (40, 20, 60)), n_questions=29)
    assert said.startswith("29 questions are too few")
    assert "stay with static" in said


def test_model_alone_is_told_how_to_compare() -> None:
    assert "oasis models evaluate oasis-1.5b" in advice()


def test_model_in_use_that_failed_is_said() -> None:
    said = advise(Comparison(ASKED, QUALITY, (replace(contender("mini", None), is_in_use=False),), ()))
    assert "could not be measured" in said


def test_folder_with_blanks_is_quoted_in_the_command() -> None:
    assert advice(contender("/my models/m", (5, 3, 7))).endswith('oasis models use "/my models/m"')


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.01, "about a second"),
        (20, "less than a minute"),
        (60, "about 1 minute"),
        (230, "about 4 minutes"),
        (89 * 60, "about 89 minutes"),
        (2 * 3600, "about 2 hours"),
        (30 * 3600, "about 30 hours"),
        (72 * 3600, "about 3 days"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert describe_duration(seconds) == words
