"""Sizes, errors and times of the exports of a DCGAN tutorial's generator, whose layers are Conv2DTranspose:

python benchmarks/tutorial_export.py ./images --steps 1500     # a folder of images, which are resized to 32x32
"""

import tempfile
from pathlib import Path

import click


def networks():
    """The generator and the discriminator, for 32x32 colour images: 471,776 and 57,793 parameters."""
    import keras
    from keras import layers

    def upsampled(channels):
        return [
            layers.Conv2DTranspose(channels, 5, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
        ]

    generator = [
        keras.Input((100,)),
        layers.Dense(4 * 4 * 128, use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(),
        layers.Reshape((4, 4, 128)),
        *upsampled(64),
        *upsampled(32),
        layers.Conv2DTranspose(3, 5, strides=2, padding="same", use_bias=False, activation="tanh"),
    ]
    discriminator = [keras.Input((32, 32, 3))]
    for channels in (32, 64):
        discriminator += [layers.Conv2D(channels, 5, strides=2, padding="same"), layers.LeakyReLU()]
    discriminator += [layers.Flatten(), layers.Dense(1)]
    return keras.Sequential(generator), keras.Sequential(discriminator)


@click.command()
@click.argument("images")
@click.option("--steps", default=1500, show_default=True, type=click.IntRange(1), help="Training steps of 32 images.")
def main(images, steps):
    """Train on a folder of images, export in each mode, and print a table."""
    import keras

    from keras_gan import GAN, data
    from keras_gan.exports.quantize import MODES
    from keras_gan.exports.report import table

    keras.utils.set_random_seed(0)
    gan = GAN(*networks(), seed=0)
    gan.compile()
    gan.fit(data.load(images, batch_size=32, image_size=32), epochs=1, steps_per_epoch=steps, verbose=2)
    with tempfile.TemporaryDirectory() as folder:
        reports = [gan.export(Path(folder, f"{mode}.tflite"), "tflite", mode) for mode in MODES]
    for report in reports:
        click.echo(report)
    click.echo(f"\n{gan.ema_generator.count_params():,} parameters\n{table(reports)}")


if __name__ == "__main__":
    main()
