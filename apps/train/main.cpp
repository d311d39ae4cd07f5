// saddle-train: trains an image classifier with SGD, Adam(W) or SAM, on clean or adversarial
// images.
#include <iostream>

#include "apps/train/trainer.h"
#include "layers/network.h"

namespace {

void add_flags(CLI::App& app, saddle::TrainOptions& o) {
  using namespace saddle;
  add_common_options(app, o.common);
  add_dataset_options(app, o.dataset, DatasetSplits::train_and_test);
  add_choice(app, "--model", o.model, model_names(), "the network");
  add_integer(app, "--width", o.width, 1, "channels of the first stage, or of a token",
              "the model's own: 64, 160 (wrn_28_10), 192 (deit_tiny), 384 (deit_small)");
  add_integer(app, "--patch-size", o.patch, 1, "pixels a side of a transformer's patches",
              "4, 8 for images of 64 pixels and more");
  add_number(app, "--drop-path", o.drop_path,
             "probability that a transformer's deepest branch is left out (stochastic depth)");
  std::vector<std::string> optimizers = {"sgd", "adam", "adamw"};
  for (const std::string& name : sam_family()) optimizers.push_back(name);
  add_choice(app, "--optimizer", o.optimizer, optimizers, "the optimiser");
  add_choice(app, "--base-optimizer", o.base_optimizer, {"sgd", "adam", "adamw"},
             "what an optimiser of the SAM family wraps; sgd unless given");
  add_sharpness_flags(app, o.sharpness);
  add_choice(app, "--sam-bn", o.sam_statistics, {"auto", "both", "first", "none"},
             "SAM family: in which pass batch-norm's running statistics move; auto (unless given): "
             "first with gsam, else both");
  add_choice(
      app, "--adversarial", o.adversarial, {"none", "pgd", "fgsm_rs", "free", "trades"},
      "adversarial training; fgsm_rs: one step from a random start; free: images and weights "
      "step by one gradient");
  add_choice(app, "--at-norm", o.at_norm, {"linf", "l2"}, "its norm; linf unless given");
  add_number(app, "--at-eps", o.at_eps, "its radius, pixel range [0, 1]",
             "8/255, 0.031 (trades), 128/255 (l2)");
  add_number(app, "--at-alpha", o.at_alpha, "its step size, pixel range [0, 1]",
             "eps/4 (linf), eps/8 (l2), 15/255 (l2 from 128/255 on), 1.25 eps (fgsm_rs); trades: "
             "0.007, eps/4 where eps is given, 2 eps/steps (l2)");
  add_integer(app, "--at-steps", o.at_steps, 1, "its gradient steps", "10, 1 (fgsm_rs)");
  add_choice(
      app, "--at-bn", o.attack_batch_norm, {"auto", "train", "eval"},
      "batch-norm's mode during the attack; auto (unless given): eval with trades, else train");
  add_number(app, "--trades-beta", o.trades_beta, "trades: weight of the divergence", "6");
  add_integer(app, "--free-replays", o.free_replays, 1, "free: steps on each batch", "8");
  add_integer(app, "--epochs", o.epochs, 1, "passes over the training set");
  add_integer(app, "--batch-size", o.batch_size, 1, "images a step");
  add_number(app, "--lr", o.lr, "learning rate", "0.1 (SGD), 1e-3 (Adam)");
  add_number(app, "--momentum", o.momentum, "SGD's momentum", "0.9");
  add_switch(app, "--nesterov", o.nesterov, "SGD with Nesterov's momentum");
  add_number(app, "--weight-decay", o.weight_decay, "decay of all weights", "5e-4");
  add_choice(app, "--schedule", o.schedule, {"step", "cosine", "poly", "constant"},
             "the learning rate over the epochs; step: x0.1 at 75 % and 90 %");
  add_integer(app, "--warmup-epochs", o.warmup_epochs, 0,
              "epochs in which the learning rate rises linearly to the schedule's");
  add_number(app, "--label-smoothing", o.label_smoothing,
             "share of the target that is spread over all classes");
  add_number(app, "--mixup", o.mixup,
             "blend two images by a share ~ Beta(R, R), and their labels; 0: off");
  add_number(app, "--cutmix", o.cutmix,
             "put a box of another image in, of area 1 - share ~ Beta(R, R); 0: off");
  add_integer(
      app, "--accumulate", o.accumulate, 1,
      "pieces a batch goes through the network in, for less memory; batch-norm sees a piece "
      "at a time");
  add_number(app, "--clip-norm", o.clip_norm,
             "largest norm of the gradient that the base optimiser steps with", "none");
  add_number(app, "--ema", o.ema,
             "decay of a moving average of the model, tested and saved in its place", "none");
  add_switch(app, "--no-augment", o.no_augment, "train on the images as they are");
  add_integer(app, "--crop-padding", o.crop_padding, 0, "pixels a training crop may be off",
              "the data set's");
  add_switch(app, "--no-shuffle", o.no_shuffle, "keep the files' order");
  add_switch(app, "--drop-last", o.drop_last,
             "leave out a last batch that is not full; else it is a step of its own, but a single "
             "image joins the batch before");
  add_choice(app, "--select", o.select, {"clean", "robust"},
             "by which accuracy best.safetensors is chosen, of the held-out images where there are "
             "some, else of the test split; robust: after PGD of 10 steps, --at-norm and --at-eps");
  add_integer(app, "--validation", o.validation, 1,
              "training images held out, drawn by the seed, to choose the best epoch by",
              "none; with --select robust a tenth, at most 1000");
  add_text(app, "--init-from", o.init_from, "FILE",
           "starting weights, a safetensors file, by name");
  add_switch(app, "--new-head", o.new_head,
             "take all of --init-from but the last layer, which knows the classes");
  add_switch(app, "--resume", o.resume, "go on from --output as if never interrupted, bit for bit");
  add_switch(app, "--overwrite", o.overwrite, "remove an earlier run in --output first");
  add_required_text(app, "--output", o.output, "DIR", "directory that receives the run");
}

}  // namespace

int main(int argc, char** argv) {
  saddle::TrainOptions options;
  return saddle::run_program(
      "saddle-train", "Trains an image classifier.", argc, argv,
      [&](CLI::App& app) { add_flags(app, options); },
      [&] {
        const saddle::TrainOptions resolved = saddle::resolved(options);
        const saddle::TrainResult result = saddle::train(resolved);
        const bool by_test = resolved.select == "clean" && !resolved.validation;
        std::cout << "test accuracy " << result.test_accuracy << " % (best "
                  << (by_test ? "" : selected_by(resolved) + " ") << result.best_accuracy
                  << " %), checkpoint " << options.output << "/last.safetensors" << std::endl;
      });
}
