"""The generative adversarial network as a `keras.Model`: `train_step` is Algorithm 1 of Goodfellow et al. 2014."""

import contextlib
import functools
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gan import augment as _augment  # noqa: F401  registers a layer that saved discriminators hold
from keras_gan import ema, losses
from keras_gan import layers as _layers  # noqa: F401  the same
from keras_gan._utils import log_names
from keras_gan._utils.choices import automatic_share, lookup
from keras_gan._utils.errors import InputError
from keras_gan.distribute import precision, replicas
from keras_gan.gan import batches, conditions, imitation, network_checks, optimizers, summary
from keras_gan.gan.counters import Counters
from keras_gan.gan.fitting import Fitting
from keras_gan.gan.generation import Generation
from keras_gan.gan.passes import Passes, output, shared, with_labels, with_layer_loss
from keras_gan.gan.saving import Saving, name_in
from keras_gan.losses import LOSSES
from keras_gan.penalties import resolve as resolve_penalties
from keras_gan.presets import (
    PRESETS,
    SIMULTANEOUS,
    UPDATES,
    default_penalties,
    default_penalty_share,
    default_preset,
)
from keras_gan.sampling import latents


@dataclass(frozen=True)
class Update:
    """The results of one update of a network."""

    norm: tf.Tensor  # norm of the gradient over all weights, float32 scalar
    overflow: tf.Tensor  # whether it was not applied since loss scaling overflowed float16, bool scalar
    means: dict  # means over all replicas, by name


@keras.saving.register_keras_serializable("keras_gan")
class GAN(Generation, Fitting, Passes, Saving, keras.Model):
    """A generator G and a discriminator D that play the minimax game in `fit`.

    Calling the model, `predict`, `generate` and `export` all use `ema_generator`, the moving average of G's weights,
    which computes in float32.

    Args:
        generator: Keras model, latents (batch, latent_dim) to data; with `num_classes`, [latents, labels] to data.
        discriminator: Keras model, data to logits (no sigmoid at the end); with `num_classes`, [data, labels] to
            logits. Real and generated images form one batch, unless D has batch normalisation.
        latent: distribution of z, "normal" N(0, 1) or "uniform" U[-1, 1).
        latent_dim: dimension of z; None for the size of the generator's input.
        ema_half_life_images: half-life of the moving average, in images seen by G.
        seed: seed of the training noise; None for a fresh one.
        num_classes: number of classes of class-conditional networks, which take labels int32 (batch,) in
            [0, num_classes) next to their other input; `fit` then takes (images, labels). None for networks without
            labels.
        attributes: name -> share of the training images that have this yes/no attribute, more than 0 and less than 1;
            None for a GAN without attributes. D then takes [data, attributes], attributes float32 (batch, number), and
            `fit` takes (images, attributes) with 0 and 1, in this order. G takes z alone: coordinate k of z decides
            attribute k; see `conditions.Attributes`.

    Raises:
        InputError: where a network is no Keras model, D cannot take G's output, D ends in a sigmoid, or the networks'
            inputs do not match `num_classes` or `attributes`.

    Example:
        >>> from keras_gan import GAN, networks
        >>> gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)))
        >>> gan.compile()
        >>> gan.generate(4, seed=7).shape
        (4, 8, 8, 1)

    Reference: Goodfellow et al. 2014, Generative adversarial nets (arXiv:1406.2661).
    """

    def __init__(
        self,
        generator,
        discriminator,
        latent="normal",
        latent_dim=None,
        ema_half_life_images=100_000,
        seed=None,
        num_classes=None,
        name="gan",
        attributes=None,
    ):
        super().__init__(name=name)
        network_checks.check_kind(generator, "generator")
        network_checks.check_kind(discriminator, "discriminator")
        self.latent = latents.check_distribution(latent)
        self.condition = conditions.of(num_classes, attributes, latent)
        self.latent_dim = network_checks.check_latent_dim(generator, latent_dim, self.condition)
        self.data_shape = network_checks.check_pair(generator, discriminator, self.latent_dim, self.condition)
        self.num_classes, self.attributes = num_classes, attributes and dict(attributes)
        self.generator = generator
        self.discriminator = discriminator
        self.separate_batches = network_checks.normalizes_batches(discriminator)
        self.images_at_once = network_checks.images_at_once(discriminator)
        labels = self.condition.generator_labels
        self.ema_generator = ema.float32_copy(generator, network_checks.example((self.latent_dim,), labels))
        self.ema_generator.trainable = False
        self.ema_half_life_images = ema_half_life_images
        self.seed = seed
        fresh = int(np.random.default_rng().integers(2**31)) if seed is None else seed
        self.seed_generator = keras.random.SeedGenerator(fresh)
        self.evaluation_seed_generator = keras.random.SeedGenerator(fresh)  # so that evaluate does not change training
        self.imitation = None
        self.counters = Counters.of_new_gan()
        self.trackers = [keras.metrics.Mean(name) for name in log_names.LOGS]
        self.built = True

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss=None,
        penalties=None,
        discriminator_steps=1,
        updates="alternating",
        penalty_share=None,
        steps_per_execution=1,
        jit_compile="auto",
        run_eagerly=False,
    ):
        """Sets the losses, the penalties and both optimizers. The defaults are those of the default preset:
        "resnet-light" for images of at least 64 pixels on each side, and "resnet" for others.

        Args:
            generator_optimizer: Keras optimizer, its name or its serialized form, in which the learning rate may be
                "auto": see `keras_gan.schedules`. Loss scaling, clipping, weight decay, `use_ema` and gradient
                accumulation work as in `keras.Model`; a schedule counts training steps. Where the network computes in
                float16 the optimizer is wrapped in a `keras.optimizers.LossScaleOptimizer`.
            discriminator_optimizer: the same for D. Where both are one optimizer object, D gets a copy.
            loss: name in `losses.LOSSES`, a `losses.Loss`, or a binary Keras loss: see `losses.resolve`.
            penalties: mapping of names in `penalties.PENALTIES`, or of `Penalty` objects, to weights γ: numbers, or
                "auto" for `penalties.automatic_weight` of each batch, or "auto/8" for an eighth of it. None means
                the preset's penalties with the preset's loss, {"wgan_gp": 10.0} with "wasserstein", and no penalty with
                any other loss.
            discriminator_steps: k of Algorithm 1. Each batch of `fit` is divided among the k steps, so that each step
                sees fresh images. Use k times the batch size of one step.
            updates: "alternating" is Algorithm 1: G's gradient is that of the updated D, on fresh noise. "simultaneous"
                updates both networks from one pass: G's gradient is that of D before its last update, on the images
                that D saw there. It computes less in a step.
            penalty_share: share of each batch, in (0, 1], at whose images the penalties are computed: for 0.25 every
                fourth. A part costs less, and gives the same penalty on average. None means the preset's
                with the preset's penalties, and 1 with any others, and for a discriminator that compares images.
            steps_per_execution: training steps in one call of the compiled function, as in `keras.Model.compile`.
            jit_compile: whether XLA compiles the step; "auto" for the faster choice on this machine (see `precision`).
            run_eagerly: whether steps run as plain Python for debugging, as in `keras.Model.compile`.

        Raises:
            InputError: for an unknown name, k < 1, another `penalty_share`, or one below 1 for a discriminator with
                batch normalisation or `MinibatchStd`, or a loss or an optimizer that does not work with a GAN.
        """
        recipe = PRESETS[default_preset(None, self.data_shape)]
        if discriminator_steps < 1:
            raise InputError(
                f"discriminator_steps (k) is {discriminator_steps}; expected at least 1. Use discriminator_steps=1 or "
                "more."
            )
        lookup(UPDATES, updates, "updates", ", ".join(UPDATES))
        automatic_jit = precision.jit_compile()[0] and not run_eagerly
        super().compile(
            optimizer=None,
            steps_per_execution=steps_per_execution,
            jit_compile=automatic_jit if jit_compile == "auto" else jit_compile,
            run_eagerly=run_eagerly,
        )
        self.jit_choice = jit_compile  # saved unresolved, so that "auto" is decided again where the model is loaded
        self.loss_pair = losses.resolve(recipe.loss if loss is None else loss)
        known = name_in(self.loss_pair, LOSSES)
        compares = network_checks.compares_images(self.discriminator)
        if penalty_share is None:
            ours = penalties is None and not compares
            penalty_share = default_penalty_share(recipe, known) if ours else 1.0
        self.penalty_share = network_checks.check_penalty_share(penalty_share, compares)
        if penalties is None:
            penalties = default_penalties(recipe, known)
        self.penalties = resolve_penalties(penalties)
        if self.penalties:
            network_checks.check_penalized(self.discriminator)
        self.one_pass = self.can_share_pass()
        self.discriminator_steps = discriminator_steps
        self.updates = updates
        same = discriminator_optimizer is generator_optimizer
        if same and isinstance(generator_optimizer, keras.optimizers.Optimizer):
            discriminator_optimizer = optimizers.copied(generator_optimizer, "discriminator")
        self.generator_optimizer = optimizers.resolve(generator_optimizer or recipe.generator_optimizer, self.generator)
        self.discriminator_optimizer = optimizers.resolve(
            discriminator_optimizer or recipe.discriminator_optimizer,
            self.discriminator,
            discriminator_steps,
            "discriminator",
        )
        self.optimizer = optimizers.Optimizers(self.generator_optimizer, self.discriminator_optimizer)

    def imitate(self, teacher, weight=2.0, adversarial=0.0):
        """Lets the generator learn another GAN's pictures, in `fit` from now on: it becomes a student.

        The generator minimises the mean absolute difference between its pictures and those of the teacher's
        `ema_generator` for the same latents and labels, plus that of the feature maps of both in the discriminator,
        which is not trained. So give the discriminator the teacher's weights. The same seed then gives nearly the same
        picture, and the teacher's sliders work.

        With `adversarial` above 0 the discriminator is trained, its feature maps do not count, and the generator
        minimises `adversarial` times its loss plus `weight` times the difference of the pictures.

        Neither the teacher nor this choice is saved with the GAN.

        Args:
            teacher: a GAN with the same latents, classes and data.
            weight: weight of the difference beside an adversarial loss, at least 0.
            adversarial: weight of the adversarial loss, at least 0.

        Raises:
            InputError: where the GANs do not match, a weight is negative or both are 0, or the discriminator's feature
                maps cannot be found because it is neither functional nor a `Sequential`.

        Example:
            >>> from keras_gan import GAN, networks
            >>> teacher = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)))
            >>> student = GAN(networks.generator((8, 8, 1), width=16), networks.discriminator((8, 8, 1)))
            >>> student.discriminator.set_weights(teacher.discriminator.get_weights())
            >>> student.imitate(teacher)

        References: Aguinaldo et al. 2019, Compressing GANs using knowledge distillation (arXiv:1902.00159); Wang et
        al. 2018 (arXiv:1711.11585), eq. 4, for the feature maps.
        """
        self.imitation = imitation.Imitation.of(self, teacher, weight, adversarial)
        self.train_function = None  # so that `fit` traces the step again

    def summary(self, *args, expand_nested=False, print_fn=None, **options):
        """Prints what goes in, what comes out, the size of both networks, and what the GAN was compiled with.

        Args:
            expand_nested: whether to add the summaries of both networks, with all layers, to which all other arguments
                of `keras.Model.summary` apply.
            print_fn: function that takes the text; None for `print`.
        """
        (print_fn or print)(str(summary.describe(self)))
        if expand_nested:
            for network in (self.generator, self.discriminator):
                network.summary(*args, expand_nested=True, print_fn=print_fn, **options)

    def train_step(self, data):
        """One iteration of Algorithm 1: k updates of D on fresh images and noise, then one update of G.

        The generator of a student without an adversarial loss is updated alone; see `imitate`.
        """
        if self.imitation is not None and not self.imitation.trains_discriminator:
            return self._imitate(data)
        minibatches, counts = self._minibatches(data)
        for real, labels, weights in minibatches:
            tape = tf.GradientTape(persistent=self._simultaneous)
            z = self._noise(real, labels)
            with tape if self._simultaneous else contextlib.nullcontext():
                fake, g_layer_loss = with_layer_loss(self.generator, z)
            d = self.discriminate(real, fake, labels, weights, tape)
            d_update = self._descend(self.discriminator_optimizer, self.discriminator, d.gradients, d.objective, counts)

        real_logits, fake_logits = d.real_logits, d.fake_logits
        if not self._simultaneous:  # G answers the updated D, on fresh noise
            z = self._noise(real, labels)
            if self.loss_pair.paired:  # outside the tape, since D(x) does not depend on G
                real_logits = output(self.discriminator, with_labels(labels, real), training=True)
            with tf.GradientTape() as tape:
                fake, g_layer_loss = with_layer_loss(self.generator, z)
                fake_logits = output(self.discriminator, with_labels(labels, fake), training=True)
        with tape:
            g_loss = self._generator_loss(real_logits, fake_logits, weights)
            aim = g_loss if self.imitation is None else self.imitation.objective(g_loss, z, fake)
            objective = shared(aim + g_layer_loss)
            scaled = self.generator_optimizer.scale_loss(objective)
        gradients = tape.gradient(scaled, self.generator.trainable_variables)
        values = dict(d_loss=d.loss, g_loss=g_loss, penalty=d.penalty, **_separation(d.real_logits, d.fake_logits))
        return self._finish_step(gradients, objective, counts, values, ops.shape(real)[0], d_update)

    def _imitate(self, data):
        """A training step without updates of D: one of G, by its teacher's pictures. The losses are only logged."""
        minibatches, counts = self._minibatches(data)
        real, labels, weights = minibatches[-1]
        real_logits = output(self.discriminator, with_labels(labels, real), training=False)
        z = self._noise(real, labels)
        with tf.GradientTape() as tape:
            fake, layer_loss = with_layer_loss(self.generator, z)
            aim, fake_logits = self.imitation.without_adversary(z, fake, lambda images: with_labels(labels, images))
            objective = shared(aim + layer_loss)
            scaled = self.generator_optimizer.scale_loss(objective)
        values = dict(
            d_loss=self.loss_pair.discriminator(real_logits, fake_logits, **weights),
            g_loss=self._generator_loss(real_logits, fake_logits, weights),
            penalty=ops.zeros(()),
            **_separation(real_logits, fake_logits),
        )
        gradients = tape.gradient(scaled, self.generator.trainable_variables)
        none = Update(tf.zeros(()), tf.constant(False), {})
        return self._finish_step(gradients, objective, counts, values, ops.shape(real)[0], none)

    def _finish_step(self, gradients, objective, counts, values, batch_size, d_update):
        """Applies the gradients of G, counts the step, and returns what `fit` logs."""
        optimizer, gradients = self.generator_optimizer, optimizers.dense(gradients)
        average = functools.partial(self._average, batch_size)
        g_update = self._descend(optimizer, self.generator, gradients, objective, counts, values, average)
        self.counters.steps.assign_add(1)
        images = tf.where(counts.sound, counts.images, 0.0)
        return self._report(g_update.means, images, d_gradient=d_update, g_gradient=g_update)

    def test_step(self, data):
        """The losses on held-out images, without updates. Penalties and gradients are logged in training only."""
        ((real, labels, weights),), counts = self._minibatches(data, steps=1)
        fake = output(self.generator, self._noise(real, labels, self.evaluation_seed_generator), training=False)
        real_logits = output(self.discriminator, with_labels(labels, real), training=False)
        fake_logits = output(self.discriminator, with_labels(labels, fake), training=False)
        values = dict(
            d_loss=self.loss_pair.discriminator(real_logits, fake_logits, **weights),
            g_loss=self._generator_loss(real_logits, fake_logits, weights),
            **_separation(real_logits, fake_logits),
        )
        own = counts.own[batches.IMAGES]
        total, *sums = replicas.total([counts.own, *(own * ops.cast(value, "float32") for value in values.values())])
        self._count(counts, total)
        return self._report({name: of / counts.images for name, of in zip(values, sums, strict=True)}, counts.images)

    @property
    def step(self) -> int:
        """The number of training steps made so far, each with one update of the generator."""
        return int(self.counters.steps.numpy())

    @property
    def skipped_steps(self):
        """The number of updates not applied, since a loss or a gradient was not finite: int32 variable."""
        return self.counters.skipped_steps

    @property
    def metrics(self):
        return self.trackers

    def _minibatches(self, data, steps=None):
        """The k minibatches of one batch of `fit`, each as (images, labels or None, keyword arguments of the losses),
        and the `batches.Counts` of the batch."""
        steps = steps or self.discriminator_steps
        images, labels, weights = batches.unpack(data, self.condition.label_keys)
        images = batches.check_images(images, self.data_shape)
        labels = self.condition.check(labels)
        weights = self._check_weights(batches.check_weights(weights))
        automatic = any(map(automatic_share, self.penalties.values()))
        counts = batches.count(images, self.condition.is_wrong(labels), steps, self.images_at_once, automatic)
        labels = self.condition.valid(labels)
        parts = batches.minibatches(batches.never_empty([images, labels, weights]), steps, self.images_at_once)
        return [(x, label, {} if w is None else {"sample_weight": w}) for x, label, w in parts], batches.Counts(counts)

    def _check_weights(self, weights):
        """Returns the weights. Raises InputError where the losses, or a discriminator of packs, cannot use them."""
        if weights is not None and (not self.loss_pair.weighted or self.images_at_once > 1):
            what = (
                "losses take no parameter sample_weight"
                if not self.loss_pair.weighted
                else "discriminator takes packs of images"
            )
            raise InputError(
                f"fit received sample weights, and the {what}; expected images without weights. Leave sample_weight "
                "and class_weight out, or draw images in proportion to their weights."
            )
        return weights

    def _noise(self, real, labels=None, seed_generator=None):
        """The generator's input for each real image: a latent, given the label of the image where there are labels."""
        seed = seed_generator or self.seed_generator

        def draw(rows):
            if self.latent == "uniform":
                return keras.random.uniform((rows, self.latent_dim), -1.0, 1.0, seed=seed)
            return keras.random.normal((rows, self.latent_dim), seed=seed)

        return self.condition.generator_input(replicas.share(draw, ops.shape(real)[0]), labels)

    @property
    def _simultaneous(self):
        return self.updates == SIMULTANEOUS

    def _generator_loss(self, real_logits, fake_logits, weights):
        """The generator's loss; only a loss of pairs takes the logits and the weights of real images."""
        if self.loss_pair.paired:
            return self.loss_pair.generator(real_logits, fake_logits, **weights)
        return self.loss_pair.generator(fake_logits)

    def _descend(self, optimizer, network, gradients, objective, counts, values=None, then=lambda: None):
        """Applies one update, and calls `then` after it.

        Nothing is applied where the data are wrong, or where the loss or the gradient is not finite. `skipped_steps`
        counts the latter, unless the loss scale was too large, which the optimizer corrects itself.

        Args:
            optimizer: optimizer of the network.
            network: generator or discriminator.
            gradients: of this replica's objective times the optimizer's loss scale.
            objective: this replica's share of the loss that is minimised.
            counts: `batches.Counts` of the data, completed by the first update of a step.
            values: scalars by name, averaged over all replicas in the same exchange as the gradients.
            then: called after the update, under the same condition.

        Returns:
            An `Update`.
        """
        weights, values = network.trainable_variables, values or {}
        own = [counts.own] if counts.sound is None else []
        summed = replicas.total([*own, objective, *map(shared, values.values()), *gradients])
        if own:
            self._count(counts, summed.pop(0))
        objective, means, gradients = summed[0], summed[1 : len(values) + 1], summed[len(values) + 1 :]
        scale = optimizers.scale(optimizer)
        norm = optimizers.norm(gradients) / scale
        finite = ops.isfinite(norm + objective)
        scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        overflow = ops.isfinite(objective) & ~finite & (scales and scale > 1.0)
        replicas.apply_if(finite, counts.sound, optimizer, gradients, weights, then)
        self.skipped_steps.assign_add(ops.cast(~finite & ~overflow, self.skipped_steps.dtype))
        return Update(norm, overflow, dict(zip(values, means, strict=True)))

    def _count(self, counts, total):
        """Adds the counts of a batch to those that `fit` checks later; eager steps check them at once."""
        self.counters.batches.assign_add(counts.complete(total))
        if tf.executing_eagerly():
            self.check_counts()

    def _average(self, batch_size):
        images = ops.cast(batch_size * replicas.count(), "float32")
        images_seen = ops.cast(self.counters.steps + 1, "float32") * images
        ema.update(self.ema_generator, self.generator, ema.decay(images, images_seen, self.ema_half_life_images))

    def _report(self, means, images, **updates):
        """Updates the means that `fit` logs: values by name, and the norms of gradients that did not overflow.

        As in Keras, a batch counts as many times as it has `images`; 0 leaves it out.
        """
        trackers = {tracker.name: tracker for tracker in self.trackers}
        for name, value in means.items():
            trackers[name].update_state(value, sample_weight=images)
        for name, update in updates.items():
            norm = tf.where(update.overflow, 0.0, update.norm)
            trackers[name].update_state(norm, sample_weight=tf.where(update.overflow, 0.0, images))
        return {name: trackers[name].result() for name in (*means, *updates)}


def _separation(real_logits, fake_logits):
    """How well D separates real from generated images: the share of pairs ordered correctly, and the logit gap."""
    right = 0.5 * (1.0 + ops.sign(real_logits - fake_logits))  # a tie counts as half
    gap = ops.mean(real_logits) - ops.mean(fake_logits)
    return {log_names.ACCURACY: ops.mean(right), log_names.LOGIT_GAP: gap}
