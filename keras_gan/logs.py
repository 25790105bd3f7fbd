"""The names under which losses are logged: in `fit`, history.csv, TensorBoard and plots."""

DISCRIMINATOR_LOSS = "d_loss"
GENERATOR_LOSS = "g_loss"
PENALTY = "penalty"
LOGS = (DISCRIMINATOR_LOSS, GENERATOR_LOSS, PENALTY)
