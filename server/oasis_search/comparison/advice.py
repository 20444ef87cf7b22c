"""What the figures mean for the user: switch, stay, or ask more questions; one or two sentences.

A model is better only when the 95 % interval of the paired difference lies above zero. Among better ones the
best that indexes the workspace within `PATIENCE_S` is advised; a still better but slower one is named too.
"""

from collections.abc import Sequence

from oasis_search.comparison.compare import Comparison, Contender

ENOUGH_QUESTIONS = 30
"""With fewer the interval itself is not to be trusted."""
PATIENCE_S = 3600.0
"""Background work that is worth a switch without asking."""
MUCH_FASTER = 3.0
LARGE_BYTES = 1_000_000_000
"""Memory that is worth a word."""


def advise(comparison: Comparison) -> str:
    """The recommendation."""
    current = next((each for each in comparison.contenders if each.is_in_use), None)
    others = [each for each in comparison.contenders if not each.is_in_use]
    n = len(comparison.asked.questions)
    if current is None:
        return "The model in use could not be measured, so there is nothing to compare with."
    if not others:
        return (
            f"Only {current.model}, the model in use, was measured. Name others to compare it with, as in: "
            "oasis models evaluate oasis-1.5b"
        )
    if n < ENOUGH_QUESTIONS:
        return (
            f"{n} questions are too few to tell the models apart here: stay with {current.model}, or "
            "evaluate on a workspace with more documented functions."
        )
    better = [each for each in others if each.gain is not None and each.gain.low > 0]
    if better:
        return _advise_switch(better)
    return _advise_stay(current, others)


def describe_duration(seconds: float) -> str:
    """A duration as one says it: `about 4 minutes`."""
    if seconds < 45:
        return "less than a minute" if seconds >= 1 else "about a second"
    for size, name, limit in ((60, "minute", 90 * 60), (3600, "hour", 36 * 3600), (86400, "day", 1e12)):
        if seconds < limit:
            count = max(1, round(seconds / size))
            return f"about {count} {name}" if count == 1 else f"about {count} {name}s"
    return "practically for ever"


def _advise_switch(better: Sequence[Contender]) -> str:
    ranked = sorted(better, key=_gain, reverse=True)
    best = ranked[0]
    chosen = next((each for each in ranked if each.index_s <= PATIENCE_S), best)
    sentence = f"{_describe_gain(chosen)}; to switch: oasis models use {_quoted(chosen.model)}"
    return sentence if chosen is best else f"{sentence}\n{_describe_gain(best)}."


def _advise_stay(current: Contender, others: Sequence[Contender]) -> str:
    worse = [each for each in others if each.gain is not None and each.gain.high < 0]
    if len(worse) == len(others):
        nearest = max(others, key=_gain)
        return (
            f"{current.model} finds the most here: stay. The next, {nearest.model}, finds "
            f"{-_gain(nearest):.1f} points less."
        )
    even = max((each for each in others if each not in worse), key=lambda each: each.measurement.texts_per_s)
    speed = even.measurement.texts_per_s / current.measurement.texts_per_s
    if speed >= MUCH_FASTER:
        return (
            f"{even.model} finds as much within chance ({_interval(even)}) and encodes {speed:.0f} times as "
            f"fast; to switch: oasis models use {_quoted(even.model)}"
        )
    return f"No difference to {even.model} beyond chance ({_interval(even)}): stay with {current.model}."


def _describe_gain(each: Contender) -> str:
    memory = each.measurement.added_bytes or 0
    needs = f" and {memory / 1e9:.1f} GB of memory" if memory >= LARGE_BYTES else ""
    return (
        f"{each.model} finds {_gain(each):.1f} points more ({_interval(each)}) and would take "
        f"{describe_duration(each.index_s)} of background work here{needs}"
    )


def _interval(each: Contender) -> str:
    gain = each.gain
    return f"95 % interval {gain.low:+.1f} to {gain.high:+.1f}" if gain is not None else "no interval"


def _gain(each: Contender) -> float:
    return each.gain.value if each.gain is not None else 0.0


def _quoted(model: str) -> str:
    return f'"{model}"' if " " in model else model
