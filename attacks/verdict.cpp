#include "attacks/verdict.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "core/error.h"
#include "kernels/loss.h"
#include "kernels/philox.h"

namespace saddle {
namespace {

double norm_in(const ImageRecord& record, Norm norm) {
  if (norm == Norm::l1) return record.l1;
  return norm == Norm::linf ? record.linf : record.l2;
}

// Norms and pixels of x_hat - x, into the record; throws where x_hat is no image.
void measure(std::span<const float> x, std::span<const float> x_hat, std::int64_t channels,
             std::size_t example, ImageRecord& record) {
  double linf = 0, squares = 0, l1 = 0;
  std::int32_t changed_pixels = 0;
  bool changed = false;
  for (std::size_t i = 0; i < x.size(); ++i) {
    require(x_hat[i] >= 0 && x_hat[i] <= 1, "attack: element ", i, " of adversarial example ",
            example, " is ", x_hat[i], ", outside [0, 1]. This is a fault of the attack");
    const double delta = static_cast<double>(x_hat[i]) - x[i];
    linf = std::max(linf, std::fabs(delta));
    squares += delta * delta;
    l1 += std::fabs(delta);
    changed = changed || delta != 0;
    if ((i + 1) % static_cast<std::size_t>(channels) == 0) {
      changed_pixels += changed ? 1 : 0;
      changed = false;
    }
  }
  record.linf = linf;
  record.l2 = std::sqrt(squares);
  record.l1 = l1;
  record.changed_pixels = changed_pixels;
}

void check_ball(const ImageRecord& record, const Ball& ball, std::size_t example) {
  const double norm = norm_in(record, ball.norm);
  require(norm <= ball.eps + slack_of(ball), "attack: the perturbation of example ", example,
          " has ", norm_name(ball.norm), " norm ", norm, ", over eps ", ball.eps,
          ". This is a fault of the attack");
}

std::int32_t target_of(const Aim& aim, std::span<const float> z, std::int32_t label,
                       std::size_t example) {
  const auto classes = static_cast<std::int32_t>(z.size());
  require(classes >= 2, "attack: a target needs a model of at least 2 classes, this one has ",
          classes);
  if (aim.at == Aim::At::one_class) {
    require(aim.to >= 0 && aim.to < classes, "attack: target=", aim.to,
            " is no class of the model, which has ", classes, " (counted from 0)");
    return aim.to;
  }
  if (aim.at == Aim::At::random) {
    constexpr std::uint32_t kNoAttempt = 0xffffffff;  // the steps of the stream are attempts from 0
    const Random4 bits = Stream{aim.seed, Purpose::attack_start, kNoAttempt}.bits(
        static_cast<std::uint32_t>(example), 0);
    const auto other = static_cast<std::int32_t>(
        uniform_below(bits.v[0], static_cast<std::uint32_t>(classes - 1)));
    return other < label ? other : other + 1;
  }
  std::int32_t least = label == 0 ? 1 : 0;
  for (std::int32_t k = least + 1; k < classes; ++k) {
    if (k != label && z[static_cast<std::size_t>(k)] < z[static_cast<std::size_t>(least)])
      least = k;
  }
  return least;
}

}  // namespace

// Rounding of x + delta, about 6e-8 an element, and of the norm, relative to it. An l1 norm adds up
// the rounding of thousands of elements.
double slack_of(const Ball& ball) {
  if (ball.norm == Norm::l1) return 1e-4 * ball.eps + 1e-6;
  return ball.norm == Norm::l2 ? 1e-5 * ball.eps + 1e-6 : 1e-6;
}

std::string norm_name(Norm norm) {
  if (norm == Norm::l1) return "l1";
  return norm == Norm::linf ? "linf" : "l2";
}

ImageVerdict::ImageVerdict(const LogitsFunction& logits, const Examples& examples,
                           const Evaluation& clean, const ImageVerdictOptions& options)
    : logits_(logits), examples_(examples), options_(options), classes_(clean.classes) {
  const std::int64_t count = examples.count, batch_size = options.batch_size;
  require(batch_size >= 1, "evaluate: a batch size of ", batch_size, " is below 1");
  require(static_cast<std::int64_t>(clean.predictions.size()) == count,
          "evaluate: ", clean.predictions.size(), " clean predictions for ", count, " examples");
  for (std::int64_t first = 0; first < count; first += batch_size) {
    std::vector<std::int32_t> numbers(
        static_cast<std::size_t>(std::min(batch_size, count - first)));
    std::iota(numbers.begin(), numbers.end(), static_cast<std::int32_t>(first));
    add(examples.batch(numbers), clean);
  }
}

// The next examples, as they are.
void ImageVerdict::add(const Batch& batch, const Evaluation& clean) {
  const std::vector<float> x = batch.inputs.to_host<float>();
  images_.insert(images_.end(), x.begin(), x.end());
  channels_ = batch.inputs.shape()[3];
  const auto classes = static_cast<std::size_t>(classes_);
  for (std::int32_t label : batch.targets.to_host<std::int32_t>()) {
    const std::size_t example = records_.size();
    const std::span<const float> z(clean.logits.data() + example * classes, classes);
    ImageRecord record;
    record.label = label;
    record.clean_prediction = record.prediction = clean.predictions[example];
    record.cross_entropy = cross_entropy_of(z, label);
    record.margin = margin_of(z, label);
    if (options_.aim) aims_.push_back(target_of(*options_.aim, z, label, example));
    records_.push_back(record);
  }
}

std::vector<std::uint8_t> ImageVerdict::attacked(AttackedExamples which) const {
  std::vector<std::uint8_t> attacked;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const ImageRecord& record = records_[i];
    const bool seen = which == AttackedExamples::all || record.clean_prediction == record.label;
    const bool there = !aims_.empty() && aims_[i] == record.label;
    attacked.push_back(seen && !there ? 1 : 0);
  }
  return attacked;
}

Batch ImageVerdict::batch(const std::vector<std::int32_t>& examples) const {
  Batch batch = examples_.batch(examples);
  if (aims_.empty()) return batch;
  std::vector<std::int32_t> aims;
  for (std::int32_t example : examples) aims.push_back(aims_[static_cast<std::size_t>(example)]);
  batch.aims = Tensor::from_host(*examples_.device, {static_cast<std::int64_t>(aims.size())}, aims);
  return batch;
}

RowVerdicts ImageVerdict::judge(const std::vector<std::int32_t>& examples, const Batch& batch,
                                const Tensor& adversarial) {
  struct Rows {
    std::vector<std::int32_t> examples;
    std::vector<float> z, x, x_hat;
    std::vector<ImageRecord> records;

    std::size_t example(std::size_t row) const { return static_cast<std::size_t>(examples[row]); }
    std::span<const float> of(const std::vector<float>& values, std::size_t row) const {
      const std::size_t size = values.size() / examples.size();
      return {values.data() + row * size, size};
    }
  };
  const auto rows = std::make_shared<Rows>(
      Rows{examples, finite_logits(logits_, adversarial, examples, "adversarial"),
           batch.inputs.to_host<float>(), adversarial.to_host<float>(),
           std::vector<ImageRecord>(examples.size())});
  const auto succeeds = [this, rows](std::size_t row) {
    const std::size_t example = rows->example(row);
    ImageRecord& record = rows->records[row] = records_[example];
    measure(rows->of(rows->x, row), rows->of(rows->x_hat, row), channels_, example, record);
    if (options_.ball) check_ball(record, *options_.ball, example);
    const std::span<const float> z = rows->of(rows->z, row);
    record.prediction = argmax(z.data(), static_cast<std::int64_t>(z.size()));
    record.cross_entropy = cross_entropy_of(z, record.label);
    record.margin = margin_of(z, record.label);
    return is_success(record.prediction, example);
  };
  const auto keep_row = [this, rows](std::size_t row) {
    keep(rows->records[row], rows->example(row));
    keep(rows->of(rows->x_hat, row), rows->example(row));
  };
  return {succeeds, keep_row};
}

double ImageVerdict::robust_accuracy(std::int64_t standing) const {
  // Who has not been led to the target may still be taken for another class.
  return aims_.empty() ? percent(standing, examples_.count) : robust_accuracy();
}

double ImageVerdict::robust_accuracy() const {
  std::int64_t right = 0;
  for (const ImageRecord& record : records_) right += record.prediction == record.label ? 1 : 0;
  return percent(right, examples_.count);
}

bool ImageVerdict::is_success(std::int32_t prediction, std::size_t example) const {
  return aims_.empty() ? prediction != records_[example].label : prediction == aims_[example];
}

bool ImageVerdict::fits(const ImageRecord& record, const Outcome& outcome,
                        std::size_t example) const {
  const ImageRecord& is = records_[example];
  const bool same = record.label == is.label && record.clean_prediction == is.clean_prediction;
  if (!same || record.prediction < 0 || record.prediction >= classes_) return false;
  if (record.changed_pixels < 0) return false;
  if (options_.ball) {
    const double norm = norm_in(record, options_.ball->norm);
    if (!(norm <= options_.ball->eps + slack_of(*options_.ball))) return false;
  }
  if (outcome.broken()) return is_success(record.prediction, example);
  return outcome.attacked != 0 || record.prediction == is.clean_prediction;
}

void ImageVerdict::check_image(const ImageRecord& record, std::span<const float> image,
                               std::size_t example) const {
  ImageRecord measured;
  measure(this->image(example), image, channels_, example, measured);
  require(measured.linf == record.linf && measured.l2 == record.l2 && measured.l1 == record.l1 &&
              measured.changed_pixels == record.changed_pixels,
          "evaluate: the state's image ", example,
          " is not the one that was measured, so it is of another run. Begin anew with --restart");
}

void ImageVerdict::keep(std::span<const float> image, std::size_t example) {
  std::copy(image.begin(), image.end(),
            images_.begin() + static_cast<std::ptrdiff_t>(example * image.size()));
}

std::span<const float> ImageVerdict::image(std::size_t example) const {
  const std::size_t size = images_.size() / records_.size();
  return {images_.data() + example * size, size};
}

}  // namespace saddle
