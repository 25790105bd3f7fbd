"""Advice of the doctor: which setting to change, from which value to which."""

from keras_gan.doctor.verdicts import Settings

USUAL_RATE, FIRST_GAMMA = 5e-4, 1.0  # where the present value is 0
FASTER = 4.0  # D's learning rate divided by G's: two time scales (Heusel et al. 2017) use 4
FAR = 10.0  # a rate more than this factor away from the recipe's is the first thing to change


def change(verb: str, option: str, argument: str, now: float | None, then: float | None) -> str:
    """Returns advice with the option of the command, the argument in code, and both values if they are known."""
    value = "" if then is None else f" to {then:g}"
    known = "" if now is None else f"now {now:g}; "
    return f"{verb} {option}{value} ({known}in code: {argument})"


def discriminator_rate(settings: Settings, factor: float) -> str:
    """Returns the advice to multiply the learning rate of the discriminator by a factor."""
    return _rate("discriminator", settings.discriminator_lr, factor)


def generator_rate(settings: Settings, factor: float) -> str:
    """Returns the advice to multiply the learning rate of the generator by a factor."""
    return _rate("generator", settings.generator_lr, factor)


def _rate(side, now, factor):
    # A learning rate of 0, which freezes a network, cannot be multiplied.
    if now is None:
        return change("lower" if factor < 1 else "raise", f"--{side}-lr", _argument(side), None, None)
    return _rate_to(side, now, now * factor or USUAL_RATE)


def _rate_to(side, now, then):
    return change("lower" if then < now else "raise", f"--{side}-lr", _argument(side), now, then)


def _argument(side):
    return f"the learning rate of {side}_optimizer"


def penalty(settings: Settings) -> str:
    """Returns the advice to double the weight of the gradient penalties, or to add R1 if there is none."""
    now = settings.gamma
    then = None if now is None else 2.0 * now or FIRST_GAMMA
    return change("raise", "--gamma", 'penalties={"r1": …} of compile', now, then)


def unusual_rate(settings: Settings) -> str:
    """Returns the advice to use the recipe's learning rate where a rate is far from it; "" where none is."""
    for side, now, usual in (
        ("discriminator", settings.discriminator_lr, settings.usual_discriminator_lr),
        ("generator", settings.generator_lr, settings.usual_generator_lr),
    ):
        if None not in (now, usual) and not usual / FAR <= now <= usual * FAR:
            return _rate_to(side, now, usual)
    return ""


def faster_generator(settings: Settings) -> str:
    """Returns the advice to raise G's learning rate if it is below the recipe's, and to weaken D if it is not."""
    now, usual = settings.generator_lr, settings.usual_generator_lr
    slow = now is not None and now < (usual or USUAL_RATE)
    return generator_rate(settings, 4.0) if slow else weaker_discriminator(settings)


def more_images(settings: Settings) -> str:
    """Returns the advice to use more training images, with their present number."""
    now = "" if settings.images is None else f" than the {settings.images:,}"
    return f"use more training images{now}, for example cropped and mirrored copies, or stop earlier"


def weaker_discriminator(settings: Settings) -> str:
    """Returns the advice to lower D's learning rate if it is much higher than G's, and to raise γ if it is not."""
    rates = settings.discriminator_lr, settings.generator_lr
    if rates[0] is not None and (rates[1] is None or rates[0] > FASTER * rates[1]):
        return discriminator_rate(settings, 0.25)
    return penalty(settings)
