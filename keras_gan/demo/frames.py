"""The pictures as HTML: embedded PNG files."""

import base64
import html
from collections.abc import Mapping

from keras_gan.demo.gallery import Opinion

# The large picture and its text stay visible next to the controls, or above them on a narrow screen.
STYLE = """<style>
.large { display: flex; flex-direction: column; gap: .6rem; }
.large p { margin: 0; font-size: .95rem; line-height: 1.4; overflow-wrap: anywhere; }
.large p.about { font-weight: 600; }
.large .words { min-width: 0; }
.large .bar { overflow: hidden; height: .7rem; margin: .5rem 0 .3rem; max-width: 34rem; border-radius: .35rem;
  background: #8884; }
.large .bar i { display: block; height: 100%; min-width: .35rem; border-radius: .35rem; background: #1f77b4; }
.large img, .around img, .way img { image-rendering: pixelated; display: block; border-radius: 0; }
.large > img { width: 100%; max-width: 34rem; max-height: min(34rem, max(8rem, 100vh - 13.5rem)); object-fit: contain;
  object-position: left top; }
.around { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fill, minmax(4.2rem, 1fr)); padding: 0; }
.around figure { margin: 0; }
.around img { width: 100%; }
.around figcaption { font-size: .75rem; opacity: .85; text-align: center; }
.around .this img { outline: 3px solid #1f77b4; outline-offset: 1px; }
.around .this figcaption { font-weight: 600; }
.way img { width: min(14rem, 60vw); }
.large .beside { float: left; width: 6.5rem; margin: 0 .8rem 0 0; }
.large .beside img { width: 100%; }
.large .beside figcaption { font-size: .75rem; opacity: .85; text-align: center; }
h3 { font-size: 1.3rem !important; }
[data-testid=stColumn]:has(.large) { position: sticky; top: 3.75rem; align-self: flex-start; z-index: 2; }
@media (max-width: 640px) {
  [data-testid=stColumn]:has(.large) { background: Canvas; padding: .4rem 0; }
  .large { flex-direction: row; }
  .large > img { width: 40vw; flex: none; align-self: flex-start; max-height: 40vh; }
  .large .beside { width: 3.6rem; margin-right: .5rem; }
  .large p { font-size: .8rem; }
}
</style>"""


# Small pictures are enlarged without smoothing, so that each pixel can be seen; as in exports/page/app.js.
SMOOTH = "<style>.large img, .around img, .way img { image-rendering: auto; }</style>"
SMOOTH_PX = 48  # pixels on a side from which pictures are smoothed


def large(picture: bytes, name: str, about: str, opinion: str, beside: Mapping[str, tuple[bytes, str]]) -> str:
    """The large picture with its description and the opinion of the discriminator.

    Args:
        picture: a PNG.
        name: alternative text of the picture.
        about: description of the picture, plain text; empty for none.
        opinion: HTML of the discriminator's opinion; empty for none.
        beside: small pictures that are shown next to the text: captions with a PNG and an alternative text.

    Returns:
        HTML.
    """
    figures = "".join(
        f'<figure class="beside">{_image(*image)}<figcaption>{html.escape(caption)}</figcaption></figure>'
        for caption, image in beside.items()
    )
    line = f'{figures}<p class="about">{html.escape(about)}</p>'
    return f'<div class="large">{_image(picture, name)}<div class="words">{line}{opinion}</div></div>'


def around(pictures: list[bytes], seeds: range, seed: int) -> str:
    """HTML of pictures with their seeds below. The picture of `seed` is marked."""
    figures = "".join(
        f"<figure class={'this' if number == seed else 'other'}>{_image(picture, f'Picture of seed {number}')}"
        f"<figcaption>{number}</figcaption></figure>"
        for picture, number in zip(pictures, seeds, strict=True)
    )
    return f'<div class="around">{figures}</div>'


def way(gif: bytes, name: str) -> str:
    """HTML of the animation from one picture to another, with its alternative text."""
    return f'<div class="way">{_image(gif, name, "gif")}</div>'


def _image(content, name, kind="png"):
    return f'<img alt="{html.escape(name)}" src="data:image/{kind};base64,{base64.b64encode(content).decode()}">'


def opinion(opinion: Opinion | None, no_opinion: str | None, no_real: str | None) -> str:
    """The discriminator's opinion of a picture: a bar from 0 to 100 and a sentence.

    Args:
        opinion: the opinion; None where there is none.
        no_opinion: the reason why there is no opinion.
        no_real: the reason why the picture is compared with generated images only.

    Returns:
        HTML; empty where there is neither an opinion nor a reason.
    """
    if opinion is None:
        return _paragraph(f"The discriminator's opinion is not shown: {_sentence(no_opinion)}") if no_opinion else ""
    share, kind = (opinion.samples, "generated") if opinion.real is None else (opinion.real, "real")
    percent = round(100 * share)
    text = f"To the discriminator, this picture looks more real than {percent} of 100 {kind} images."
    bar = (
        f'<div class="bar" role="meter" aria-label="Opinion of the discriminator" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
    )
    return bar + _paragraph(f"{text} It is not compared with real images: {_sentence(no_real)}" if no_real else text)


def _paragraph(text):
    return f"<p>{html.escape(text)}</p>"


def _sentence(text):
    return text if text.endswith(".") else f"{text}."
