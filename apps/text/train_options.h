// TextTrainOptions: every setting of training a network for text, resolved.
//
// The defaults are the paper's recipe for Table 10 where it says one (3 epochs, AdamW 5e-5, SAM's
// rho 0.05 around the same AdamW), and else those of `transformers`' Trainer: no weight decay, the
// rate falls linearly to 0, the gradient is clipped to norm 1. SAM clips the gradient at the
// climbed weights alone.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/program_options.h"
#include "apps/text/data_options.h"
#include "apps/text/encoder_folder.h"
#include "apps/training/descent_options.h"
#include "apps/training/run_options.h"
#include "apps/training/trainer.h"
#include "attacks/embedding_pgd.h"

namespace saddle {

struct TextTrainOptions {
  TextTrainOptions();

  CommonOptions common;
  TextDataOptions data;
  std::string encoder = "data/minilm-l6";  // folder
  std::string pooling;                     // first, mean; the family's own unless given
  std::int64_t max_length = 128;
  std::optional<double> dropout, attention_dropout, head_dropout;
  DescentOptions descent;            // adamw unless given; what SAM wraps, too
  std::string adversarial = "none";  // none, embedding-pgd
  std::optional<double> at_eps, at_alpha;
  std::optional<std::int64_t> at_steps;
  std::int64_t epochs = 3, batch_size = 16;
  std::string schedule = "linear";
  bool no_shuffle = false;
  std::string init_from;
  bool new_head = false;
  RunOptions run;
};

inline constexpr DescentDefaults kTextDescent{.sgd_lr = 0.01,
                                              .adam_lr = 5e-5,
                                              .sgd_weight_decay = 0,
                                              .adam_weight_decay = 0,
                                              .sam_rho = 0.05};

std::vector<Setting> settings_of(TextTrainOptions& options);

// The same with every default filled in. Throws UsageError for combinations that make no sense.
TextTrainOptions resolved(TextTrainOptions options);

// The parts, from resolved options.
// Of an encoder, under what the options say. Throws UsageError where they do not fit it.
TextOptions text_options_of(const TextTrainOptions& options, const EncoderFolder& encoder);
std::optional<EmbeddingPgdOptions> climb_of(const TextTrainOptions& options);
TrainerOptions trainer_options_of(const TextTrainOptions& options, const TextOptions& text,
                                  std::int64_t examples);

// What a run's config.json records of them.
nlohmann::json to_json(const TextTrainOptions& options, const TextOptions& text);

}  // namespace saddle
