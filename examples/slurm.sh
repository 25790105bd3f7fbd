#!/bin/bash
# Trains a GAN on MNIST with three workers, one on each of three nodes: `kgan train mnist --strategy multiworker` as a
# job of Slurm's. srun tells every worker who the others are, and kgan reads it; nothing else has to be set up.
#
# 1. On the login node, in a folder that all nodes share, with PATH for a checkout of keras_gan:
#
#        python3.11 -m venv kgan && . kgan/bin/activate
#        pip install -c PATH/constraints.txt PATH
#        export TFDS_DATA_DIR=$PWD/datasets      # where all nodes can read it
#        kgan train mnist --dry-run              # downloads MNIST, as the nodes often cannot
#
# 2. From the same shell, whose settings the job inherits:
#
#        sbatch PATH/examples/slurm.sh
#        tail -F kgan-*.log
#
# 3. The run folder, with its report.html, is runs/mnist.
#
# For other data give what `kgan train` takes; it must lie where all nodes can read it:
#
#        sbatch PATH/examples/slurm.sh faces/ --run runs/faces --image-size 64 --steps 20000
#
# After a change of the options give another --run too: a run goes on only with the settings that it was started with.
# To end a job early, saved, and for good: scancel --signal=INT JOB

#SBATCH --job-name=kgan
#SBATCH --nodes=3
# One worker a node. It trains on all GPUs that it was given there, or on the processor.
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
# For GPUs take one # away, and pip install "tensorflow[and-cuda]" too. Many clusters want --partition and --account.
##SBATCH --gpus-per-node=1
#SBATCH --time=04:00:00
# Two minutes before that time is over kgan, not this script, gets the signal: it ends its step and saves. That takes
# seconds, and longer on slow storage.
#SBATCH --signal=TERM@120
# Slurm may start the job again, where a node failed or a more urgent job came, and so may this script, below. The same
# command goes on from the newest checkpoint, and the log goes on too.
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

if (($# == 0)); then
    set -- mnist --run runs/mnist  # in a folder that all nodes share: the job may come back on other nodes
fi
most_restarts=100  # what ends a job that fails over and over

# The workers listen at this port of their nodes. It is the job's own, so that two jobs on one node do not meet.
export KERAS_GAN_PORT=${KERAS_GAN_PORT:-$((10000 + SLURM_JOB_ID % 20000))}
# From Slurm 22.05 on, srun does not take it over from the job.
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK

# The batch size is that of one step, shared out: 32 images for each of three workers. It must be a multiple of their
# number or, with several GPUs on a node, of the number of all GPUs.
#
# Worker 0 alone writes the run folder, and still writes when the others have ended. So the first to end must not take
# it along at once, as --kill-on-bad-exit=1 would; after 90 s it does, lest a worker wait for ever for one that never
# came.
srun --label --kill-on-bad-exit=0 --wait=90 kgan train --strategy multiworker --batch-size 96 "$@"
status=$?

# kgan ends with 143 where it was asked to leave, once it has saved, and with 138 where another worker was lost. Of the
# workers' statuses srun gives the highest. 0 is success; 1 and 2, a mistake in the program or in the command, would only
# come again.
if [[ $status == 138 || $status == 143 ]] && ((${SLURM_RESTART_COUNT:-0} < most_restarts)); then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $status
