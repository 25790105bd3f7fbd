"""The command as `python -m keras_gan`, also in a checkout where nothing is installed."""

from keras_gan.cli.main import kgan

if __name__ == "__main__":
    kgan()
