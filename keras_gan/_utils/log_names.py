"""Names of the logged values: in `fit`, history.csv, TensorBoard, plots and the doctor."""

DISCRIMINATOR_LOSS = "d_loss"
GENERATOR_LOSS = "g_loss"
PENALTY = "penalty"
ACCURACY = "d_accuracy"  # share of pairs, one real and one generated, in which the real logit is larger; 1/2 is chance
LOGIT_GAP = "logit_gap"  # E D(x) - E D(G(z)) in logits
DISCRIMINATOR_GRADIENT = "d_gradient"  # norm of the gradient over all weights
GENERATOR_GRADIENT = "g_gradient"
LOSSES = (DISCRIMINATOR_LOSS, GENERATOR_LOSS)
LOGS = (*LOSSES, PENALTY, ACCURACY, LOGIT_GAP, DISCRIMINATOR_GRADIENT, GENERATOR_GRADIENT)

# Columns of theory.csv, for data on a line (nats; see keras_gan.theory).
JSD = "jsd_exact"  # of the data's density and the generator's
JSD_ESTIMATE = "jsd_estimate"  # log 2 + V/2, from D's logits
VALUE = "value"  # V(D, G) on held-out draws
BEST_VALUE = "value_optimal_D"  # max over D
MINIMAX_GRADIENT = "gradient_minimax"  # norm over G's weights, of the saturating loss
NON_SATURATING_GRADIENT = "gradient_non_saturating"
MEAN, STD = "mean", "std"  # of generated values
