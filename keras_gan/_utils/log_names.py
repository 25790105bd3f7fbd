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
REJECTED = "rejected"  # share of G's samples with D(G(z)) below 0.1
MINIMAX_GRADIENT = "rejected_gradient_minimax"  # mean norm at those samples of the gradient of log(1 - D(x)) in x
NON_SATURATING_GRADIENT = "rejected_gradient_non_saturating"  # the same of -log D(x)
MEAN, STD = "mean", "std"  # of generated values
