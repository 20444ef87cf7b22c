"""The similarity s* above which a wrong pair may be right: where two Gaussians, fitted to all, cross.

Pure computation on an array. A fit that does not show two groups is said to be none, with the reason in a
sentence; then s* is a quantile of the similarities, which the recipe sets.
"""

import json
import math
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oasis_train.data.files import whole_file
from oasis_train.errors import DataError

MIN_SEPARATION = 2.0
"""Ashman's D, sqrt(2) |m1 - m2| / sqrt(s1^2 + s2^2); above 2 two groups are apart (Ashman et al. 1994)."""

MIN_WEIGHT = 0.02
"""A component of a smaller share is a tail and no group."""

MIN_SAMPLES = 50
"""Six parameters are not fitted to fewer values."""


@dataclass(frozen=True, slots=True)
class Gaussian:
    """One component of a mixture."""

    weight: float
    mean: float
    deviation: float

    def log_density(self, x: float) -> float:
        """Logarithm of the weighted density at `x`, without the constant that all components share."""
        return math.log(self.weight / self.deviation) - 0.5 * ((x - self.mean) / self.deviation) ** 2


@dataclass(frozen=True, slots=True)
class ThresholdFit:
    """s* and how it came about."""

    threshold: float
    """s*."""
    is_bimodal: bool
    """Whether s* is the crossing of two components; else it is the fallback's quantile."""
    reason: str
    """Why the fit shows no two groups and what was done instead, in a sentence; empty when bimodal."""
    components: tuple[Gaussian, ...]
    """Lower mean first; none when nothing could be fitted."""
    separation: float
    """Ashman's D."""
    bic_of_one: float
    bic_of_two: float
    """Bayesian information criterion of one and of two components; the lower one describes better."""
    n_similarities: int
    """Number that was given."""
    n_fitted: int
    """Number that was fitted, a random choice of them."""


def fit_threshold(
    similarities: NDArray[np.float64],
    *,
    max_samples: int = 1_000_000,
    fallback_quantile: float = 0.9,
    seed: int = 3407,
) -> ThresholdFit:
    """s* of `similarities` (n,); raises DataError when there are none or when one is NaN or infinite."""
    n = len(similarities)
    if n == 0:
        raise DataError(
            "There are no similarities to fit a threshold to. Run the label stage on more docstrings."
        )
    if not np.isfinite(similarities).all():
        first = int(np.argmin(np.isfinite(similarities)))
        raise DataError(
            f"Similarity {first} of {n} is {similarities[first]}. "
            "Run the label stage again with another teacher."
        )
    sample = np.asarray(similarities, dtype=np.float64)
    if n > max_samples:
        sample = sample[np.sort(np.random.default_rng(seed).choice(n, max_samples, replace=False))]
    quantile = float(np.quantile(sample, fallback_quantile))

    def fallback(reason: str, components: tuple[Gaussian, ...] = (), *measures: float) -> ThresholdFit:
        sentence = (
            f"{reason} s* is therefore the {fallback_quantile:.0%} quantile of the similarities, "
            f"{quantile:.3f}."
        )
        separation, one, two = measures or (0.0, 0.0, 0.0)
        return ThresholdFit(quantile, False, sentence, components, separation, one, two, n, len(sample))

    if len(sample) < MIN_SAMPLES:
        return fallback(f"{len(sample)} similarities are too few to tell two groups apart.")
    if len(np.unique(sample)) < MIN_SAMPLES // 5:
        return fallback("Most similarities are equal, so that no mixture can be fitted.")
    components, bic_of_one, bic_of_two = _fit_mixture(sample, seed)
    low, high = components
    separation = math.sqrt(2) * (high.mean - low.mean) / math.hypot(low.deviation, high.deviation)
    measures = (separation, bic_of_one, bic_of_two)
    if bic_of_one <= bic_of_two:
        return fallback("One Gaussian describes the similarities as well as two.", components, *measures)
    if (weight := min(low.weight, high.weight)) < MIN_WEIGHT:
        return fallback(f"One of the two groups holds {weight:.1%} of the pairs only.", components, *measures)
    if separation < MIN_SEPARATION:
        return fallback(
            f"The two means {low.mean:.3f} and {high.mean:.3f} are too near for the groups' widths "
            f"(Ashman's D is {separation:.2f}, {MIN_SEPARATION:.0f} is needed).",
            components,
            *measures,
        )
    crossing = crossing_between(low, high)
    if crossing is None:
        return fallback("The two densities do not cross between their means.", components, *measures)
    return ThresholdFit(crossing, True, "", components, *measures, n, len(sample))


def crossing_between(low: Gaussian, high: Gaussian) -> float | None:
    """Where the weighted densities are equal between the two means; None when one is higher at both means.

    The difference of the log densities is a quadratic a x^2 + b x + c, and one that changes its sign between
    the means has exactly one root there.
    """
    if low.log_density(low.mean) <= high.log_density(low.mean):
        return None
    if low.log_density(high.mean) >= high.log_density(high.mean):
        return None
    middle = (low.mean + high.mean) / 2  # coordinates around it keep digits when the means are far from 0
    m1, m2 = low.mean - middle, high.mean - middle
    p1, p2 = low.deviation**-2, high.deviation**-2
    a = (p2 - p1) / 2
    b = m1 * p1 - m2 * p2
    c = (m2 * m2 * p2 - m1 * m1 * p1) / 2 + math.log(
        low.weight / low.deviation * high.deviation / high.weight
    )
    q = -(b + math.copysign(math.sqrt(max(0.0, b * b - 4 * a * c)), b)) / 2
    roots = [c / q] if q else []
    roots += [q / a] if a else []
    x = min(roots, key=lambda root: max(m1 - root, root - m2))  # the one that is inside, by the most
    return middle + min(max(x, m1), m2)


def save_fit(fit: ThresholdFit, path: Path) -> None:
    """Write the fit as JSON."""
    with whole_file(path) as part:
        part.write_text(json.dumps(asdict(fit), indent=1) + "\n", encoding="utf-8")


def load_fit(path: Path) -> ThresholdFit:
    """What `save_fit` wrote."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["components"] = tuple(Gaussian(**component) for component in facts["components"])
    return ThresholdFit(**facts)


def plot_fit(fit: ThresholdFit, similarities: NDArray[np.float64], path: Path) -> None:
    """Draw histogram, components and s* into a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.09, 0.13, 0.89, 0.84))
    axes.hist(
        similarities, bins=100, range=(0, 1), density=True, histtype="stepfilled", color="0.8", label="pairs"
    )
    x = np.linspace(0, 1, 500)
    for name, component in zip(("lower", "higher"), fit.components, strict=False):
        density = np.exp([component.log_density(value) for value in x]) / math.sqrt(2 * math.pi)
        axes.plot(x, density, label=f"{name} group, {component.weight:.0%}")
    kind = "crossing" if fit.is_bimodal else "quantile, no two groups"
    axes.axvline(fit.threshold, color="black", linestyle="--", label=f"s* = {fit.threshold:.3f} ({kind})")
    axes.set(xlabel="similarity of the teacher", ylabel="density", xlim=(0, 1))
    axes.legend()
    with whole_file(path) as part:
        figure.savefig(part, format="png", metadata={"Software": None})


def _fit_mixture(sample: NDArray[np.float64], seed: int) -> tuple[tuple[Gaussian, Gaussian], float, float]:
    """Two components, lower mean first, and the BIC of one and of two."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    column = sample[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # judged by the result, whichever way it came
        one = GaussianMixture(1, random_state=seed).fit(column)
        two = GaussianMixture(2, random_state=seed, max_iter=500, tol=1e-5).fit(column)
    low, high = sorted(
        (
            Gaussian(float(weight), float(mean), math.sqrt(float(variance)))
            for weight, mean, variance in zip(
                two.weights_, two.means_[:, 0], two.covariances_[:, 0, 0], strict=True
            )
        ),
        key=lambda component: component.mean,
    )
    return (low, high), float(one.bic(column)), float(two.bic(column))
