"""Figures of the 1-D example: densities and discriminators, divergences over the steps, gradients of the generator."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_gan._utils import log_names
from keras_gan.plots import canvas

LOG_4 = math.log(4)
JSD_LIMITS = (-0.12, 0.72)  # 0 to log 2, and negative estimates of an untrained D
HIGHEST = 1.1  # density
REJECTED_BELOW = 0.1  # D(G(z)) of the samples that D rejects with confidence, in the figure of gradients
SATURATING, NON_SATURATING = "tab:red", "tab:purple"
REASON = (
    "Where D rejects a sample with confidence, D(G(z)) ≈ 0, log(1 − D) is flat: its gradient with respect to\n"
    "D's logit is D ≈ 0, and that of −log D is 1 − D ≈ 1 (Goodfellow et al. 2014, section 3). Right: the gradients\n"
    "that reach such samples. The saturating loss can still train G by the samples that D does not reject."
)


@dataclass(frozen=True)
class Densities:
    """The curves of a snapshot over x; each array is (n,)."""

    x: np.ndarray
    data: np.ndarray  # p
    generated: np.ndarray  # q
    discriminator: np.ndarray  # D(x), in [0, 1]
    best_discriminator: np.ndarray  # p / (p + q)


def snapshot(densities: Densities, table: dict[str, np.ndarray], optimum_nats: float, steps: int, path: Path) -> None:
    """Draws one snapshot. All snapshots of a run have the same axes.

    Args:
        densities: the curves of this step.
        table: columns of theory.csv up to this step.
        optimum_nats: JSD of the best linear generator.
        steps: number of steps of the whole run.
        path: the .png to write.
    """
    drawn = canvas.figure(8, 3.6)
    left, right = drawn.subplots(1, 2)
    _densities(left, densities)
    left.set_title(f"step {int(table['step'][-1]):,} of {steps:,}", loc="left")
    _divergences(right, table, optimum_nats, steps)
    canvas.save(drawn, path)


def _densities(axes, shown):
    axes.fill_between(shown.x, shown.data, color=canvas.REAL, alpha=0.35, linewidth=0, label="data p")
    generated = np.minimum(shown.generated, HIGHEST)  # the peak of a narrow G is cut off
    axes.fill_between(shown.x, generated, color=canvas.GENERATED, alpha=0.5, linewidth=0, label="generated q")
    axes.plot(shown.x, shown.discriminator, color=canvas.DISCRIMINATOR, linewidth=1.6, label="D(x)")
    axes.plot(shown.x, shown.best_discriminator, "k--", linewidth=1, label="best D, p/(p+q)")
    axes.set_xlim(shown.x[0], shown.x[-1])
    axes.set_ylim(0, 1.4)  # space for the legend above D = 1
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_xlabel("x")
    axes.set_ylabel("density, or probability")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper left", ncols=2, fontsize=8.5, columnspacing=0.8, handlelength=1.4)


def _divergences(axes, table, optimum_nats, steps):
    """Draws JSD on the left axis and V on the right one, which fit by V = 2 JSD - log 4."""
    few = {"marker": "."} if len(table["step"]) < 3 else {}
    axes.plot(table["step"], table[log_names.JSD], color="black", label="exact", **few)
    estimates = np.clip(table[log_names.JSD_ESTIMATE], *JSD_LIMITS)
    axes.plot(table["step"], estimates, color=canvas.DISCRIMINATOR, label="estimated by D, held-out draws", **few)
    axes.axhline(optimum_nats, color="0.45", linestyle="--", linewidth=1, label=f"best linear G: {optimum_nats:.4f}")
    axes.set_xlim(0, steps)
    axes.set_ylim(*JSD_LIMITS)
    axes.set_xlabel("step (generator updates)")
    axes.set_ylabel("JSD(p, q) in nats")
    value = axes.secondary_yaxis("right", functions=(lambda jsd: 2 * jsd - LOG_4, lambda v: (v + LOG_4) / 2))
    value.set_ylabel("V(D, G) = 2 JSD − log 4")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper right", fontsize=9)


def gradients(table: dict[str, np.ndarray], path: Path) -> None:
    """Draws the gradients of both generator losses: by their formulas, and measured where D rejects the samples.

    Args:
        table: columns of theory.csv.
        path: the .png to write.
    """
    drawn = canvas.figure(8, 4.5)
    drawn.suptitle(REASON, fontsize=9, x=0.01, ha="left")
    left, right = drawn.subplots(1, 2)
    _formulas(left)
    _measured(right, table)
    canvas.save(drawn, path)


def _measured(axes, table):
    """Draws both gradients at rejected samples, and the share of these, without which the lines have gaps."""
    steps, share = table["step"], table[log_names.REJECTED]
    behind = axes.twinx()
    behind.fill_between(steps, share, color="0.9", linewidth=0)
    behind.set_ylim(0, 1)
    behind.set_ylabel("share of rejected samples (grey)")
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)
    for name, colour, label in (
        (log_names.NON_SATURATING_GRADIENT, NON_SATURATING, "of −log D"),
        (log_names.MINIMAX_GRADIENT, SATURATING, "of log(1 − D)"),
    ):
        axes.plot(steps, table[name], color=colour, marker=".", label=label)
    axes.set_title(f"measured in this run where D(G(z)) < {REJECTED_BELOW:g}", fontsize=10)
    axes.set_xlabel("step (generator updates)")
    axes.grid(alpha=0.3)
    if share.any():
        end = np.flatnonzero(share)[-1] + 1  # later steps would be empty
        axes.set_xlim(0, steps[min(end, len(steps) - 1)])
        axes.set_yscale("log")
        axes.set_ylim(top=4 * np.nanmax(table[log_names.NON_SATURATING_GRADIENT]))  # space for the legend
        canvas.number_ticks(axes)
        axes.set_ylabel("mean norm of the gradient at a sample")
        axes.legend(frameon=False, loc="upper right", fontsize=9)
    else:
        axes.set_yticks([])
        text = "D rejected no sample at the measured steps."
        axes.text(0.5, 0.5, text, ha="center", transform=axes.transAxes, fontsize=9)


def _formulas(axes):
    """Derivatives with respect to the logit: -σ for log(1 - σ), and -(1 - σ) for -log σ."""
    d = np.linspace(0, 1, 2)
    axes.axvspan(0, REJECTED_BELOW, color="0.9")
    axes.text(REJECTED_BELOW / 2, 0.5, "D rejects the sample", rotation=90, ha="center", va="center", fontsize=9)
    axes.plot(d, 1 - d, color=NON_SATURATING, label="non-saturating, −log D: 1 − D")
    axes.plot(d, d, color=SATURATING, label="saturating, log(1 − D): D")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.3)
    axes.set_title("by the formula", fontsize=10)
    axes.set_xlabel("D(G(z))")
    axes.set_ylabel("gradient with respect to D's logit")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper right", fontsize=9)
