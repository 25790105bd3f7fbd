"""The passes of D in an update of D: logits, input gradients for the penalties, and the gradients of its weights."""

import itertools
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from keras_gan import augment
from keras_gan import layers as own_layers
from keras_gan._utils import compat
from keras_gan._utils.choices import automatic_share
from keras_gan.distribute import replicas
from keras_gan.gan import optimizers
from keras_gan.networks.r3gan import GroupedConv2D
from keras_gan.penalties import automatic_weight, interpolate

# Layers that map every image by itself, and whose second derivatives with respect to the image are zero.
PIECEWISE_LINEAR = (
    layers.InputLayer,
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.Dense,
    layers.Embedding,
    layers.Dot,
    layers.Add,
    layers.Flatten,
    layers.Reshape,
    layers.Rescaling,
    layers.ZeroPadding2D,
    layers.Cropping2D,
    layers.AveragePooling2D,
    own_layers.LeakyReLU,
    own_layers.Pack,
    GroupedConv2D,
    augment.DiffAugment,
)
PIECEWISE_LINEAR_OPERATIONS = {"SpaceToDepth", "Reshape", "Transpose"}  # of `keras.ops`, which have no public classes
FINEST_SHARE = 1_000  # denominator of the smallest share of the images at which penalties are computed
SMALLEST_SLOPE = 1e-6  # |∂loss/∂logit| of one image, from which its input gradient can be computed


@dataclass(frozen=True)
class Discrimination:
    """What an update of D is made of, for this replica."""

    loss: Any  # scalar
    penalty: Any  # scalar
    objective: Any  # this replica's share of what is minimised, scalar
    gradients: list  # of the objective times the loss scale, for each trainable weight; None where it has none
    real_logits: Any
    fake_logits: Any


@dataclass(frozen=True)
class Part:
    """Images at which D is evaluated."""

    name: str  # "real", "fake" or "between" the two
    images: Any
    labels: Any  # of the images; None without classes
    penalized: bool  # whether a penalty takes the gradient of D's logits with respect to the images
    places: Any = None  # of its logits among those of the batch, int32; None for all


@dataclass(frozen=True)
class Pass:
    """One pass of D."""

    parts: list[Part]  # whose images follow one another, all of them penalized or none
    images: Any
    logits: Any
    layer_loss: Any  # scalar
    tape: tf.GradientTape  # records the logits from the images and the weights

    @property
    def penalized(self) -> bool:
        return self.parts[0].penalized

    def by_name(self, values, images_each=1) -> dict[str, Any]:
        """The rows of `values` that belong to each part. A row stands for one image, or for a pack of `images_each`."""
        sizes = [ops.shape(part.images)[0] // images_each for part in self.parts]
        return dict(zip([part.name for part in self.parts], tf.split(values, sizes), strict=True))


class Passes:
    """Methods of `GAN` for the update of D."""

    def discriminate(self, real, fake, labels, weights: dict, tape: tf.GradientTape) -> Discrimination:
        """D's logits, its objective, and the gradients of its weights.

        Args:
            real: images (batch, ...).
            fake: generated images (batch, ...).
            labels: their classes (batch,); None without classes.
            weights: keyword arguments of the losses.
            tape: the tape that records the logits.
        """
        return (self._by_one_pass if self.one_pass else self._by_two_passes)(real, fake, labels, weights, tape)

    def can_share_pass(self) -> bool:
        """Whether one backward pass of D serves both its loss and its penalties, and is faster than two.

        It serves both where each logit depends on one image, or on one pack. It is faster where D has no second
        derivatives: they would be computed in addition. In float16 the quotient of gradients would be inexact.
        """
        return (
            bool(self.penalties)
            and not self._penalized("between")
            and not optimizers.computes_in_float16(self.discriminator)
            and is_piecewise_linear(self.discriminator)
        )

    def _by_two_passes(self, real, fake, labels, weights, tape):
        """Differentiates the logits for the penalties, and then the whole objective."""
        with tape:
            logits, input_gradients, layer_loss = self._differentiated(real, fake, labels)
            loss = self.loss_pair.discriminator(logits["real"], logits["fake"], **weights)
            penalty = self._penalty(input_gradients, real)
            objective = shared(loss + penalty + layer_loss)
            scaled = self.discriminator_optimizer.scale_loss(objective)
        gradients = optimizers.dense(tape.gradient(scaled, self.discriminator.trainable_variables))
        return Discrimination(loss, penalty, objective, gradients, logits["real"], logits["fake"])

    def _by_one_pass(self, real, fake, labels, weights, tape):
        """Differentiates Σ c_i D(x_i), where c_i is the loss's derivative with respect to logit i, held constant.

        With respect to the weights this is the gradient of the loss, and with respect to image i it is c_i ∇D(x_i).
        Only the penalty is differentiated again.
        """
        variables = self.discriminator.trainable_variables
        with tape:
            passes = [self._forward(parts, with_weights=True) for parts in self._passes(real, fake, labels)]
        with tf.GradientTape() as of_loss:
            of_loss.watch([each.logits for each in passes])
            logits = self._logits(passes)
            loss = self.loss_pair.discriminator(logits["real"], logits["fake"], **weights)
            scaled = self.discriminator_optimizer.scale_loss(shared(loss))
        slopes = optimizers.dense(of_loss.gradient(scaled, [each.logits for each in passes]))
        gradients_of_loss, input_gradients = [], {}
        with tape:
            logits = self._logits(passes)  # again, for a tape of both networks
            for each, slope in zip(passes, slopes, strict=True):
                if each.penalized:
                    slope = _away_from_zero(slope)
                    of_images, *gradients = each.tape.gradient(each.logits, [each.images, *variables], slope)
                    input_gradients |= each.by_name(_divided(of_images, slope))
                else:
                    gradients = each.tape.gradient(each.logits, variables, slope)
                gradients_of_loss.append(optimizers.dense(gradients))
            penalty = self._penalty(input_gradients, real)
            rest = shared(penalty + _layer_loss(passes))
            scaled = self.discriminator_optimizer.scale_loss(rest)
        gradients = map(_sum, zip(optimizers.dense(tape.gradient(scaled, variables)), *gradients_of_loss, strict=True))
        return Discrimination(loss, penalty, shared(loss) + rest, list(gradients), logits["real"], logits["fake"])

    def _forward(self, parts, with_weights=False):
        """A pass of D over the images of some parts, with a tape of its own for its images, or for its weights too."""
        images = ops.concatenate([part.images for part in parts])
        labels = None if parts[0].labels is None else ops.concatenate([part.labels for part in parts])
        with tf.GradientTape(watch_accessed_variables=with_weights) as tape:
            tape.watch(images)
            logits, layer_loss = with_layer_loss(self.discriminator, with_labels(labels, images))
        return Pass(parts, images, logits, layer_loss, tape)

    def _differentiated(self, real, fake, labels):
        """D's logits by name, its input gradients for the penalties, and the losses of its layers."""
        passes, input_gradients = [self._forward(parts) for parts in self._passes(real, fake, labels)], {}
        for each in passes:
            if each.penalized:
                input_gradients |= each.by_name(each.tape.gradient(each.logits, each.images))
        return self._logits(passes), input_gradients, _layer_loss(passes)

    def _logits(self, passes):
        """The logits of real and of generated images, in the order of the batch."""
        logits, places = defaultdict(list), defaultdict(list)
        for each in passes:
            for part, values in zip(each.parts, each.by_name(each.logits, self.images_at_once).values(), strict=True):
                logits[part.name].append(values)
                places[part.name].append(part.places)
        return {name: _in_order(parts, places[name]) for name, parts in logits.items()}

    def _passes(self, real, fake, labels):
        """Lists of parts that share a pass of D: those that need an input gradient, then the others.

        Batch normalisation in D needs separate passes. In G's step D sees generated images alone, and with the
        statistics of a mixed batch it would be a different function there.
        """
        parts = sorted(self._parts(real, fake, labels), key=lambda part: part.penalized, reverse=True)
        if self.separate_batches:
            return [[part] for part in parts]
        return [list(group) for _, group in itertools.groupby(parts, lambda part: part.penalized)]

    def _parts(self, real, fake, labels):
        """What D is evaluated at, with and without the images at which the penalties are computed."""
        chosen, others = self._penalized_places(ops.shape(real)[0])
        for name, images in (("real", real), ("fake", fake)):
            if chosen is None or not self._penalized(name):
                yield Part(name, images, labels, self._penalized(name))
            else:
                for places, penalized in ((chosen, True), (others, False)):
                    yield Part(name, self._at(places, images), self._at(places, labels), penalized, places)
        if self._penalized("between"):
            real, fake, labels = (self._at(chosen, each) for each in (real, fake, labels))
            share = replicas.share(
                lambda rows: keras.random.uniform((rows,), seed=self.seed_generator), ops.shape(real)[0]
            )
            yield Part("between", interpolate(real, fake, share), labels, True)

    def _penalized_places(self, images):
        """The logits at which penalties are computed, `penalty_share` of them and at least one, and the others.

        They are spread evenly: with a share of 1/4, number 0, 4, 8 and so on. So the parts of a batch that replicas see
        have the same ones together as the whole, if the share of each part is a whole number.

        Args:
            images: number of images in the batch.

        Returns:
            Two int32 tensors; (None, None) where all images are penalised.
        """
        if self.penalty_share == 1:
            return None, None
        share = Fraction(self.penalty_share).limit_denominator(FINEST_SHARE) or Fraction(1, FINEST_SHARE)
        logits = images // self.images_at_once
        unchosen = tf.range(logits) * share.numerator % share.denominator >= share.numerator
        order = tf.argsort(tf.cast(unchosen, "int32"), stable=True)
        count = (logits - 1) * share.numerator // share.denominator + 1
        # A single logit counts among the others too, and `_in_order` leaves that one out. For no images at all
        # TensorFlow 2.21 computes gradients of convolutions in bfloat16 wrongly, or ends the process.
        return order[:count], order[tf.minimum(count, logits - 1) :]

    def _at(self, places, rows):
        """The images or labels of some logits, of which each belongs to a pack of images; None for None."""
        if places is None or rows is None:
            return rows
        pack = self.images_at_once
        return tf.gather(rows, tf.reshape(places[:, None] * pack + tf.range(pack), (-1,)))

    def _penalized(self, point):
        return any(penalty.at == point for penalty in self.penalties)

    def _penalty(self, input_gradients, real):
        shares = {penalty: automatic_share(weight) for penalty, weight in self.penalties.items()}
        automatic = self._automatic_weight(real) if any(shares.values()) else None
        weights = {p: w if shares[p] is None else shares[p] * automatic for p, w in self.penalties.items()}
        return sum((w * penalty.of_gradients(input_gradients[penalty.at]) for penalty, w in weights.items()), 0.0)

    def _automatic_weight(self, real):
        """`penalties.automatic_weight` of the batch; the previous one where it holds a single image or a NaN."""
        weight, single = automatic_weight(real), ops.shape(real)[0] * replicas.count() < 2
        weight = tf.where(single | ~tf.math.is_finite(weight), self.counters.automatic_weight, weight)
        self.counters.automatic_weight.assign(weight)
        return weight


def is_piecewise_linear(network: keras.Model) -> bool:
    """Whether a network gives one number for each image or pack, by known layers without second derivatives."""
    known = all(map(_is_known, compat.all_layers(network)))
    return known and tuple(network.output_shape[1:]) in ((), (1,))


def _is_known(layer):
    if isinstance(layer, keras.Model):  # a subclass may compute anything
        operations = (op for op in getattr(layer, "operations", []) if not isinstance(op, layers.Layer))
        names = {type(operation).__name__ for operation in operations}
        return type(layer).__module__.startswith("keras.") and names <= PIECEWISE_LINEAR_OPERATIONS
    linear = getattr(layer, "activation", None) in (None, keras.activations.linear)
    return type(layer) in PIECEWISE_LINEAR and linear


def _in_order(parts, places):
    """The logits of several parts, in the order of the batch; of two at one place the first."""
    if len(parts) == 1:
        return parts[0]
    places = tf.concat(places, 0)
    return tf.gather(ops.concatenate(parts), tf.argsort(places, stable=True)[: tf.reduce_max(places) + 1])


def _layer_loss(passes):
    """The losses of D's own layers, averaged over all images of the passes."""
    images = [ops.cast(ops.shape(each.images)[0], "float32") for each in passes]
    return sum(each.layer_loss * count for each, count in zip(passes, images, strict=True)) / sum(images)


def _away_from_zero(slopes):
    """Slopes by which one can divide: at least a millionth of those of a mean over the batch."""
    least = ops.cast(SMALLEST_SLOPE / ops.cast(ops.shape(slopes)[0], "float32"), slopes.dtype)
    return ops.where(ops.abs(slopes) < least, ops.where(slopes < 0, -least, least), slopes)


def _divided(gradients, slopes):
    """c_i ∇D(x_i) divided by c_i, image by image; the images of a pack have the slope of its logit."""
    gradients = ops.cast(gradients, "float32")
    pack = ops.shape(gradients)[0] // ops.shape(slopes)[0]
    slopes = ops.repeat(ops.reshape(slopes, (-1,)), pack)
    return gradients / ops.reshape(slopes, [-1] + [1] * (len(gradients.shape) - 1))  # (images, 1, ...)


def _sum(parts):
    """The sum of the gradients of one weight; None where there are none."""
    parts = [part for part in parts if part is not None]
    return sum(parts[1:], parts[0]) if parts else None


def shared(objective):
    """This replica's share, so that the sum over replicas is the mean over the global batch."""
    return ops.cast(objective, "float32") / replicas.count()


def with_labels(labels, x):
    """A network's input: x alone, or [x, labels] where it is class-conditional."""
    return x if labels is None else [x, labels]


def output(network, inputs, training: bool):
    """A network's output in float32, in which losses and penalties are computed, as Keras computes its losses."""
    return ops.cast(network(inputs, training=training), "float32")


def with_layer_loss(network, inputs):
    """A network's output in training, and the sum of its layers' own losses (regularizers, `add_loss`)."""
    outputs = output(network, inputs, training=True)
    return outputs, sum((ops.sum(ops.cast(loss, "float32")) for loss in network.losses), 0.0)
