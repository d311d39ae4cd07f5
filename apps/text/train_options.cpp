#include "apps/text/train_options.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/common/parse.h"
#include "apps/common/plan_options.h"
#include "apps/common/settings.h"
#include "layers/network_names.h"
#include "optim/schedule.h"

namespace saddle {
namespace {

constexpr const char* kAdamW = "adamw";
constexpr double kClip = 1;
constexpr std::int64_t kShortest = 3;  // [CLS], a piece, [SEP]

// The settings of the descent, whose defaults differ here.
std::vector<Setting> settings_of_descent(DescentOptions& o) {
  std::vector<Setting> all = settings_of(o, kTextDescent, [] {
    return std::string("--sam-bn: the network has no batch-norm. Leave it out");
  });
  const auto row = [&](const char* flag) -> Setting& {
    return *std::ranges::find(all, flag, &Setting::flag);
  };
  row("--base-optimizer").help = "what an optimiser of the SAM family wraps; adamw unless given";
  row("--clip-norm").details.shown_default = "1";
  return all;
}

std::vector<Setting> settings_of_network(TextTrainOptions& o) {
  const SettingDetails rate{.shown_default = "the encoder's", .bounds = kShare};
  return {{"--encoder",
           "",
           &o.encoder,
           "the network to begin with: a folder as `transformers` saves it, with config.json, "
           "model.safetensors and vocab.txt",
           {.recorded = Recorded::never, .type = "DIR"}},
          {"--pooling",
           "pooling",
           &o.pooling,
           "what the classifier sees: the first token behind a layer of its own (unless given), or "
           "the mean of the tokens, as sentence encoders",
           {.choices = {"first", "mean"}}},
          {"--max-length",
           "max_length",
           &o.max_length,
           "pieces a text is cut off at, [CLS] and [SEP] included",
           {.bounds = at_least(kShortest), .recorded = Recorded::always, .unset = NAN}},
          {"--dropout", "dropout", &o.dropout, "of embeddings and of what a block adds", rate},
          {"--attention-dropout", "attention_dropout", &o.attention_dropout,
           "of attention's weights", rate},
          {"--head-dropout", "head_dropout", &o.head_dropout, "in front of the classifier", rate}};
}

std::vector<Setting> settings_of_attack(TextTrainOptions& o) {
  const auto needs_attack = [&o](const std::string& flag) {
    return [&o, flag] {
      return unless(o.adversarial != "none", text(flag, " needs --adversarial embedding-pgd"));
    };
  };
  return {
      {"--adversarial",
       "adversarial",
       &o.adversarial,
       "adversarial training; embedding-pgd: the embedding of each token climbs within an l2 "
       "ball, without dropout",
       {.choices = {"none", "embedding-pgd"}, .recorded = Recorded::always}},
      {"--at-eps",
       "at_eps",
       &o.at_eps,
       "its radius, in the embeddings' own unit (a word of BERT has a length of about 1)",
       {.shown_default = "0.1", .bounds = kPositive, .idle = needs_attack("--at-eps")}},
      {"--at-alpha",
       "at_alpha",
       &o.at_alpha,
       "its step size",
       {.shown_default = "1.5 eps/steps", .bounds = kPositive, .idle = needs_attack("--at-alpha")}},
      {"--at-steps",
       "at_steps",
       &o.at_steps,
       "its gradient steps",
       {.shown_default = "3",
        .bounds = {.low = 1, .high = 1e6, .low_in = true, .high_in = true},
        .idle = needs_attack("--at-steps")}}};
}

std::vector<Setting> settings_of_epochs(TextTrainOptions& o) {
  return {
      {"--epochs",
       "epochs",
       &o.epochs,
       "passes over the training set",
       {.bounds = at_least(1), .recorded = Recorded::always, .unset = NAN}},
      {"--batch-size",
       "batch_size",
       &o.batch_size,
       "texts a step",
       {.bounds = at_least(1), .recorded = Recorded::always, .unset = NAN}},
      {"--schedule",
       "schedule",
       &o.schedule,
       "the learning rate over the steps; linear: falls to 0",
       {.choices = {"linear", "cosine", "poly", "step", "constant"}, .recorded = Recorded::always}},
      {"--no-shuffle", "", &o.no_shuffle, "keep the files' order", {.recorded = Recorded::never}}};
}

template <class T, class U>
void fill_in(std::optional<T>& value, const U& fallback) {
  if (!value) value = fallback;
}

void resolve_attack(TextTrainOptions& o) {
  usage(o.adversarial != "none" || !o.descent.sharpness.awp, "--awp needs --adversarial");
  if (o.adversarial == "none") return;
  const EmbeddingPgdOptions defaults;
  fill_in(o.at_eps, 0.1);
  fill_in(o.at_steps, defaults.steps);
  fill_in(o.at_alpha, 1.5 * *o.at_eps / static_cast<double>(*o.at_steps));
}

}  // namespace

TextTrainOptions::TextTrainOptions() { descent.optimizer = kAdamW; }

std::vector<Setting> settings_of(TextTrainOptions& o) {
  std::vector<Setting> all;
  const auto add = [&](std::vector<Setting> part) {
    for (Setting& setting : part) all.push_back(std::move(setting));
  };
  add(settings_of(o.data, TextPart::train_and_test));
  add(settings_of_network(o));
  add(settings_of_descent(o.descent));
  add(settings_of_attack(o));
  add(settings_of_epochs(o));
  add(settings_of_weights(o.init_from, o.new_head));
  add(settings_of(o.run));
  return all;
}

TextTrainOptions resolved(TextTrainOptions o) {
  check(o.run);
  refuse_idle(settings_of(o));
  check_bounds(settings_of(o));
  if (uses_sam(o.descent) && o.descent.base_optimizer.empty()) o.descent.base_optimizer = kAdamW;
  fill_in(o.descent.clip_norm, kClip);
  constexpr bool has_batch_norm = false;
  o.descent = resolved(o.descent, kTextDescent, has_batch_norm);
  resolve_attack(o);
  return o;
}

TextOptions text_options_of(const TextTrainOptions& o, const EncoderFolder& encoder) {
  TextOptions options = encoder.text;
  if (o.pooling == "mean") options.pooling = TextPooling::mean;
  const auto take = [](const std::optional<double>& given, float& value) {
    if (given) value = static_cast<float>(*given);
  };
  take(o.dropout, options.dropout);
  take(o.attention_dropout, options.attention_dropout);
  take(o.head_dropout, options.head_dropout);
  usage(o.max_length <= options.positions,
        text("--max-length ", o.max_length, ": the encoder has ", options.positions, " positions"));
  options.max_length = o.max_length;
  return options;
}

std::optional<EmbeddingPgdOptions> climb_of(const TextTrainOptions& o) {
  if (o.adversarial == "none") return {};
  return EmbeddingPgdOptions{static_cast<float>(*o.at_eps), static_cast<float>(*o.at_alpha),
                             static_cast<int>(*o.at_steps)};
}

TrainerOptions trainer_options_of(const TextTrainOptions& o, const TextOptions& text,
                                  std::int64_t examples) {
  TrainerOptions trainer;
  trainer.epochs = o.epochs;
  trainer.batch_size = o.batch_size;
  trainer.shuffle = !o.no_shuffle;
  const std::int64_t steps =
      o.epochs * std::ssize(batches_of(examples, o.batch_size, trainer.last_batch));
  const Schedule schedule = schedule_named(o.schedule);
  trainer.learning_rate = [schedule, steps, lr = *o.descent.lr](const Place& place) {
    return learning_rate(schedule, lr, place.step, steps);
  };
  trainer.ema = o.descent.ema;
  trainer.step.seed = static_cast<std::uint64_t>(o.common.seed);
  trainer.step.draws = std::max({text.dropout, text.attention_dropout, text.head_dropout}) > 0;
  trainer.output = o.run.output;
  trainer.mode = mode_of(o.run);
  trainer.quiet = o.common.quiet;
  trainer.against_divergence = against_divergence(o.descent);
  return trainer;
}

nlohmann::json to_json(const TextTrainOptions& options, const TextOptions& text) {
  TextTrainOptions o = options;
  nlohmann::json json = {{"precision", o.common.precision},
                         {"plan", plan_name(o.common)},
                         {"seed", o.common.seed},
                         {"shuffle", !o.no_shuffle},
                         {"vocabulary", text.vocabulary_hash}};
  record(settings_of(o), json);
  record(o.descent.sharpness, json);
  json["dropout"] = text.dropout;
  json["attention_dropout"] = text.attention_dropout;
  json["head_dropout"] = text.head_dropout;
  return json;
}

}  // namespace saddle
