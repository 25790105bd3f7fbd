"""Advice of the doctor: which setting to change, from which value to which."""

from keras_gan.doctor.verdicts import Settings

USUAL_RATE, FIRST_GAMMA = 5e-4, 1.0  # where the present value is 0
FASTER = 4.0  # D's learning rate divided by G's: two time scales (Heusel et al. 2017) use 4
RELATIVISTIC = "relativistic"


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
    then = None if now is None else now * factor or USUAL_RATE
    verb = "lower" if factor < 1 and now != 0 else "raise"
    return change(verb, f"--{side}-lr", f"the learning rate of {side}_optimizer", now, then)


def penalty(settings: Settings) -> str:
    """Returns the advice to double the weight of the gradient penalties, or to add R1 if there is none."""
    now = settings.gamma
    then = None if now is None else 2.0 * now or FIRST_GAMMA
    return change("raise", "--gamma", 'penalties={"r1": …} of compile', now, then)


def weaker_discriminator(settings: Settings) -> str:
    """Returns the advice to lower D's learning rate if it is much higher than G's, and to raise γ if it is not."""
    rates = settings.discriminator_lr, settings.generator_lr
    if rates[0] is not None and (rates[1] is None or rates[0] > FASTER * rates[1]):
        return discriminator_rate(settings, 0.25)
    return penalty(settings)
