"""Several devices at once: all GPUs of this machine, or two parts of its processor as a rehearsal.

Every device is a replica: it has a copy of both networks and an equal share of each batch. Losses, gradients and
averages are those of the whole batch, so the number of replicas changes the speed, not the game.

    python examples/many_devices.py
    CUDA_VISIBLE_DEVICES=-1 python examples/many_devices.py --replicas 4     # a rehearsal, even where there are GPUs

You will see the devices, each one's share of a batch, the losses, the images per second, and 64 digits in
many_devices.png. A rehearsal is no faster than one device: it is there to find mistakes before GPUs are paid for.
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
