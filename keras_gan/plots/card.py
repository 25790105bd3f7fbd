"""Pictures of an evaluation: the metric card with samples and classes, and the nearest training images."""

from pathlib import Path

import numpy as np

from keras_gan.plots import canvas

ROW_IN = 0.27  # height of a line of text
COLUMNS = (0.0, 0.48, 0.62, 0.65)  # positions of label, value, baseline and reading
LARGEST_HISTOGRAM = 100  # classes
GREY = "0.4"


def card(header, rows, samples: np.ndarray, path: Path, shares: np.ndarray | None = None) -> None:
    """Draws a metric card.

    Args:
        header: lines of text about the samples, the reference and the features.
        rows: texts (label, value, baseline, reading).
        samples: a picture (height, width[, 3]) of some samples, or points (n, features).
        path: the .png to write.
        shares: shares of the classes, (2, classes), in samples and in real data; None without classes.
    """
    with_classes = shares is not None and shares.shape[1] <= LARGEST_HISTOGRAM
    text_in = ROW_IN * (len(header) + len(rows) + 2)
    heights = (text_in, 1.6) if with_classes else (text_in,)
    drawn = canvas.figure(12, max(4.2, sum(heights)))
    cells = drawn.add_gridspec(len(heights), 2, width_ratios=(4, 8), height_ratios=heights)
    _show(drawn.add_subplot(cells[:, 0]), samples)
    kind = "images" if samples.dtype == np.uint8 else "data"
    _table(drawn.add_subplot(cells[0, 1]), header, [("", "samples", f"baseline\n(real {kind})", ""), *rows])
    if with_classes:
        _histogram(drawn.add_subplot(cells[1, 1]), shares)
    canvas.save(drawn, path)


def pairs(picture: np.ndarray, path: Path) -> None:
    """Draws two rows of images with labels.

    Args:
        picture: uint8 (height, width[, 3]), a row of samples above their nearest training images, nearest pair first.
        path: the .png to write.
    """
    height, width = picture.shape[:2]
    drawn = canvas.figure(12, 0.6 + 11 * height / width)
    axes = drawn.add_subplot()
    _picture(axes, picture)
    axes.set_title("the samples nearest to training images, nearest first", fontsize=10, loc="left")
    for share, text in ((0.75, "sample"), (0.25, "training\nimage")):
        axes.text(-0.01, share, text, ha="right", va="center", fontsize=9, color=GREY, transform=axes.transAxes)
    canvas.save(drawn, path)


def _picture(axes, picture):
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    axes.set_axis_off()


def _show(axes, samples):
    axes.set_anchor("N")  # aligned with the table's head
    if samples.dtype == np.uint8:
        _picture(axes, samples)
    elif samples.shape[1] == 1:
        axes.hist(samples[:, 0], bins=60, density=True, color=canvas.GENERATED)
    else:
        axes.scatter(samples[:, 0], samples[:, 1], s=3, color=canvas.GENERATED)
        axes.set_aspect("equal")
        axes.locator_params(nbins=5)


def _table(axes, header, rows):
    axes.set_axis_off()
    axes.set_ylim(len(header) + len(rows) + 1, 0)
    for line, text in enumerate(header):
        axes.text(0, line + 0.5, text, va="center", fontsize=9, color=GREY, transform=axes.get_yaxis_transform())
    for line, row in enumerate(rows, start=len(header)):
        for x, text, side in zip(COLUMNS, row, ("left", "right", "right", "left"), strict=True):
            faint = side == "left" and x or line == len(header)
            axes.text(
                x,
                line + (0.85 if line == len(header) else 1),
                text,
                ha=side,
                va="center",
                fontsize=9 if faint else 10,
                color=GREY if faint else "black",
                transform=axes.get_yaxis_transform(),
            )


def _histogram(axes, shares):
    ours, real = shares
    places = np.arange(len(ours))
    axes.bar(places, ours, width=0.8, color=canvas.GENERATED, label="samples")
    axes.hlines(real, places - 0.5, places + 0.5, color=canvas.REAL, linewidth=2, label="real images")
    axes.set_xticks(places if len(places) <= 20 else places[::10])
    axes.set_xlabel("class")
    axes.set_ylabel("share")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    axes.set_ylim(0, 1.35 * max(ours.max(), real.max()))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
