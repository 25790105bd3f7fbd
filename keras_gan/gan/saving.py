"""Saving a GAN: the methods that Keras calls to save and load models, and the state for checkpoints."""

from pathlib import Path

import keras

from keras_gan._utils.errors import InputError
from keras_gan.gan import transfer
from keras_gan.gan.transfer import Transferred
from keras_gan.losses import LOSSES
from keras_gan.penalties import PENALTIES
from keras_gan.presets import BEFORE_SETTINGS


class Saving:
    """Methods of `GAN` that Keras calls to save and load models."""

    def training_state(self) -> dict:
        """Variables that training needs to continue, other than weights and optimizers, by name."""
        networks = [self.generator, self.discriminator]
        weights = {id(weight) for network in networks for weight in network.weights}
        random = [v for network in networks for v in network.variables if id(v) not in weights]
        return {
            "steps": self.counters.steps,
            "skipped_steps": self.counters.skipped_steps,
            "automatic_weight": self.counters.automatic_weight,
            "noise": self.seed_generator.state,
            **{f"layer_{index:04d}": variable for index, variable in enumerate(random)},  # seeds, such as Dropout's
        }

    def load_weights_from(self, other, class_numbers=None) -> dict[str, Transferred]:
        """Takes the weights of another GAN wherever the layers fit, so that `fit` goes on from what it has learned.

        Both networks and the average are taken; optimizers and the number of steps start afresh. The other GAN may be
        for images of another size, or have other classes or attributes: see `transfer.copy`. Rows of attributes are
        found by their names.

        Args:
            other: a built `GAN`.
            class_numbers: for each class of this GAN its number in the other one, or None for a new class. None where
                the classes are the same, if their number is.

        Returns:
            "generator" and "discriminator", each with the `Transferred` part of its weights.

        Raises:
            InputError: where not one layer of a network fits.

        Example:
            >>> from keras_gan import GAN, networks
            >>> def pair(side):
            ...     return networks.generator((side, side, 1)), networks.discriminator((side, side, 1))
            >>> trained, larger = GAN(*pair(16)), GAN(*pair(32))
            >>> print(larger.load_weights_from(trained)["generator"])
            13% of the weights
        """
        if self.attributes and other.attributes:
            numbers = {name: number for number, name in enumerate(other.attributes)}
            rows = [numbers.get(name) for name in self.attributes]
        else:
            same = self.num_classes == other.num_classes
            rows = class_numbers or (range(self.num_classes or 0) if same else ())
        taken = {
            "generator": transfer.copy(other.generator, self.generator, rows),
            "discriminator": transfer.copy(other.discriminator, self.discriminator, rows),
        }
        transfer.copy(other.ema_generator, self.ema_generator, rows)
        for name, part in taken.items():
            if not part.taken:
                raise InputError(
                    f"no layer of the {name} fits the other {name}; expected networks with layers in common. Use "
                    "the same kind of networks (--preset), for images with as many channels."
                )
        return taken

    def save(self, filepath, *args, **options):
        """Writes both networks, the average, the optimizers and their states into a .keras file, as `keras.Model.save`.

        Raises:
            InputError: for a file of HDF5, Keras's earlier format, which holds one network.
        """
        if Path(filepath).suffix.lower() in (".h5", ".hdf5"):
            raise InputError(f"cannot save a GAN as {filepath}; expected a name that ends in .keras. Use gan.keras.")
        super().save(filepath, *args, **options)

    def save_own_variables(self, store):
        for name, variable in self.training_state().items():
            store[name] = variable.numpy()

    def load_own_variables(self, store):
        if "steps" not in store.keys():  # a file of version 0.1 or earlier, which held only the count of skipped steps
            self.counters.skipped_steps.assign(store["0"])
            return
        for name, variable in self.training_state().items():
            variable.assign(store[name])

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "latent": self.latent,
            "latent_dim": self.latent_dim,
            "ema_half_life_images": self.ema_half_life_images,
            "seed": self.seed,
            "num_classes": self.num_classes,
            "attributes": self.attributes,
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
            "updates": self.updates,
            "penalty_share": self.penalty_share,
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.jit_choice,
            "run_eagerly": self.run_eagerly,
        }

    def compile_from_config(self, config):
        deserialize = keras.saving.deserialize_keras_object
        restored = {
            "generator_optimizer": deserialize(config["generator_optimizer"]),
            "discriminator_optimizer": deserialize(config["discriminator_optimizer"]),
            "loss": deserialize(config["loss"]),
            "penalties": {deserialize(penalty): weight for penalty, weight in config["penalties"]},
        }
        self.compile(**{**BEFORE_SETTINGS, **config, **restored})


def _named(entry, table):
    """The entry's name in its table, or the serialized form of the user's own object."""
    return name_in(entry, table) or keras.saving.serialize_keras_object(entry)


def name_in(entry, table):
    """The entry's name in its table; None for the user's own object."""
    return next((name for name, known in table.items() if known == entry), None)
