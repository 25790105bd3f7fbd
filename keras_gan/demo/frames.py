"""The pictures as HTML: small PNG files inside it, enlarged by the browser without smoothing."""

import base64
import html

from keras_gan.demo.gallery import Opinion

# The large picture stays in sight, whole and with what is said of it, beside or above all that changes it.
STYLE = """<style>
.large { display: flex; flex-direction: column; gap: .6rem; }
.large p { margin: 0; font-size: .95rem; line-height: 1.4; overflow-wrap: anywhere; }
.large p.about { font-weight: 600; }
.large img, .around img, .way img { image-rendering: pixelated; display: block; border-radius: 0; }
.large img { width: 100%; max-width: 34rem; max-height: min(34rem, max(8rem, 100vh - 13.5rem)); object-fit: contain;
  object-position: left top; }
.around { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fill, minmax(4.2rem, 1fr)); padding: 0; }
.around figure { margin: 0; }
.around img { width: 100%; }
.around figcaption { font-size: .75rem; opacity: .85; text-align: center; }
.around .this img { outline: 3px solid #1f77b4; outline-offset: 1px; }
.around .this figcaption { font-weight: 600; }
.way img { width: min(14rem, 60vw); }
h3 { font-size: 1.3rem !important; }
[data-testid=stColumn]:has(.large) { position: sticky; top: 3.75rem; align-self: flex-start; z-index: 2; }
@media (max-width: 640px) {
  [data-testid=stColumn]:has(.large) { background: Canvas; padding: .4rem 0; }
  .large { flex-direction: row; }
  .large img { width: 40vw; flex: none; align-self: flex-start; max-height: 40vh; }
  h1 { font-size: 2rem !important; }
  .large p { font-size: .8rem; }
}
</style>"""


def large(picture: bytes, name: str, about: str, opinion: str) -> str:
    """The picture with what it is, and what D makes of it.

    Args:
        picture: a PNG.
        name: of the picture, for those who do not see it.
        about: plain text; empty for none.
        opinion: the same.
    """
    lines = "".join(f'<p class="{kind}">{html.escape(text)}</p>' for kind, text in (("about", about), ("", opinion)))
    return f'<div class="large">{_image(picture, name)}<div>{lines}</div></div>'


def around(pictures: list[bytes], seeds: range, seed: int) -> str:
    """Pictures with their seeds below, that of `seed` marked."""
    figures = "".join(
        f"<figure class={'this' if number == seed else 'other'}>{_image(picture, f'Picture of seed {number}')}"
        f"<figcaption>{number}</figcaption></figure>"
        for picture, number in zip(pictures, seeds, strict=True)
    )
    return f'<div class="around">{figures}</div>'


def way(gif: bytes, seed: int, other: int) -> str:
    """The way from one picture to another."""
    return (
        f'<div class="way">{_image(gif, f"The way from the picture of seed {seed} to {other} and back", "gif")}</div>'
    )


def _image(content, name, kind="png"):
    return f'<img alt="{html.escape(name)}" src="data:image/{kind};base64,{base64.b64encode(content).decode()}">'


def described(opinion: Opinion | None, paired: bool, no_opinion: str | None, no_real: str | None) -> str:
    """What D makes of a picture, in words."""
    if opinion is None:
        return f"The discriminator's opinion is not shown: {no_opinion}." if no_opinion else ""
    real = f"{opinion.real:.0%} of {opinion.real_count} real training images and " if opinion.real is not None else ""
    logit = f"{opinion.logit:+.3f}".replace("-", "−")
    meaning = ", means nothing by itself: it learnt only to compare real with generated." if paired else "."
    return (
        f"The discriminator holds {real}{opinion.samples:.0%} of {opinion.samples_count} generated ones for less real "
        f"than this picture. Its logit{', ' if paired else ' is '}{logit}{meaning}"
        + (f" How real images fare is not known: {no_real}." if no_real else "")
    )
