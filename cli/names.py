"""Names that options take, for help and errors without numpy and TensorFlow; a test compares them with the tables."""

LATENTS = ("normal", "uniform")
LOSSES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic")
STRATEGIES = ("auto", "mirrored", "multiworker")
EXTRACTORS = ("auto", "digits", "imagenet", "inception", "mnist", "none", "stacked_mnist", "trained")
SIGNATURES = ("generate", "sample", "generate_16", "sample_16")
MODES = ("float32", "float16", "int8", "int8-static")


def listed(names) -> str:
    """The names as a clause of a help text."""
    *others, last = names
    return f"{', '.join(others)} or {last}"
