"""Figures of a run: what is in them, read from matplotlib before it draws."""

import math

import numpy as np
import pytest

from keras_gan import config, plots, reporting
from keras_gan.plots import canvas, directions, theory
from keras_gan.plots import doctor as plots_doctor
from keras_gan.runs import Run

STEPS = np.arange(10.0, 60.0, 10.0)
HISTORY = {
    "step": STEPS,
    "d_loss": np.array([1.0, 0.9, 0.8, 0.7, 0.6]),
    "g_loss": np.array([2.0, 2.5, 2.2, 2.1, 2.0]),
    "d_accuracy": np.full(5, 0.9),
    "d_gradient": np.array([0.5, 0.6, 0.7, 0.8, 0.9]),
    "g_gradient": np.array([3.0, 3.5, 4.0, 4.5, 5.0]),
}


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved."""
    figures = []
    monkeypatch.setattr(canvas, "save", lambda figure, path: figures.append(figure))
    return figures


def levels(axes):
    """The heights of horizontal lines."""
    return [
        line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1 and len(line.get_xdata()) == 2
    ]


@pytest.mark.parametrize(
    "loss, expected", [("non_saturating", 2 * math.log(2)), ("relativistic", math.log(2)), ("hinge", None)]
)
def test_the_losses_have_a_title_and_a_line_at_the_loss_of_a_guessing_discriminator(
    run_dir, drawn, monkeypatch, loss, expected
):
    run = Run(run_dir)
    monkeypatch.setattr(Run, "config", config.TrainConfig("photos/cats", "lean", loss=loss))
    monkeypatch.setattr(Run, "history", lambda self: HISTORY)
    reporting.draw_curves(run)
    (axes,) = drawn[0].axes
    assert "cats" in axes.get_title(loc="left")
    assert levels(axes) == pytest.approx([] if expected is None else [expected])
    names = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert len(names) == 2 + (expected is not None) and (expected is None or f"{expected:.3f}" in names[2])
    low, high = axes.get_ylim()
    assert low < 0.6 and high > 2.5


def test_a_rare_peak_does_not_flatten_the_losses(drawn):
    history = {"step": np.arange(300.0), "d_loss": np.full(300, 1.0), "g_loss": np.linspace(1, 2, 300)}
    history["g_loss"][5] = 1_000.0
    plots.curves(history, None)
    assert drawn[0].axes[0].get_ylim()[1] < 3


def test_no_curve_of_the_diagnosis_hides_another_and_ticks_are_numbers(drawn):
    zero = np.zeros(5)
    checks = {"step": STEPS, "diversity": zero + 0.8, "duplicates": zero, "memorised": zero}
    plots_doctor.diagnosis(HISTORY, checks, [("collapse", 10, 20)], None)
    accuracy, gradients, samples = drawn[0].axes
    widths = {line.get_label(): (line.get_linewidth(), line.get_linestyle()) for line in samples.lines}
    below, above = widths["duplicates"], widths["memorised"]
    assert below[0] > 2 * above[0] and above[1] != "-"
    ticks = [tick for tick in gradients.get_yticks() if gradients.get_ylim()[0] <= tick <= gradients.get_ylim()[1]]
    assert {0.5, 1.0, 2.0, 5.0} <= {round(tick, 9) for tick in ticks}
    assert [gradients.yaxis.get_major_formatter()(tick) for tick in (0.5, 1, 20)] == ["0.5", "1", "20"]
    assert accuracy.get_ylim()[0] < 0


def test_a_gradient_that_is_zero_or_not_finite_has_an_axis(drawn):
    history = HISTORY | {"d_gradient": np.full(5, np.nan), "g_gradient": np.zeros(5)}
    plots_doctor.diagnosis(history, {}, [], None)
    low, high = drawn[0].axes[1].get_ylim()
    assert 0 < low < high < math.inf


@pytest.mark.parametrize("size, channels", [(8, 1), (64, 3)])
def test_the_strips_of_sliders_fill_the_width_and_mark_the_middle(drawn, size, channels):
    pictures = np.zeros((2, 5, size, size, channels), "uint8")
    names, matrix = ("slant", "width"), np.eye(2)
    directions.sliders({"slant ±1": pictures, "width ±2": pictures}, names, {"locked": matrix}, None)
    figure = drawn[0]
    figure.draw_without_rendering()
    (strips,) = (axes for part in figure.subfigs for axes in part.axes if axes.patches)
    box = strips.get_window_extent()
    assert box.width > 0.85 * figure.bbox.width
    # The third of five pictures is the middle, and the second seed begins after a gap of half a picture.
    corners = {patch.get_xy() for patch in strips.patches}
    row = size + max(1, size // 8)
    assert corners == {
        (left - 0.5, top - 0.5) for left in (2 * size, 5 * size + size // 2 + 2 * size) for top in (0, row)
    }
    assert [text.get_text() for text in strips.get_xticklabels()] == ["− end", "middle", "+ end"] * 2


def test_the_gradients_are_drawn_where_samples_are_rejected_and_a_run_without_any_says_so(drawn):
    table = {"step": STEPS, "rejected": np.array([0.0, 0.5, 1.0, 0.2, 0.0])}
    table["rejected_gradient_minimax"] = np.array([np.nan, 0.01, 0.02, 0.01, np.nan])
    table["rejected_gradient_non_saturating"] = np.array([np.nan, 0.9, 0.8, 0.9, np.nan])
    theory.gradients(table, None)
    measured = next(axes for axes in drawn[0].axes if len(axes.lines) == 2 and axes.get_yscale() == "log")
    values = [line.get_ydata() for line in measured.lines]
    assert np.nanmin(values[0]) > np.nanmax(values[1])
    theory.gradients(table | {"rejected": np.zeros(5)}, None)
    assert any("rejected no sample" in text.get_text() for axes in drawn[1].axes for text in axes.texts)
