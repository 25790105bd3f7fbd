"""The generative adversarial network as a `keras.Model`: `train_step` is Algorithm 1 of Goodfellow et al. 2014."""

import functools
import itertools
from collections.abc import Mapping
from types import MappingProxyType

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_gan import augment as _augment  # noqa: F401  registers a layer that saved discriminators hold
from keras_gan import ema, generators, latents, logs, pairing, pixels, precision, rates, replicas, sliders
from keras_gan import layers as _layers  # noqa: F401  the same
from keras_gan.config import AUTO, DEFAULT_PRESET, PRESETS, lookup
from keras_gan.errors import InputError
from keras_gan.losses import LOSSES, Loss
from keras_gan.penalties import PENALTIES, Penalty, automatic_weight, interpolate, zero_centred


@keras.saving.register_keras_serializable("keras_gan")
class GAN(keras.Model):
    """A generator G and a discriminator D that play the minimax game in `fit`.

    Calling the model, `predict`, `generate` and `export` all use `ema_generator`, the moving average of G's weights,
    which computes in float32.

    Args:
        generator: Keras model, latents (batch, latent_dim) to data; with `num_classes`, [latents, labels] to data.
        discriminator: Keras model, data to logits (no sigmoid at the end); with `num_classes`, [data, labels] to
            logits. D judges real and generated images as one batch, unless it normalises batches.
        latent: distribution of z, "normal" N(0, 1) or "uniform" U[-1, 1).
        latent_dim: dimension of z; None reads it from the generator's input.
        ema_half_life_images: half-life of the moving average, in images seen by G.
        seed: of the training noise; None for a fresh one.
        num_classes: of class-conditional networks, which take labels int32 (batch,) in [0, num_classes) beside their
            other input; `fit` then takes (images, labels). None for networks that take no labels.

    Raises:
        InputError: where G's output is not what D takes, D ends in a sigmoid, or the networks' inputs do not fit
            `num_classes`.

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
    ):
        super().__init__(name=name)
        self.latent = latents.check_distribution(latent)
        self.latent_dim = pairing.check_latent_dim(generator, latent_dim, num_classes)
        self.data_shape = pairing.check_pair(generator, discriminator, self.latent_dim, num_classes)
        self.num_classes = num_classes
        self.generator = generator
        self.discriminator = discriminator
        self.judges_apart = pairing.normalizes_batches(discriminator)
        self.ema_generator = ema.float32_copy(generator, pairing.example((self.latent_dim,), num_classes))
        self.ema_generator.trainable = False
        self.ema_half_life_images = ema_half_life_images
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.refused = keras.Variable(
            0, dtype="int32", trainable=False, name="refused", aggregation="only_first_replica"
        )
        self.trackers = [keras.metrics.Mean(name) for name in logs.LOGS]
        self.built = True

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss=None,
        penalties=None,
        discriminator_steps=1,
        steps_per_execution=1,
        jit_compile="auto",
    ):
        """Chooses the game's losses and how both networks are updated; every default is the preset "resnet".

        Args:
            generator_optimizer: Keras optimizer, its name or its serialized form, in which the learning rate may be
                "auto": see `keras_gan.rates`. A schedule in a serialized form counts training steps.
            discriminator_optimizer: the same, for D.
            loss: name in `losses.LOSSES`, or a `losses.Loss`.
            penalties: mapping of names in `penalties.PENALTIES`, or of `Penalty` objects, to weights γ: numbers, or
                "auto" for `penalties.automatic_weight` of each batch. None means the preset's with the preset's loss,
                and none with any other loss.
            discriminator_steps: k of Algorithm 1. The batch that `fit` brings is divided among the k steps, so that
                each sees fresh images: give it k times the batch of one step.
            steps_per_execution: training steps in one call of the compiled function, as in `keras.Model.compile`.
            jit_compile: whether XLA compiles the step; "auto" for what is faster here (see `precision`).

        Raises:
            InputError: for an unknown name or k < 1.
        """
        recipe = PRESETS[DEFAULT_PRESET]
        if discriminator_steps < 1:
            raise InputError(
                f"discriminator_steps (k) is {discriminator_steps}; expected at least 1; give discriminator_steps=1"
            )
        if penalties is None:
            penalties = recipe.penalties if loss is None else {}
        super().compile(
            optimizer=None,
            steps_per_execution=steps_per_execution,
            jit_compile=precision.jit_compile()[0] if jit_compile == "auto" else jit_compile,
        )
        self.jit_choice = jit_compile  # saved as given, so that "auto" is decided anew where the model is loaded
        self.loss_pair = _resolve(loss or recipe.loss, Loss, LOSSES, "loss")
        resolved = {_resolve(key, Penalty, PENALTIES, "penalty"): weight for key, weight in dict(penalties).items()}
        self.penalties = {penalty: _weight(penalty, weight) for penalty, weight in resolved.items()}
        self.discriminator_steps = discriminator_steps
        self.generator_optimizer = _optimizer(generator_optimizer or recipe.generator_optimizer, self.generator)
        self.discriminator_optimizer = _optimizer(
            discriminator_optimizer or recipe.discriminator_optimizer, self.discriminator, discriminator_steps
        )
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def train_step(self, data):
        """One iteration of Algorithm 1: k updates of D on fresh images and noise, then one update of G."""
        for real, labels in self._minibatches(data):
            fake = self.generator(self._noise(real, labels), training=True)
            with tf.GradientTape() as tape:
                real_logits, fake_logits, slopes = self._judge(real, fake, labels)
                d_loss = self.loss_pair.discriminator(real_logits, fake_logits)
                penalty = self._penalty(slopes, real)
                objective = _shared(d_loss + penalty)
            d_gradient, _ = self._descend(self.discriminator_optimizer, self.discriminator, tape, objective)

        z = self._noise(real, labels)
        # D(x) does not depend on G: it is judged outside the tape, and only where the loss compares pairs.
        opponents = [self.discriminator(_with(labels, real), training=True)] if self.loss_pair.paired else []
        with tf.GradientTape() as tape:
            logits = self.discriminator(_with(labels, self.generator(z, training=True)), training=True)
            g_loss = self.loss_pair.generator(*opponents, logits)
            objective = _shared(g_loss)
        values = dict(d_loss=d_loss, g_loss=g_loss, penalty=penalty, **_separation(real_logits, fake_logits))
        g_gradient, means = self._descend(
            self.generator_optimizer, self.generator, tape, objective, values, lambda: self._average(ops.shape(real)[0])
        )
        return self._report(**means, d_gradient=d_gradient, g_gradient=g_gradient)

    def test_step(self, data):
        """The losses on held-out images, without updating anything; penalty and gradients are training's only."""
        ((real, labels),) = self._minibatches(data, steps=1)
        fake = self.generator(self._noise(real, labels), training=False)
        real_logits = self.discriminator(_with(labels, real), training=False)
        fake_logits = self.discriminator(_with(labels, fake), training=False)
        g_logits = [real_logits, fake_logits] if self.loss_pair.paired else [fake_logits]
        values = dict(
            d_loss=self.loss_pair.discriminator(real_logits, fake_logits),
            g_loss=self.loss_pair.generator(*g_logits),
            **_separation(real_logits, fake_logits),
        )
        return self._report(**dict(zip(values, replicas.mean(list(values.values())), strict=True)))

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            super().make_train_function(force)
            self.train_function = self._in_step_with_others(self.train_step) or self.train_function

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = self._in_step_with_others(self.test_step) or self.test_function

    def call(self, inputs, training=False):
        """Data from latents, or [latents, labels], by the averaged generator: to (batch, *data_shape), float32."""
        return self.ema_generator(inputs, training=False)

    def inputs(self, n, seed=None, labels=None):
        """What the generator takes for n samples: latents float32 (n, latent_dim), or [latents, labels int32 (n,)].

        `labels` are as in `generate`.
        """
        return generators.inputs(self, n, seed, labels)

    def generate(self, n=None, seed=None, batch_size=64, labels=None, z=None):
        """Draws samples from the averaged generator.

        Args:
            n: how many, at least 1; None with z.
            seed: of the first; sample i is that of seed + i, here and in the exported files. None for any.
            batch_size: images computed at once.
            labels: classes of a conditional GAN's samples: one for all, or n of them. None for the seed of each sample
                modulo the number of classes, so that a seed alone determines a sample; with z, for its position
                modulo the number of classes.
            z: latents, float32 (n, latent_dim), in place of n and seed, such as `inputs` or `Directions.move` give.

        Returns:
            uint8 images in [0, 255], shape (n, height, width, channels); float32 where the data are vectors.

        Raises:
            InputError: where n < 1, the seed is negative, both or neither of n and z are given, the labels are not
                classes of this GAN, or what it gives is not finite.
        """
        columns = latents.columns(n, self.latent_dim, self.latent, seed, self.num_classes, labels, z)
        samples = self._in_batches(columns, batch_size)
        if not np.isfinite(samples).all():
            raise InputError(
                "the generator gives values that are not finite, since its weights hold NaN or infinity, or overflow; "
                "expected finite weights; train anew, with lower learning rates"
            )
        return pixels.to_uint8(samples) if len(self.data_shape) == 3 else samples

    def compute(self, inputs, batch_size=64):
        """What the averaged generator makes of `inputs`: float32 (n, *data_shape), computed in this process alone.

        `predict` gives the same, but with several workers all of them have to call it.

        Raises:
            InputError: where `inputs` are not what `GAN.inputs` gives.
        """
        return self._in_batches(generators.columns(self, inputs), batch_size)

    def _in_batches(self, columns, batch_size):
        starts = range(0, len(columns[0]), batch_size)
        parts = [self._compiled_call(*(column[start : start + batch_size] for column in columns)) for start in starts]
        return np.concatenate([part.numpy() for part in parts])

    # What `exports.open_generator` adds where it knows more of a GAN, from its run; see `generators.Generator`.
    class_names = None

    @functools.cached_property
    def directions(self):
        """The sliders of the run that the GAN comes from; none where there is no run."""
        return sliders.Directions(self.latent, ())

    @functools.cached_property
    def description(self):
        """What is known of the generator, in JSON's types."""
        return generators.describe(self, self.name)

    @functools.cached_property
    def _compiled_call(self):
        # One for the GAN's life: a function made at each call would be traced at each call.
        return tf.function(lambda *batch: self(list(batch) if len(batch) > 1 else batch[0]), reduce_retracing=True)

    def export(self, filepath, format="tf_saved_model", quantize="float16", options=None):
        """Writes the averaged generator for use without this package, checked against Keras; see `keras_gan.exports`.

        Args:
            filepath: a folder for "tf_saved_model" and "web", a file ending in .tflite for "litert", .onnx for "onnx".
            format: "tf_saved_model", "litert", "onnx" or "web".
            quantize: weights of the .tflite, "float32", "float16", "int8" or "int8-static".
            options: further `keras_gan.exports.Options`.

        Returns:
            The report of the check, a `keras_gan.exports.Report`.
        """
        from keras_gan import exports

        return exports.export(self, filepath, format, quantize, options)

    @property
    def step(self) -> int:
        """Generator updates made so far."""
        return int(self.generator_optimizer.iterations.numpy()) if self.compiled else 0

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "latent": self.latent,
            "latent_dim": self.latent_dim,
            "ema_half_life_images": self.ema_half_life_images,
            "seed": self.seed,
            "num_classes": self.num_classes,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        networks = {key: keras.saving.deserialize_keras_object(config[key]) for key in ("generator", "discriminator")}
        return cls(**{**config, **networks})

    def get_compile_config(self):
        if not self.compiled:
            return None
        return {
            "generator_optimizer": keras.saving.serialize_keras_object(self.generator_optimizer),
            "discriminator_optimizer": keras.saving.serialize_keras_object(self.discriminator_optimizer),
            "loss": _named(self.loss_pair, LOSSES),
            "penalties": [[_named(penalty, PENALTIES), weight] for penalty, weight in self.penalties.items()],
            "discriminator_steps": self.discriminator_steps,
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.jit_choice,
        }

    def compile_from_config(self, config):
        deserialize = keras.saving.deserialize_keras_object
        restored = {
            "generator_optimizer": deserialize(config["generator_optimizer"]),
            "discriminator_optimizer": deserialize(config["discriminator_optimizer"]),
            "loss": deserialize(config["loss"]),
            "penalties": {deserialize(penalty): weight for penalty, weight in config["penalties"]},
        }
        self.compile(**{**config, **restored})

    @property
    def metrics(self):
        return self.trackers

    def _minibatches(self, data, steps=None):
        """The k batches of fresh images, each with its labels or None, that one batch from `fit` holds."""
        images = pairing.check_images(data, self.data_shape)
        labels = pairing.check_labels(data, self.num_classes)
        steps = steps or self.discriminator_steps
        if steps == 1:
            return [(images, labels)]
        if images.shape[0] is not None and images.shape[0] < steps:
            raise InputError(
                f"a batch of {images.shape[0]} for discriminator_steps={steps}; expected at least one image for each "
                f"step; give fit batches of {steps} times the batch of one step"
            )
        size = tf.shape(images)[0] // steps
        # The same check for a last batch, whose size is known only now; it must come before the images are cut.
        enough = tf.debugging.assert_positive(size, f"a batch smaller than discriminator_steps={steps}; drop it")
        with tf.control_dependencies([enough] if enough is not None else []):
            images = tf.identity(images)
        # Every k-th image, so that the replicas' shares of a minibatch are together what one replica would see.
        batches = ops.unstack(ops.reshape(images[: size * steps], (size, steps, *self.data_shape)), steps, axis=1)
        if labels is None:
            return [(batch, None) for batch in batches]
        columns = ops.unstack(ops.reshape(labels[: size * steps], (size, steps)), steps, axis=1)
        return list(zip(batches, columns, strict=True))

    def _noise(self, real, labels=None):
        """As many latents as there are real images, with their labels where the networks take any."""

        def draw(rows):
            if self.latent == "uniform":
                return keras.random.uniform((rows, self.latent_dim), -1.0, 1.0, seed=self.seed_generator)
            return keras.random.normal((rows, self.latent_dim), seed=self.seed_generator)

        return _with(labels, replicas.share(draw, ops.shape(real)[0]))

    def _judge(self, real, fake, labels=None):
        """D's logits for both batches, and its input gradients at the points where a penalty wants them."""
        points = {"real": real, "fake": fake}
        if self._penalized("between"):
            share = replicas.share(
                lambda rows: keras.random.uniform((rows,), seed=self.seed_generator), ops.shape(real)[0]
            )
            points["between"] = interpolate(real, fake, share)
        logits, slopes = {}, {}
        for names in self._passes(points):
            images = ops.concatenate([points[name] for name in names])
            repeated = None if labels is None else ops.concatenate([labels] * len(names))
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(images)
                outputs = self.discriminator(_with(repeated, images), training=True)
            logits |= dict(zip(names, ops.split(outputs, len(names)), strict=True))
            if self._penalized(names[0]):
                slopes |= dict(zip(names, ops.split(tape.gradient(outputs, images), len(names)), strict=True))
        return logits["real"], logits["fake"], slopes

    def _passes(self, points):
        """Names of the points that D judges together: those that need a gradient, then the others.

        Nothing is computed in vain. Batch normalisation in D needs a pass for each: G's step judges generated images
        alone, and statistics of a batch that holds both kinds would make D another one there.
        """
        ordered = sorted(points, key=self._penalized, reverse=True)
        if self.judges_apart:
            return [[name] for name in ordered]
        return [list(names) for _, names in itertools.groupby(ordered, self._penalized)]

    def _penalized(self, point):
        return any(penalty.at == point for penalty in self.penalties)

    def _penalty(self, slopes, real):
        automatic = automatic_weight(real) if AUTO in self.penalties.values() else None
        weights = {penalty: automatic if w == AUTO else w for penalty, w in self.penalties.items()}
        return sum((w * penalty.of_gradients(slopes[penalty.at]) for penalty, w in weights.items()), 0.0)

    def _descend(self, optimizer, network, tape, objective, values=MappingProxyType({}), then=lambda: None):
        """Applies one update, and `then`.

        Where the loss or the gradient is not finite, nothing is applied, and `refused` counts it.

        Returns:
            The norm of the gradient over all weights, and the means of `values` over all replicas, which travel with
            the gradient.
        """
        weights = network.trainable_variables
        gradients, count = tape.gradient(objective, weights), len(weights)
        summed = replicas.total([*gradients, objective, *map(_shared, values.values())])
        gradients, objective, means = summed[:count], summed[count], summed[count + 1 :]
        norm = tf.linalg.global_norm(gradients)
        finite = ops.isfinite(norm + objective)
        replicas.apply_if(finite, optimizer, gradients, weights, then)
        self.refused.assign_add(ops.cast(ops.logical_not(finite), self.refused.dtype))
        return norm, dict(zip(values, means, strict=True))

    def _average(self, batch_size):
        images = batch_size * replicas.count()
        images_seen = self.generator_optimizer.iterations * images
        ema.update(self.ema_generator, self.generator, ema.decay(images, images_seen, self.ema_half_life_images))

    def _report(self, **values):
        trackers = {tracker.name: tracker for tracker in self.trackers}
        for name, value in values.items():
            trackers[name].update_state(value)
        return {name: trackers[name].result() for name in values}

    def _in_step_with_others(self, step):
        """What `fit` is to call for a batch where the replicas are in several processes; None elsewhere."""
        if replicas.several_processes(self.distribute_strategy):
            return replicas.without_exchange(self.distribute_strategy, step, self.trackers)


def _shared(objective):
    """This replica's share: gradients are summed over replicas, so this makes them the global batch's mean."""
    return ops.cast(objective, "float32") / replicas.count()


def _with(labels, x):
    """What a network takes: x alone, or [x, labels] where it is class-conditional."""
    return x if labels is None else [x, labels]


def _separation(real_logits, fake_logits):
    """How well D tells real from generated, whatever its loss: the share of pairs ordered right, and the gap."""
    right = 0.5 * (1.0 + ops.sign(real_logits - fake_logits))  # a tie is half right
    gap = ops.mean(real_logits) - ops.mean(fake_logits)
    return {logs.ACCURACY: ops.mean(right), logs.LOGIT_GAP: gap}


def _resolve(choice, kind, table, noun):
    return choice if isinstance(choice, kind) else lookup(table, choice, noun, ", ".join(table))


def _weight(penalty, choice):
    """The weight γ as it was given, where it is one for this penalty."""
    if isinstance(choice, str) and (choice != AUTO or penalty.of_gradients is not zero_centred):
        raise InputError(
            f"the weight of {_named(penalty, PENALTIES)} is {choice!r}; expected a number, or {AUTO!r} for r1 and r2; "
            "give penalties={name: 1.0}"
        )
    return choice


def _named(entry, table):
    """The entry's name in its table, or its serialized form where the user brought it."""
    names = [name for name, known in table.items() if known == entry]
    return names[0] if names else keras.saving.serialize_keras_object(entry)


def _optimizer(choice, network, updates=1):
    """The optimizer of a network that is updated so often in a training step."""
    if not isinstance(choice, Mapping):
        return keras.optimizers.get(choice)
    settings = dict(choice["config"])
    if settings.get("learning_rate") == AUTO:
        settings["learning_rate"] = rates.automatic(network)
    if "learning_rate" in settings:
        settings["learning_rate"] = rates.stretched(settings["learning_rate"], updates)
    return keras.optimizers.get({**choice, "config": settings})
