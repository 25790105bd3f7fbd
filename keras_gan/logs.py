"""The names under which the game is logged: in `fit`, history.csv, TensorBoard, plots and the doctor."""

DISCRIMINATOR_LOSS = "d_loss"
GENERATOR_LOSS = "g_loss"
PENALTY = "penalty"
ACCURACY = "d_accuracy"  # share of pairs, one real and one generated, that D orders right; 1/2 is chance
LOGIT_GAP = "logit_gap"  # E D(x) - E D(G(z)) in logits
DISCRIMINATOR_GRADIENT = "d_gradient"  # norm of the gradient over all weights
GENERATOR_GRADIENT = "g_gradient"
LOSSES = (DISCRIMINATOR_LOSS, GENERATOR_LOSS)
LOGS = (*LOSSES, PENALTY, ACCURACY, LOGIT_GAP, DISCRIMINATOR_GRADIENT, GENERATOR_GRADIENT)
