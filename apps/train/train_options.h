// TrainOptions: every setting of a training run, resolved; the defaults are the paper's recipe
// (section 4 and its official code).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "apps/common/program_options.h"
#include "apps/common/device_dataset.h"
#include "apps/training/descent_options.h"
#include "apps/training/run_options.h"
#include "apps/training/trainer.h"
#include "attacks/pgd.h"
#include "layers/network.h"
#include "optim/schedule.h"

namespace saddle {

// What classification adds to a step (classification.h).
struct ClassificationOptions {
  Augmentation augmentation;
  std::uint64_t seed = 0;                 // of augmentation, mixing and random starts
  std::optional<PgdOptions> adversarial;  // train on x + delta
  // TRADES (Zhang et al. 2019): delta climbs KL(p(x) || p(x + delta)), and the loss is that of x
  // plus beta times this.
  std::optional<float> trades_beta;
  // FreeAT (attacks/free_training.h). Of `adversarial` only eps is looked at.
  bool free = false;
  // During the attack; `update` as the paper's code attacks: train mode.
  BatchNormMode attack_batch_norm = BatchNormMode::update;
  float label_smoothing = 0.f;      // in the loss that w descends, not in the attack's
  float mixup = 0.f, cutmix = 0.f;  // see mixing.h
};

// What an image classifier trains with where nothing is said: the paper's recipe.
inline constexpr DescentDefaults kDescentDefaults{
    .sgd_lr = 0.1, .adam_lr = 1e-3, .sgd_weight_decay = 5e-4, .adam_weight_decay = 5e-4};

struct TrainOptions {
  CommonOptions common;
  DatasetOptions dataset;
  std::string model = "preact_resnet18";
  std::int64_t width = 0, patch = 0;  // 0: the model's own
  double drop_path = 0;               // stochastic depth, probability at the deepest block
  DescentOptions descent;
  std::string adversarial = "none";        // none, pgd, fgsm_rs, free, trades
  std::string at_norm;                     // linf, l2; linf unless given
  std::optional<double> at_eps, at_alpha;  // pixel range [0, 1]
  std::optional<std::int64_t> at_steps;    // pgd: 10 as in the paper's text; its code defaults to 5
  std::optional<double> trades_beta;
  std::optional<std::int64_t> free_replays;
  std::string attack_batch_norm;  // auto, train, eval; auto unless given
  std::int64_t epochs = 100, batch_size = 128;
  std::string schedule = "step";
  std::int64_t warmup_epochs = 0;
  double label_smoothing = 0;
  double mixup = 0, cutmix = 0;
  std::int64_t accumulate = 1;  // pieces of a batch whose gradients are averaged
  bool no_augment = false, no_shuffle = false, drop_last = false;
  std::optional<std::int64_t> crop_padding;
  std::string init_from;
  bool new_head = false;  // init_from gives all but the head
  // How best.safetensors is chosen: by "clean" or "robust" accuracy, of the held-out images where
  // there are some, else of the test split.
  std::string select = "clean";
  std::optional<std::int64_t> validation;  // training images held out
  RunOptions run;
};

// Every setting that is saddle-train's own: flags, bounds, what config.json holds. The rows point
// into `options`.
std::vector<Setting> settings_of(TrainOptions& options);

// Whether the network is one: without batch-norm, with patches.
inline bool is_transformer(const TrainOptions& options) {
  return options.model.starts_with("deit");
}

// The same with every default filled in that depends on other settings (lr by optimiser, alpha by
// eps, ...). Throws UsageError for combinations that make no sense.
TrainOptions resolved(TrainOptions options);

// Steps on each batch before the next one: FreeAT's replays, else 1.
std::int64_t replays(const TrainOptions& options);

// What a run's config.json records of them. Two runs of equal JSON give equal bytes on one machine.
nlohmann::json to_json(const TrainOptions& options);

// The same with the number of held-out images where that is left to us: a tenth of the training
// images, at most 1000.
TrainOptions with_validation(TrainOptions options, std::int64_t training_images);

// By which accuracy the best epoch is chosen, in words: "test accuracy".
std::string selected_by(const TrainOptions& options);

// The parts the trainer works with, from resolved options.
Augmentation augmentation_of(const TrainOptions& options);
ClassificationOptions classification_options_of(const TrainOptions& options);
LastBatch last_batch_of(const TrainOptions& options);
StepOptions step_options_of(const TrainOptions& options);
TrainerOptions trainer_options_of(const TrainOptions& options);
// The attack that --select robust validates with; empty without.
std::optional<PgdOptions> selecting_attack(const TrainOptions& options);
Minimiser minimiser_of(const TrainOptions& options, Device& device, const WeightLayout& layout);

}  // namespace saddle
