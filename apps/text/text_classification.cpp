#include "apps/text/text_classification.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/checkpoint.h"
#include "apps/common/class_names.h"
#include "apps/common/command_line.h"
#include "apps/common/fingerprint.h"
#include "apps/common/parse.h"
#include "apps/text/evaluate_texts.h"
#include "apps/training/run_config.h"
#include "core/format.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kTestBatch = 64;
constexpr const char* kTrainProgram = "saddle-text train";
constexpr const char* kVocabulary = "vocab.txt";

Climb embedding_climb(const EmbeddingPgdOptions& options, std::int64_t width) {
  check(options);
  Climb climb;
  climb.batch_norm = BatchNormMode::frozen;  // without dropout: the step draws its own
  climb.before = [options, width](const LogitsFunction& f, const Batch& batch, const Tensor&,
                                  std::int64_t) {
    return embedding_pgd(f, cross_entropy_loss(), batch, width, options);
  };
  return climb;
}

// What a training run works on.
struct RunData {
  TextSet train, test;
  std::optional<TextSet> validation;
};

// What holds for all splits is said once.
std::vector<std::string> warnings_of(const RunData& data) {
  std::vector<std::string> all = data.train.warnings;
  const auto add = [&](const TextSet& set) {
    for (const std::string& line : set.warnings) {
      if (std::ranges::find(all, line) == all.end()) all.push_back(line);
    }
  };
  if (data.validation) add(*data.validation);
  add(data.test);
  return all;
}

RunData load_run_data(const TextDataOptions& options) {
  RunData data{load(options, "train"), {}, {}};
  data.test = load(options, "test", data.train.class_names);
  if (has_validation(options)) {
    data.validation = load(options, "validation", data.train.class_names);
  }
  for (const std::string& line : warnings_of(data)) print_warning(kTrainProgram, line);
  return data;
}

struct Vocabularied {
  EncoderFolder encoder;
  WordPiece pieces;
  std::string letters;  // vocab.txt
};

// The encoder's pieces, which its table must have rows for.
Vocabularied read_encoder(const std::string& folder) {
  EncoderFolder encoder = read_encoder_folder(folder);
  const std::vector<std::byte> bytes = read_file(encoder.vocabulary, kMaxVocabularyBytes);
  Vocabulary vocabulary = Vocabulary::parse(bytes, encoder.vocabulary.string());
  require(vocabulary.size() <= encoder.text.vocabulary, encoder.vocabulary.string(), ": has ",
          vocabulary.size(), " pieces, config.json says ", encoder.text.vocabulary,
          ". They belong to different networks");
  const std::string letters(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  encoder.text.vocabulary_hash = fingerprint_of_text(letters);
  encoder.text.padding = vocabulary.pad();
  return {std::move(encoder), WordPiece(std::move(vocabulary)), letters};
}

ModelDescription describe(const Vocabularied& from, const TextOptions& text, const TextSet& data) {
  ModelDescription description;
  description.network.model = from.encoder.model;
  description.network.classes = std::ssize(data.class_names);
  description.network.text = text;
  description.class_names = storable_names(data.class_names);
  return description;
}

// Drawn from the seed but for what the encoder, or --init-from, brings. What a run goes on with is
// not looked at yet.
Model initial_model(const TextTrainOptions& options, Device& device, const Vocabularied& from,
                    const ModelDescription& description, const std::string& dataset,
                    std::vector<std::string>& remarks) {
  const bool fresh = !goes_on(options.run);
  std::optional<TransformerValues> values;
  if (fresh && options.init_from.empty()) {
    values = read_transformer(make_network(description.network),
                              SafetensorsFile::load(from.encoder.weights), HeadOfFile::left_out);
    remarks = values->remarks;
  }
  Model model(device, description, static_cast<std::uint64_t>(options.common.seed),
              precision_of(options.common));
  if (values) values->copy_to(model);
  if (fresh && !options.init_from.empty()) {
    remarks = load_initial_values(model, SafetensorsFile::load(options.init_from),
                                  options.new_head ? Head::fresh : Head::of_file, dataset);
  }
  return model;
}

Json fingerprints_of(const TextTrainOptions& options, const RunData& data,
                     const std::filesystem::path& weights) {
  Json fingerprints = {{"train_data", fingerprint_of(data.train)},
                       {"test_data", fingerprint_of(data.test)}};
  if (data.validation) fingerprints["validation_data"] = fingerprint_of(*data.validation);
  if (options.init_from.empty()) {
    fingerprints["encoder"] = fingerprint_of_file(weights);
  } else if (!goes_on(options.run) || std::filesystem::exists(options.init_from)) {
    // A run that goes on needs the file no more.
    fingerprints["init_from"] = fingerprint_of_file(options.init_from);
  }
  return fingerprints;
}

void add_cut_texts(const EncodedTexts& encoded, const TextSet& set, std::int64_t max_length,
                   std::vector<std::string>& remarks) {
  if (encoded.cut == 0) return;
  remarks.push_back(text(set.name, ": ", encoded.cut, " of the ", set.size(), " texts of ",
                         set.split, " are cut off at ", max_length,
                         " pieces. --max-length takes more"));
}

std::vector<std::string> all_warnings(const RunData& data, const std::vector<std::string>& of_run) {
  std::vector<std::string> all = warnings_of(data);
  all.insert(all.end(), of_run.begin(), of_run.end());
  return all;
}

}  // namespace

Task text_task(TextBatches& batches, std::int64_t texts, std::int64_t width,
               const std::optional<EmbeddingPgdOptions>& climb) {
  Task task;
  task.unit = "texts";
  task.examples = texts;
  task.prepare = [&batches](const Upcoming& upcoming) { return batches.prepare(upcoming); };
  task.batch = [&batches](const Tensor& indices, const Tensor&) { return batches.batch(indices); };
  task.loss = task.likelihood = cross_entropy_loss();
  if (climb) task.climb = embedding_climb(*climb, width);
  return task;
}

std::function<Scores(const Model&)> text_scores(const ScoredTexts& test,
                                                const ScoredTexts* validation) {
  return [&test, validation](const Model& model) {
    const LogitsFunction f = model.evaluation();
    const auto scored = [&](const ScoredTexts& by) {
      return evaluate_texts(f, model.device(), by.texts, by.labels, kTestBatch);
    };
    Scores scores;
    if (validation) {
      const Evaluation found = scored(*validation);
      scores.values = {{"validation_accuracy", found.accuracy}, {"validation_loss", found.loss}};
      scores.line = formatted("validation accuracy %5.2f %%, ", found.accuracy);
    }
    const Evaluation found = scored(test);
    scores.values.push_back({"test_accuracy", found.accuracy});
    scores.values.push_back({"test_loss", found.loss});
    scores.line += formatted("test loss %.4f, accuracy %5.2f %%", found.loss, found.accuracy);
    return scores;
  };
}

TrainResult train(const TextTrainOptions& options) {
  Device& device = open_device(options.common);
  const Vocabularied from = read_encoder(options.encoder);
  const TextOptions text = text_options_of(options, from.encoder);
  const RunData data = load_run_data(options.data);
  std::vector<std::string> remarks;
  Model model = initial_model(options, device, from, describe(from, text, data.train),
                              data.train.name, remarks);
  const auto encoded = [&](const TextSet& set) {
    EncodedTexts texts = encode(set.texts, from.pieces, text.max_length);
    add_cut_texts(texts, set, text.max_length, remarks);
    return texts;
  };
  const EncodedTexts train_texts = encoded(data.train);
  const ScoredTexts test{encoded(data.test), data.test.labels};
  std::optional<ScoredTexts> validation;
  if (data.validation) validation = ScoredTexts{encoded(*data.validation), data.validation->labels};
  const TrainerOptions trainer = trainer_options_of(options, text, data.train.size());
  Minimiser minimiser = minimiser_of(options.descent, device, model.network.layout.weights,
                                     trainer.epochs, trainer.step.seed);
  TextBatches batches(device, train_texts, data.train.labels, options.batch_size, text.max_length);
  Task task = text_task(batches, data.train.size(), text.width, climb_of(options));
  task.scores = text_scores(test, validation ? &*validation : nullptr);
  const RunConfig config{kTrainProgram,
                         to_json(options, text),
                         fingerprints_of(options, data, from.encoder.weights),
                         environment_of(device),
                         all_warnings(data, remarks),
                         {{kVocabulary, from.letters}}};
  return run_training(trainer, task, model, minimiser, config, remarks);
}

}  // namespace saddle
