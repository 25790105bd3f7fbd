"""Training on several devices: all GPUs of this machine, or two parts of its processor to try it out.

Every device is a replica: it has a copy of both networks and an equal share of each batch. Losses, gradients and
averages are those of the whole batch, so the number of replicas changes the speed, but not the training.

    python examples/many_devices.py
    CUDA_VISIBLE_DEVICES=-1 python examples/many_devices.py --replicas 4     # on the processor, even if there are GPUs

The script prints the devices, the share of each in a batch, the losses and the images per second, and writes 64 digits
to many_devices.png. Parts of a processor are no faster than the whole: use them to find mistakes before you pay for
GPUs.
"""

import argparse
import time

from keras_gan import GAN, data, distribute, networks, sampling

BATCH_SIZE = 64  # of all replicas together

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--replicas", type=int, help="GPUs, or parts of the processor.  [default: all GPUs, or 2 parts]")
parser.add_argument("--epochs", type=int, default=20)
given = parser.parse_args()

strategy = distribute.strategy("mirrored", given.replicas)  # before anything else that TensorFlow does
count = strategy.num_replicas_in_sync
print(f"{count} replicas: {', '.join(strategy.extended.worker_devices)}")
print(f"each has {BATCH_SIZE // count} of the {BATCH_SIZE} images of a batch")

with strategy.scope():  # here variables are mirrored on every device
    gan = GAN(networks.generator((8, 8, 1)), networks.discriminator((8, 8, 1)), ema_half_life_images=10_000, seed=1)
    gan.compile()

digits = data.open_source("digits")
steps = digits.count // BATCH_SIZE
images = data.distributed_batches(strategy, digits, BATCH_SIZE, seed=0)  # each replica reads its own share
start = time.perf_counter()
history = gan.fit(images, steps_per_epoch=steps, epochs=given.epochs, shuffle=False, verbose=0).history
seconds = time.perf_counter() - start
for epoch, (d_loss, g_loss) in enumerate(zip(history["d_loss"], history["g_loss"], strict=True), start=1):
    print(f"epoch {epoch:2}   D's loss {d_loss:.3f}   G's loss {g_loss:.3f}")
print(f"{given.epochs * steps * BATCH_SIZE / seconds:,.0f} images per second, the start included")

print("wrote", sampling.save(gan.generate(64, seed=7), "many_devices.png"))
