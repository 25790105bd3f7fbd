"""The game as HTML: two charts and a table, sharp at any width, for light and dark colour schemes.

Streamlit removes SVG from HTML, so the lines are in SVG pictures, and texts are HTML. Altair was tried: in Streamlit,
its charts have no alternative text, cut titles and legends at 360 pixels, and take 280 ms of CPU per update, not 5 ms.
"""

import base64
import html
import math

import numpy as np

from keras_gan import theory
from keras_gan._utils import log_names
from keras_gan.plots import inline
from keras_gan.plots.theory import HIGHEST, JSD_LIMITS, LOG_4, Densities

# The colours of keras_gan.plots.canvas, whose names only matplotlib knows: tab:green, tab:orange, tab:blue.
REAL, GENERATED, DISCRIMINATOR = "#2ca02c", "#ff7f0e", "#1f77b4"
INK = "#808080"  # visible on white and on black
SHORTEST_STEPS = 500  # the axis ends at a multiple of it
VALUES = tuple(2 * jsd - LOG_4 for jsd in JSD_LIMITS)  # V = 2 JSD - log 4

STYLE = """<style>
.game { container-type: inline-size; font-size: .9rem; }
.game p { margin: 0 0 .6rem; font-size: 1rem; }
.game .both { display: grid; gap: 1rem 2rem; grid-template-columns: minmax(0, 1fr); }
@container (min-width: 44rem) { .game .both { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
.game figure { display: flex; flex-direction: column; margin: 0; min-width: 0; }
.game figcaption { font-weight: 600; margin: 0 0 .3rem; }
.game ul { display: flex; flex-wrap: wrap; gap: .1rem 1rem; list-style: none; margin: 0 0 .5rem; padding: 0; }
.game li { display: flex; align-items: center; gap: .4rem; margin: 0; font-size: .85rem; }
.game li i { width: 1.4rem; border-top: 2px solid; }
.game li i.area { height: .7rem; border: 0; }
.game .paper { position: relative; height: 15rem; margin: auto 2.4rem 2.6rem 2.6rem; }
.game .paper img { position: absolute; inset: 0; width: 100%; height: 100%; max-width: none; border-radius: 0; }
.game .paper span { position: absolute; font-size: .75rem; line-height: 1; opacity: .85; white-space: nowrap; }
.game .paper .x { top: calc(100% + .4rem); transform: translateX(-50%); }
.game .paper .left { right: calc(100% + .4rem); transform: translateY(-50%); }
.game .paper .right { left: calc(100% + .4rem); transform: translateY(-50%); }
.game .paper .name { top: calc(100% + 1.5rem); transform: translateX(-50%); }
.game table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; max-width: 40rem; }
.game th, .game td { padding: .2rem .5rem; text-align: right; border-bottom: 1px solid #8884; font-weight: 400; }
.game tr > :first-child { text-align: left; padding-left: 0; }
.game thead th { font-weight: 600; }
</style>"""


def page(title: str, densities: Densities, table: dict[str, np.ndarray], line: theory.Line, sentence: str) -> str:
    """The charts and the table as one piece of HTML, so that all of them always show the same step.

    Args:
        title: plain text above the charts.
        densities: the densities at the newest step.
        table: the columns of theory.csv up to that step.
        line: the best linear generator.
        sentence: plain text below the charts, where its length cannot move them.

    Returns:
        HTML.
    """
    last = {name: column[-1] for name, column in table.items()}
    return (
        f'{STYLE}<div class="game"><p><strong>{html.escape(title)}</strong></p>'
        f'<div class="both">{_densities(densities, last)}{_values(table, line)}</div>'
        f"<p>{html.escape(sentence)}</p>{_numbers(last, line)}</div>"
    )


def _densities(shown, last):
    low, high = shown.x[0], shown.x[-1]

    def line(y):
        return inline.path((shown.x - low) / (high - low) * inline.BOX, (1 - y / HIGHEST) * inline.BOX)

    drawn = [
        _area(line(shown.data), REAL, "data p"),
        _area(line(np.minimum(shown.generated, 2 * HIGHEST)), GENERATED, "generated q"),
        _stroke(line(shown.discriminator), DISCRIMINATOR, "D(x)"),
        _stroke(line(shown.best_discriminator), INK, "best discriminator, p/(p + q)", dashed=True),
    ]
    ticks = [("x", 100 * (tick - low) / (high - low), _text(tick)) for tick in np.arange(low, high + 1, 4)]
    ticks += [("left", 100 * (1 - tick / HIGHEST), _text(tick)) for tick in (0, 0.25, 0.5, 0.75, 1)]
    distance = np.abs(shown.discriminator - shown.best_discriminator).mean()
    alt = (
        f"The data lie around 5. The samples of the generator have the mean {last[log_names.MEAN]:.2f} and the "
        f"standard deviation {last[log_names.STD]:.2f}. D(x) differs from the best discriminator by {distance:.2f} on "
        "average."
    )
    return _figure("Densities and the discriminator", alt, drawn, ticks, [(50, "x")])


def _values(table, line):
    bottom, top = VALUES
    end = SHORTEST_STEPS * max(1, math.ceil(table["step"][-1] / SHORTEST_STEPS))

    def height(value):
        return (top - np.clip(value, bottom, top)) / (top - bottom)

    def curve(values):
        return inline.path(table["step"] / end * inline.BOX, height(values) * inline.BOX)

    def level(value):
        return inline.path([0, inline.BOX], [height(value) * inline.BOX] * 2)

    optimum = theory.best_value(line.jensen_shannon_nats)
    drawn = [
        _stroke(curve(table[log_names.BEST_VALUE]), INK, "best discriminator, exact"),
        _stroke(curve(table[log_names.VALUE]), DISCRIMINATOR, "discriminator, held-out samples"),
        _stroke(level(optimum), GENERATED, f"best linear generator: −{-optimum:.4f}", dashed=True),
        _stroke(level(-LOG_4), REAL, f"G = data: −log 4 = −{LOG_4:.4f}", dashed=True),
    ]
    ticks = [("x", 100 * tick / end, f"{tick:,.0f}") for tick in inline.ticks(0, end) if tick <= end]
    ticks += [("left", 100 * height(tick), _text(tick)) for tick in (-1.5, -1, -0.5, 0)]
    ticks += [("right", 100 * height(theory.best_value(jsd)), _text(jsd)) for jsd in (0, 0.2, 0.4, 0.6)]
    alt = (
        f"At step {table['step'][-1]:,} the value V(D, G) is {table[log_names.VALUE][-1]:.3f}. With the best "
        f"discriminator it would be {table[log_names.BEST_VALUE][-1]:.3f}, with the best linear generator "
        f"{optimum:.4f}, and with G = data {-LOG_4:.4f}."
    )
    names = [(0, "V"), (50, "step"), (100, "JSD")]
    return _figure("Value V(D, G), and JSD(p, q) = (V + log 4) / 2", alt, drawn, ticks, names)


def _text(number):
    return f"{number:g}".replace("-", "−")


def _area(path, colour, label):
    closed = f"{path}V{inline.BOX}H0Z"
    return f'<path d="{closed}" style="fill:{colour};fill-opacity:.45;stroke:none"/>', label, colour, "area"


def _stroke(path, colour, label, dashed=False):
    dashes = "stroke-dasharray:5 4;" if dashed else ""
    return f'<path d="{path}" style="{dashes}stroke:{colour}"/>', label, colour, "dashed" if dashed else "solid"


def _figure(title, alt, drawn, ticks, names):
    """A chart: its marks are (SVG, label, colour, kind), its ticks and names (side, percent, text)."""
    levels = (percent for side, percent, _ in ticks if side == "left")
    grid = "".join(f'<path d="M0 {10 * top:.1f}H{inline.BOX}" style="stroke:#8884;stroke-width:1"/>' for top in levels)
    texts = "".join(
        f'<span class="{side}" style="{"left" if side in ("x", "name") else "top"}:{percent:.2f}%">{text}</span>'
        for side, percent, text in (*ticks, *(("name", *name) for name in names))
    )
    return (
        f"<figure><figcaption>{title}</figcaption><ul>{''.join(_key(*rest) for _, *rest in drawn)}</ul>"
        f'<div class="paper"><img alt="{html.escape(alt)}" src="{_picture(grid, drawn)}">{texts}</div></figure>'
    )


def _picture(grid, drawn):
    """The lines as the data URL of an SVG, which the page stretches to the size of the chart."""
    style = "<style>path{fill:none;stroke-width:1.6px;vector-effect:non-scaling-stroke}</style>"
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {inline.BOX} {inline.BOX}" preserveAspectRatio="none"'
    svg = f"<svg {box}>{style}{grid}{''.join(mark for mark, *_ in drawn)}</svg>"
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _key(label, colour, kind):
    how = f"background:{colour};opacity:.45" if kind == "area" else f"border-top-color:{colour};border-top-style:{kind}"
    return f'<li><i class="{kind}" style="{how}"></i>{label}</li>'


def _numbers(last, line):
    scale = theory.LATENT_STD["uniform"]
    optimum = theory.best_value(line.jensen_shannon_nats)
    rows = [
        ("mean of G(z)", f"{last[log_names.MEAN]:.3f}", f"{line.intercept:.3f}", "5.000"),
        ("std of G(z)", f"{last[log_names.STD]:.3f}", f"{line.slope * scale:.3f}", "1.000"),
        ("JSD, exact (nats)", f"{last[log_names.JSD]:.4f}", f"{line.jensen_shannon_nats:.4f}", "0"),
        ("JSD, estimated by D", f"{last[log_names.JSD_ESTIMATE]:.4f}", "", ""),
        ("V, best discriminator", f"{last[log_names.BEST_VALUE]:.4f}", f"{optimum:.4f}", f"{-LOG_4:.4f}"),
        ("V(D, G)", f"{last[log_names.VALUE]:.4f}", "", ""),
    ]
    head = "<tr><td></td><th scope=col>now</th><th scope=col>best linear</th><th scope=col>G = data</th></tr>"
    body = "".join(
        f"<tr><th scope=row>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for name, *cells in rows
    )
    return f"<table><thead>{head}</thead><tbody>{body.replace('>-', '>−')}</tbody></table>"
