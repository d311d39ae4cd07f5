#include "apps/common/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <span>

#include "kernels/loss.h"

namespace saddle {
namespace {

double percent(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? 100. * static_cast<double>(part) / static_cast<double>(whole) : 0.;
}

// Logits [N, K] of `images`, on the host. `indices` names the examples in errors.
std::vector<float> finite_logits(const LogitsFunction& logits, const Tensor& images,
                                 std::span<const std::int32_t> indices, const char* what) {
  Tape tape;
  const Tensor values = logits(tape, tape.input(images, Gradient::none)).value();
  require(
      values.shape().rank() == 2 && values.shape()[0] == images.shape()[0] && values.shape()[1] > 0,
      "evaluate: logits are ", values.shape(), " for images ", images.shape(),
      ", expected [N, classes]");
  std::vector<float> host = values.to_host<float>();
  const auto bad =
      std::find_if(host.begin(), host.end(), [](float z) { return !std::isfinite(z); });
  if (bad != host.end()) {
    const auto row = static_cast<std::size_t>((bad - host.begin()) / values.shape()[1]);
    fail("evaluate: the model answers ", *bad, " on the ", what, " example ", indices[row],
         ", so nothing can be said of its robustness. Check the weights, and mean and std");
  }
  return host;
}

// logsumexp(z) - z_y
double cross_entropy_of(std::span<const float> z, std::int32_t y) {
  const double largest = *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (float value : z) sum += std::exp(value - largest);
  return std::log(sum) + largest - z[static_cast<std::size_t>(y)];
}

struct Norms {
  double linf = 0, l2 = 0;
};

// Of x_hat - x; throws where x_hat is no image or outside the ball.
Norms checked_norms(std::span<const float> x, std::span<const float> x_hat,
                    const std::optional<Ball>& ball, std::int32_t example) {
  Norms norms;
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    require(x_hat[i] >= 0 && x_hat[i] <= 1, "attack: element ", i, " of adversarial example ",
            example, " is ", x_hat[i], ", outside [0, 1]. This is a fault of the attack");
    const double delta = static_cast<double>(x_hat[i]) - x[i];
    norms.linf = std::max(norms.linf, std::fabs(delta));
    squares += delta * delta;
  }
  norms.l2 = std::sqrt(squares);
  if (ball) {
    const double norm = ball->norm == Norm::linf ? norms.linf : norms.l2;
    // Rounding of x + delta, about 6e-8 an element, and of the norm, relative to it.
    require(norm <= ball->eps + 1e-6 * std::max(1., ball->eps),
            "attack: the perturbation of example ", example, " has ",
            ball->norm == Norm::linf ? "linf" : "l2", " norm ", norm, ", over eps ", ball->eps,
            ". This is a fault of the attack");
  }
  return norms;
}

// The state of one evaluate_attack.
class AttackRun {
 public:
  AttackRun(const LogitsFunction& logits, const DeviceDataset& data, const Attack& attack,
            AttackResult& result)
      : logits_(logits),
        data_(data),
        attack_(attack),
        attempt_(attack.against(logits)),
        result_(result) {}

  // One attempt on these examples; returns those that withstood it.
  std::vector<std::int32_t> attempt(const std::vector<std::int32_t>& examples,
                                    std::uint32_t restart) {
    const AttackBatch batch = data_.batch(examples, {}, 0, 0);
    const Tensor adversarial = attempt_(batch, restart, result_.passes);
    require(adversarial.shape() == batch.images.shape(), "attack: returned ", adversarial.shape(),
            " for images ", batch.images.shape());
    store(batch, adversarial, examples);

    const std::vector<float> z = finite_logits(logits_, adversarial, examples, "adversarial");
    result_.passes.forward += static_cast<std::int64_t>(examples.size());
    const std::vector<std::int32_t> labels = batch.labels.to_host<std::int32_t>();
    const auto classes = static_cast<std::int64_t>(z.size() / examples.size());
    std::vector<std::int32_t> withstood;
    for (std::size_t row = 0; row < examples.size(); ++row) {
      const std::int32_t prediction = argmax(&z[row * static_cast<std::size_t>(classes)], classes);
      result_.predictions[static_cast<std::size_t>(examples[row])] = prediction;
      if (prediction == labels[row]) withstood.push_back(examples[row]);
    }
    return withstood;
  }

  // Norms of what is stored for these examples; counts those that were not moved at all.
  void measure(const std::vector<std::int32_t>& examples) {
    std::int64_t unmoved = 0;
    for (std::int32_t example : examples) {
      const Norms& norms = norms_[static_cast<std::size_t>(example)];
      result_.max_linf = std::max(result_.max_linf, norms.linf);
      result_.max_l2 = std::max(result_.max_l2, norms.l2);
      unmoved += norms.linf == 0 ? 1 : 0;
    }
    if (unmoved > 0 && (!attack_.ball || attack_.ball->eps > 0)) {
      result_.warnings.push_back(
          text(unmoved, " of ", examples.size(), " attacked examples were not moved at all: ",
               "a gradient of exactly zero, as a saturated softmax has, stops this attack"));
    }
  }

  // Stores the clean images, which attempts then replace.
  void store_clean(std::int64_t first, std::int64_t count) {
    const AttackBatch batch = data_.batch(first, count);
    const std::vector<float> x = batch.images.to_host<float>();
    const std::size_t size = x.size() / static_cast<std::size_t>(count);
    if (result_.adversarial.empty()) {
      result_.adversarial.resize(size * static_cast<std::size_t>(data_.size()));
      norms_.resize(static_cast<std::size_t>(data_.size()));
    }
    std::copy(x.begin(), x.end(),
              result_.adversarial.begin() +
                  static_cast<std::ptrdiff_t>(size * static_cast<std::size_t>(first)));
  }

 private:
  void store(const AttackBatch& batch, const Tensor& adversarial,
             const std::vector<std::int32_t>& examples) {
    const std::vector<float> x = batch.images.to_host<float>(),
                             x_hat = adversarial.to_host<float>();
    const std::size_t size = x.size() / examples.size();
    for (std::size_t row = 0; row < examples.size(); ++row) {
      const auto example = static_cast<std::size_t>(examples[row]);
      const std::span<const float> image(x_hat.data() + row * size, size);
      norms_[example] =
          checked_norms({x.data() + row * size, size}, image, attack_.ball, examples[row]);
      std::copy(image.begin(), image.end(),
                result_.adversarial.begin() + static_cast<std::ptrdiff_t>(example * size));
    }
  }

  const LogitsFunction& logits_;
  const DeviceDataset& data_;
  const Attack& attack_;
  const Attempt attempt_;
  AttackResult& result_;
  std::vector<Norms> norms_;  // [N]
};

std::vector<std::int32_t> examples_to_attack(const DeviceDataset& data, const Evaluation& clean,
                                             AttackedExamples which, std::int64_t batch_size) {
  std::vector<std::int32_t> examples;
  for (std::int64_t first = 0; first < data.size(); first += batch_size) {
    const AttackBatch batch = data.batch(first, std::min(batch_size, data.size() - first));
    const std::vector<std::int32_t> labels = batch.labels.to_host<std::int32_t>();
    for (std::size_t row = 0; row < labels.size(); ++row) {
      const std::size_t example = static_cast<std::size_t>(first) + row;
      if (which == AttackedExamples::all || clean.predictions[example] == labels[row]) {
        examples.push_back(static_cast<std::int32_t>(example));
      }
    }
  }
  return examples;
}

}  // namespace

Evaluation evaluate(const LogitsFunction& logits, const DeviceDataset& data,
                    std::int64_t batch_size, Progress* progress) {
  require(batch_size >= 1, "evaluate: a batch size of ", batch_size, " is below 1");
  Evaluation result;
  std::int64_t correct = 0;
  double loss = 0;
  for (std::int64_t first = 0; first < data.size(); first += batch_size) {
    const std::int64_t count = std::min(batch_size, data.size() - first);
    const AttackBatch batch = data.batch(first, count);
    const std::vector<std::int32_t> labels = batch.labels.to_host<std::int32_t>();
    std::vector<std::int32_t> indices(labels.size());
    std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(first));
    const std::vector<float> z = finite_logits(logits, batch.images, indices, "clean");
    result.classes = static_cast<std::int64_t>(z.size()) / count;
    const auto classes = static_cast<std::size_t>(result.classes);
    for (std::size_t row = 0; row < labels.size(); ++row) {
      require(labels[row] >= 0 && labels[row] < result.classes, "evaluate: example ", indices[row],
              " has label ", labels[row], ", the model has ", result.classes,
              " classes (counted from 0). Is it the data set the model was trained on?");
      const std::span<const float> logits_row(z.data() + row * classes, classes);
      const std::int32_t prediction = argmax(logits_row.data(), result.classes);
      result.predictions.push_back(prediction);
      correct += prediction == labels[row] ? 1 : 0;
      loss += cross_entropy_of(logits_row, labels[row]);
    }
    result.logits.insert(result.logits.end(), z.begin(), z.end());
    const auto done = static_cast<double>(first + count);
    if (progress) progress->advance(count, {loss / done, percent(correct, first + count)});
  }
  result.accuracy = percent(correct, data.size());
  result.loss = data.size() > 0 ? loss / static_cast<double>(data.size()) : 0.;
  return result;
}

AttackResult evaluate_attack(const LogitsFunction& logits, const DeviceDataset& data,
                             const Evaluation& clean, const Attack& attack, AttackedExamples which,
                             std::int64_t batch_size, Progress* progress) {
  require(batch_size >= 1, "evaluate: a batch size of ", batch_size, " is below 1");
  require(static_cast<std::int64_t>(clean.predictions.size()) == data.size(), "evaluate: ",
          clean.predictions.size(), " clean predictions for ", data.size(), " examples");
  const auto start = std::chrono::steady_clock::now();
  AttackResult result;
  result.predictions = clean.predictions;
  AttackRun run(logits, data, attack, result);
  for (std::int64_t first = 0; first < data.size(); first += batch_size) {
    run.store_clean(first, std::min(batch_size, data.size() - first));
  }
  const std::vector<std::int32_t> examples = examples_to_attack(data, clean, which, batch_size);
  result.attacked = static_cast<std::int64_t>(examples.size());

  std::vector<std::int32_t> standing = examples;
  for (std::int64_t restart = 0; restart < attack.restarts && !standing.empty(); ++restart) {
    // Survivors are packed into full batches: fewer passes, and few shapes for the libraries to
    // prepare.
    std::vector<std::int32_t> withstood;
    for (std::size_t first = 0; first < standing.size();
         first += static_cast<std::size_t>(batch_size)) {
      const std::size_t last =
          std::min(first + static_cast<std::size_t>(batch_size), standing.size());
      const std::vector<std::int32_t> batch(standing.begin() + static_cast<std::ptrdiff_t>(first),
                                            standing.begin() + static_cast<std::ptrdiff_t>(last));
      const std::vector<std::int32_t> left =
          run.attempt(batch, static_cast<std::uint32_t>(restart));
      withstood.insert(withstood.end(), left.begin(), left.end());
      const auto unbroken = static_cast<std::int64_t>(withstood.size() + standing.size() - last);
      // The accuracy shown is what is left of it: it falls towards the result.
      if (progress) progress->advance(static_cast<std::int64_t>(batch.size()),
                                      {std::nullopt, percent(unbroken, data.size())});
    }
    standing = std::move(withstood);
  }
  run.measure(examples);
  result.robust_accuracy = percent(static_cast<std::int64_t>(standing.size()), data.size());
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace saddle
