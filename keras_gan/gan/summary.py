"""The summary of a GAN: what goes in, what comes out, and how large both networks are."""

from keras_gan import losses, penalties, schedules
from keras_gan._utils.text import Table, Text
from keras_gan.gan.saving import name_in
from keras_gan.presets import UPDATES, at_share


def describe(gan) -> Text:
    """The summary of a `GAN`.

    Args:
        gan: the GAN; losses, penalties and optimizers are shown where it is compiled.

    Returns:
        Its networks as a table, and what it was compiled with.
    """
    z = f"z ({gan.latent_dim}), {gan.latent}"
    data = " x ".join(map(str, gan.data_shape))
    kind = "images" if len(gan.data_shape) == 3 else "vectors"
    label = f", one of {gan.num_classes} classes" if gan.num_classes else ""
    attributes = f", {len(gan.attributes)} attributes" if gan.attributes else ""
    rows = [
        ("generator", z + label, f"{kind} {data}", f"{gan.generator.count_params():,}"),
        ("discriminator", f"{kind} {data}{label}{attributes}", "logit", f"{gan.discriminator.count_params():,}"),
    ]
    table = Table(rows, ("network", "input", "output", "parameters"), numbers=(3,))
    facts = [("trained", f"{gan.step:,} steps"), *(_compiled(gan) if gan.compiled else [("not compiled", "")])]
    layers = "gan.generator.summary() and gan.discriminator.summary() list the layers."
    return Text([f'GAN "{gan.name}"', "", table, "", Table(facts), "", layers])


def _compiled(gan):
    loss = name_in(gan.loss_pair, losses.LOSSES) or type(gan.loss_pair).__name__
    yield "loss", loss
    if gan.penalties:
        named = [(name_in(each, penalties.PENALTIES) or "own penalty", w) for each, w in gan.penalties.items()]
        weighted = ", ".join(f"{name} with weight {weight}" for name, weight in named)
        yield "penalties", weighted + at_share(gan.penalty_share)
    for role in ("generator", "discriminator"):
        optimizer = getattr(gan, f"{role}_optimizer")
        name, rate = type(schedules.innermost(optimizer)).__name__, schedules.current_rate(optimizer)
        yield role, f"{name}, learning rate {rate:g}"
    yield "updates", f"{gan.updates}: {UPDATES[gan.updates]}"
    if gan.discriminator_steps > 1:
        yield "k", f"{gan.discriminator_steps} discriminator steps in each step"
