"""The result of a run on a line: its numbers next to the exact optimum, with an explanation."""

from dataclasses import dataclass

import numpy as np

from keras_gan import theory
from keras_gan._utils import log_names
from keras_gan.runs import Run
from keras_gan.theory.mixtures import MIXTURES

LOG_ODDS_LOSSES = ("minimax", "non_saturating")  # for which the best D is p / (p + q)
COLUMNS = ("", "this run", "best linear G", "G = data")


@dataclass(frozen=True)
class Result:
    """The table of a run on a line, and sentences that explain it."""

    rows: list[tuple[str, ...]]  # under COLUMNS
    sentences: list[str]

    def __str__(self):
        table = [COLUMNS, *self.rows]
        lines = [f"{name:<19}{run:>12}{best:>16}{data:>12}".rstrip() for name, run, best, data in table]
        return "\n".join([*lines, "", *self.sentences])


def result(run: Run) -> Result | None:
    """Compares the last row of theory.csv with the exact optimum. Returns None without rows."""
    columns, config = run.columns("theory"), run.config
    if not columns or config.data not in MIXTURES:
        return None
    mixture, row = MIXTURES[config.data], columns.last()
    data = mixture.density()
    line = theory.best_line(data, config.latent)
    return Result(_rows(row, line, config.latent, mixture), list(_reading(row, line, data, config)))


def _rows(row, line, latent, mixture):
    exact = theory.best_value(line.jensen_shannon_nats)
    best_std = line.slope * theory.LATENT_STD[latent]
    return [
        ("mean of G(z)", f"{row[log_names.MEAN]:.3f}", f"{line.intercept:.3f}", f"{mixture.centres.mean():.3f}"),
        ("std of G(z)", f"{row[log_names.STD]:.3f}", f"{best_std:.3f}", f"{mixture.std:.3f}"),
        ("JSD, exact (nats)", f"{row[log_names.JSD]:.6f}", f"{line.jensen_shannon_nats:.6f}", "0"),
        ("JSD that D shows", f"{row[log_names.JSD_ESTIMATE]:.6f}", "", ""),
        ("V of the best D", f"{row[log_names.BEST_VALUE]:.6f}", f"{exact:.6f}", f"{-np.log(4):.6f}"),
        ("V(D, G)", f"{row[log_names.VALUE]:.6f}", "", ""),
    ]


def _reading(row, line, data, config):
    """Yields sentences that explain the table."""
    exact, shown = row[log_names.JSD], row[log_names.JSD_ESTIMATE]
    yield "D's loss is -V(D, G). It is 2 log 2 = 1.386 if G equals the data, since D cannot then tell them apart."
    if config.preset == "gaussian" and config.latent_dim == 1:
        yield from _reading_of_a_line(row, line, data, config)
    else:
        side = "below" if exact < line.jensen_shannon_nats else "above"
        yield (
            f"This G is not linear, so it could equal the data. Its JSD of {exact:.4f} is {side} that of the best "
            f"line, {line.jensen_shannon_nats:.4f}."
        )
    yield (
        f"D shows a JSD of {shown:.4f} of {exact:.4f}. Apart from sampling noise, it is a lower bound: D has not "
        "learned the rest."
    )
    if config.loss not in LOG_ODDS_LOSSES:
        yield f"With the loss {config.loss}, D does not learn log-odds: the JSD that D shows and V(D, G) mean little."


def _reading_of_a_line(row, line, data, config):
    slope = row[log_names.STD] / theory.LATENT_STD[config.latent]
    yield f"This G draws from {_drawn_from(slope, row[log_names.MEAN], config.latent)}."
    yield f"The best line draws from {_drawn_from(line.slope, line.intercept, config.latent)}."
    if config.latent == "normal":
        yield "A linear G of normal z can equal the data. A linear G of uniform z cannot (--latent uniform)."
        return
    best = theory.linear_generator(line.slope, line.intercept, config.latent)
    loss, accuracy = -theory.best_value(line.jensen_shannon_nats), theory.best_accuracy(data, best)
    yield (
        f"A linear G of uniform z never equals the data. The best line has D's loss {loss:.3f} and "
        f"an accuracy of the best D of {accuracy:.1%}."
    )


def _drawn_from(slope, intercept, latent):
    """Returns the distribution of slope · z + intercept as text, with the line as G(z) = a·8z + b."""
    if latent == "uniform":
        name = f"U[{intercept - slope:.3f}, {intercept + slope:.3f}]"
    else:
        name = f"N({intercept:.3f}, {slope:.3f}²)"
    return f"{name} (G(z) = a·{theory.Z_SCALE:.0f}z + b with a = {slope / theory.Z_SCALE:.4f}, b = {intercept:.3f})"
