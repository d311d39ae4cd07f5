// The table of saddle-train's settings.
#include <cmath>

#include "apps/common/settings.h"
#include "apps/train/train_options.h"

namespace saddle {
namespace {

bool is_adversarial(const TrainOptions& o) { return o.adversarial != "none"; }

std::vector<Setting> settings_of_model(TrainOptions& o) {
  const auto of_transformers = [&o](const std::string& flag, const std::string& lacks) {
    return [&o, flag, lacks] {
      return unless(is_transformer(o),
                    text(flag, " is of transformers, ", o.model, " has no ", lacks));
    };
  };
  return {
      {"--model",
       "model",
       &o.model,
       "the network",
       {.choices = classifier_names(), .recorded = Recorded::always}},
      {"--width",
       "width",
       &o.width,
       "channels of the first stage, or of a token",
       {.shown_default = "the model's own: 64, 160 (wrn_28_10), 192 (deit_tiny), 384 (deit_small)",
        .bounds = at_least(1),
        .recorded = Recorded::always}},
      {"--patch-size",
       "patch",
       &o.patch,
       "pixels a side of a transformer's patches",
       {.shown_default = "4, 8 for images of 64 pixels and more",
        .bounds = at_least(1),
        .idle = of_transformers("--patch-size", "patches")}},
      {"--drop-path",
       "drop_path",
       &o.drop_path,
       "probability that a transformer's deepest branch is left out (stochastic depth)",
       {.bounds = kShare, .idle = of_transformers("--drop-path", "branches to leave out")}}};
}

std::vector<Setting> settings_of_adversarial(TrainOptions& o) {
  // The norm and radius are those of --select robust, too; config.json then holds them there.
  const Recorded of_attack = is_adversarial(o) ? Recorded::where_set : Recorded::never;
  const auto of_ball = [&o] {
    return unless(is_adversarial(o) || o.select == "robust",
                  "--at-norm and --at-eps need --adversarial pgd, fgsm_rs, free or trades, or "
                  "--select robust");
  };
  const auto of_steps = [&o] {
    return unless(is_adversarial(o),
                  "--at-alpha and --at-steps need --adversarial pgd, fgsm_rs, free or trades");
  };
  return {
      {"--adversarial",
       "adversarial",
       &o.adversarial,
       "adversarial training; fgsm_rs: one step from a random start; free: images and weights step "
       "by one gradient",
       {.choices = {"none", "pgd", "fgsm_rs", "free", "trades"}, .recorded = Recorded::always}},
      {"--at-norm",
       "at_norm",
       &o.at_norm,
       "its norm; linf unless given",
       {.choices = {"linf", "l2"}, .recorded = of_attack, .idle = of_ball}},
      {"--at-eps",
       "at_eps",
       &o.at_eps,
       "its radius, pixel range [0, 1]",
       {.shown_default = "8/255, 0.031 (trades), 128/255 (l2)",
        .recorded = of_attack,
        .idle = of_ball}},
      {"--at-alpha",
       "at_alpha",
       &o.at_alpha,
       "its step size, pixel range [0, 1]",
       {.shown_default =
            "eps/4 (linf), eps/8 (l2), 15/255 (l2 from 128/255 on), 1.25 eps (fgsm_rs); trades: "
            "0.007, eps/4 where eps is given, 2 eps/steps (l2)",
        .idle = of_steps}},
      {"--at-steps",
       "at_steps",
       &o.at_steps,
       "its gradient steps",
       {.shown_default = "10, 1 (fgsm_rs)", .bounds = at_least(1), .idle = of_steps}},
      {"--at-bn",
       "at_batch_norm",
       &o.attack_batch_norm,
       "batch-norm's mode during the attack; auto (unless given): eval with trades, else train",
       {.choices = {"auto", "train", "eval"},
        .idle =
            [&o] {
              if (!is_adversarial(o)) return std::string("--at-bn needs --adversarial");
              return unless(
                  o.adversarial != "free",
                  "--at-bn: --adversarial free takes no passes for its attack. Leave it out");
            }}},
      {"--trades-beta",
       "trades_beta",
       &o.trades_beta,
       "trades: weight of the divergence",
       {.shown_default = "6",
        .bounds = kNotNegative,
        .idle =
            [&o] {
              return unless(o.adversarial == "trades", "--trades-beta needs --adversarial trades");
            }}},
      {"--free-replays",
       "free_replays",
       &o.free_replays,
       "free: steps on each batch",
       {.shown_default = "8", .bounds = at_least(1), .idle = [&o] {
          return unless(o.adversarial == "free", "--free-replays needs --adversarial free");
        }}}};
}

std::vector<Setting> settings_of_epochs(TrainOptions& o) {
  return {
      {"--epochs",
       "epochs",
       &o.epochs,
       "passes over the training set",
       {.bounds = at_least(1), .recorded = Recorded::always, .unset = NAN}},
      {"--batch-size",
       "batch_size",
       &o.batch_size,
       "images a step",
       {.bounds = at_least(1), .recorded = Recorded::always, .unset = NAN}},
      {"--schedule",
       "schedule",
       &o.schedule,
       "the learning rate over the epochs; step: x0.1 at 75 % and 90 %",
       {.choices = {"step", "cosine", "poly", "constant"}, .recorded = Recorded::always}},
      {"--warmup-epochs",
       "warmup_epochs",
       &o.warmup_epochs,
       "epochs in which the learning rate rises linearly to the schedule's",
       {.bounds = at_least(0)}},
      {"--label-smoothing",
       "label_smoothing",
       &o.label_smoothing,
       "share of the target that is spread over all classes",
       {.bounds = kShare}},
      {"--mixup",
       "mixup",
       &o.mixup,
       "blend two images by a share ~ Beta(R, R), and their labels; 0: off",
       {.bounds = kNotNegative}},
      {"--cutmix",
       "cutmix",
       &o.cutmix,
       "put a box of another image in, of area 1 - share ~ Beta(R, R); 0: off",
       {.bounds = kNotNegative}},
      {"--accumulate",
       "accumulate",
       &o.accumulate,
       "pieces a batch goes through the network in, for less memory; batch-norm sees a piece at a "
       "time",
       {.bounds = at_least(1), .unset = 1}},
      {"--no-augment",
       "",
       &o.no_augment,
       "train on the images as they are",
       {.recorded = Recorded::never}},  // config.json says what is done instead
      {"--crop-padding",
       "",
       &o.crop_padding,
       "pixels a training crop may be off",
       {.shown_default = "the data set's",
        .bounds = at_least(0),
        .recorded = Recorded::never,
        .idle =
            [&o] {
              return unless(!o.no_augment,
                            "--crop-padding does nothing with --no-augment. Leave out either");
            }}},
      {"--no-shuffle", "", &o.no_shuffle, "keep the files' order", {.recorded = Recorded::never}},
      {"--drop-last", "drop_last", &o.drop_last,
       "leave out a last batch that is not full; else it is a step of its own, but a single image "
       "joins the batch before"}};
}

std::vector<Setting> settings_of_run(TrainOptions& o) {
  return {
      {"--select",
       "",
       &o.select,
       "by which accuracy best.safetensors is chosen, of the held-out images where there are some, "
       "else of the test split; robust: after PGD of 10 steps, --at-norm and --at-eps",
       {.choices = {"clean", "robust"}, .recorded = Recorded::never}},
      {"--validation",
       "validation",
       &o.validation,
       "training images held out, drawn by the seed, to choose the best epoch by",
       {.shown_default = "none; with --select robust a tenth, at most 1000",
        .bounds = at_least(1)}}};
}

std::vector<Setting> settings_of_descent(TrainOptions& o) {
  return settings_of(o.descent, kDescentDefaults, [&o] {
    return unless(!is_transformer(o), text("--sam-bn is of batch-norm, ", o.model, " has none"));
  });
}

std::vector<Setting> settings_of_start(TrainOptions& o) {
  return settings_of_weights(o.init_from, o.new_head);
}

std::vector<Setting> settings_of_output(TrainOptions& o) { return settings_of(o.run); }

}  // namespace

std::vector<Setting> settings_of(TrainOptions& options) {
  std::vector<Setting> all;
  for (const auto& part :
       {settings_of_model, settings_of_descent, settings_of_adversarial, settings_of_epochs,
        settings_of_run, settings_of_start, settings_of_output}) {
    for (Setting& setting : part(options)) all.push_back(std::move(setting));
  }
  return all;
}

}  // namespace saddle
