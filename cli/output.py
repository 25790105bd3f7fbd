"""Text that can be printed in any encoding: characters that it lacks are written in ASCII."""

import codecs
import sys
import unicodedata

ERRORS, ASCII = "keras_gan.in_ascii", "keras_gan_ascii"
# Characters of our messages that Unicode does not decompose into ASCII.
SUBSTITUTES = {
    "×": "x",
    "·": "*",
    "→": "->",
    "←": "<-",
    "±": "+-",
    "−": "-",
    "⁄": "/",
    "‖": "||",
    "–": "-",
    "—": "-",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "∞": "inf",
    "√": "sqrt ",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "ø": "o",
    "ß": "ss",
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "λ": "lambda",
    "μ": "u",
    "π": "pi",
    "σ": "sigma",
    "Δ": "Delta",
    "Σ": "sum ",
}


def in_ascii(text: str) -> str:
    """The text with every character replaced by ASCII: é by e, × by x, γ by gamma, and by ? where nothing is alike."""
    return "".join(map(_replace, text))


def _replace(character):
    if character.isascii():
        return character
    if character in SUBSTITUTES:
        return SUBSTITUTES[character]
    parts = unicodedata.normalize("NFKD", character)
    kept = "".join(SUBSTITUTES.get(part, part) for part in parts if not unicodedata.combining(part))
    return kept if kept and kept.isascii() else "?"


def allow_any_encoding() -> None:
    """Makes standard output and standard error write, in ASCII, what their encodings lack; no print fails for it.

    Streams in ASCII get a codec of another name, since click takes ASCII for a mistake and writes UTF-8 into it.
    """
    codecs.register_error(ERRORS, _replacement)
    codecs.register(lambda name: _ascii() if name == ASCII else None)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # None where it is closed; others where something captures it
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=ASCII if is_ascii else stream.encoding, errors=ERRORS)


def _replacement(error):
    """What to write in place of characters that an encoding lacks, and where to go on."""
    return in_ascii(error.object[error.start : error.end]), error.end


def _ascii():
    codec = codecs.lookup("ascii")
    return codecs.CodecInfo(
        codec.encode,
        codec.decode,
        incrementalencoder=codec.incrementalencoder,
        incrementaldecoder=codec.incrementaldecoder,
        name=ASCII,
    )
