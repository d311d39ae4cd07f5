#include "apps/common/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <new>
#include <numeric>
#include <span>
#include <utility>

#include "kernels/loss.h"
#include "kernels/philox.h"

namespace saddle {
namespace {

// Two logits that are closer may change places with the order in which sums are rounded.
constexpr double kRoundingOfLogits = 1e-5;
// A pixel that moved by less was not meant to move: a warp by nothing rounds its weights, too.
constexpr double kRoundingOfPixels = 1e-6;

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

double norm_in(const ExampleRecord& record, Norm norm) {
  if (norm == Norm::l1) return record.l1;
  return norm == Norm::linf ? record.linf : record.l2;
}

// Rounding of x + delta, about 6e-8 an element, and of the norm, relative to it. An l1 norm adds up
// the rounding of thousands of elements.
double slack_of(const Ball& ball) {
  if (ball.norm == Norm::l1) return 1e-4 * ball.eps + 1e-6;
  return ball.norm == Norm::l2 ? 1e-5 * ball.eps + 1e-6 : 1e-6;
}

// z_y - max of the others.
double margin_of(std::span<const float> z, std::int32_t y) {
  float rival = -std::numeric_limits<float>::infinity();
  for (std::size_t k = 0; k < z.size(); ++k) {
    if (static_cast<std::int32_t>(k) != y) rival = std::max(rival, z[k]);
  }
  return static_cast<double>(z[static_cast<std::size_t>(y)]) - rival;
}

// Norms and pixels of x_hat - x, into the record; throws where x_hat is no image or outside the
// ball.
void measure(std::span<const float> x, std::span<const float> x_hat, std::int64_t channels,
             const std::optional<Ball>& ball, std::int32_t example, ExampleRecord& record) {
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
  if (!ball) return;
  const double norm = norm_in(record, ball->norm);
  const double slack = slack_of(*ball);
  require(norm <= ball->eps + slack, "attack: the perturbation of example ", example, " has ",
          norm_name(ball->norm), " norm ", norm, ", over eps ", ball->eps,
          ". This is a fault of the attack");
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
    const Batch batch = data.batch(first, count);
    const std::vector<std::int32_t> labels = batch.targets.to_host<std::int32_t>();
    std::vector<std::int32_t> indices(labels.size());
    std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(first));
    const std::vector<float> z = finite_logits(logits, batch.inputs, indices, "clean");
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

std::vector<std::int32_t> predict_images(const LogitsFunction& logits, Device& device,
                                         std::span<const float> images, const Shape& image,
                                         std::int64_t batch_size) {
  const std::int64_t size = image.count();
  const std::int64_t all = static_cast<std::int64_t>(images.size()) / size;
  std::vector<std::int32_t> predictions;
  for (std::int64_t first = 0; first < all; first += batch_size) {
    const std::int64_t count = std::min(batch_size, all - first);
    const auto values = images.subspan(static_cast<std::size_t>(first * size),
                                       static_cast<std::size_t>(count * size));
    const Tensor batch = Tensor::from_host(device, {count, image[0], image[1], image[2]},
                                           std::vector<float>(values.begin(), values.end()));
    std::vector<std::int32_t> indices(static_cast<std::size_t>(count));
    std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(first));
    const std::vector<float> z = finite_logits(logits, batch, indices, "adversarial");
    const std::int64_t classes = static_cast<std::int64_t>(z.size()) / count;
    for (std::int64_t row = 0; row < count; ++row) {
      predictions.push_back(argmax(z.data() + row * classes, classes));
    }
  }
  return predictions;
}

std::vector<std::int32_t> AttackResult::predictions() const {
  std::vector<std::int32_t> list;
  for (const ExampleRecord& record : examples) list.push_back(record.prediction);
  return list;
}

std::string norm_name(Norm norm) {
  if (norm == Norm::l1) return "l1";
  return norm == Norm::linf ? "linf" : "l2";
}

namespace {

std::int32_t target_of(const Aim& aim, std::span<const float> z, std::int32_t label,
                       std::int32_t example) {
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

Attack pgd_attack(const PgdOptions& options, std::uint64_t seed) {
  AttackMember member;
  member.name = "pgd";
  member.against = [options, seed](const LogitsFunction& logits, std::int64_t) -> Attempt {
    return
        [run = std::make_shared<Pgd>(logits, options), seed](
            const Batch& batch, AttemptCounts& counts) { return (*run)(batch, seed, 0, &counts); };
  };
  member.on_failure = OnFailure::last_iterate;
  Attack attack;
  attack.members.push_back(std::move(member));
  attack.ball = Ball{options.norm, options.eps};
  return attack;
}

AttackRun::AttackRun(const LogitsFunction& logits, const DeviceDataset& data,
                     const Evaluation& clean, const Attack& attack, AttackedExamples which,
                     std::int64_t batch_size)
    : logits_(logits),
      data_(data),
      attack_(attack),
      batch_size_(batch_size),
      classes_(clean.classes) {
  require(batch_size >= 1, "evaluate: a batch size of ", batch_size, " is below 1");
  require(static_cast<std::int64_t>(clean.predictions.size()) == data.size(),
          "evaluate: ", clean.predictions.size(), " clean predictions for ", data.size(),
          " examples");
  for (AttackMember& member : attack_.members) {
    if (classes_ < member.least_classes && member.stand_in) {
      const AttackMember other = *member.stand_in;
      warn(text(member.name, ": needs a model of at least ", member.least_classes,
                " classes, this one has ", classes_, ": ", other.name, " takes its place"));
      member = other;
    }
    require(classes_ >= member.least_classes, member.name, ": needs a model of at least ",
            member.least_classes, " classes, this one has ", classes_,
            ". Attack it with pgd, apgd-ce or square");
    if (member.targets > classes_ - 1 && member.targets != kAllTargets) {
      warn(text(member.name, ": ", member.targets, " target classes were asked for, ", classes_ - 1,
                " is all that ", classes_, " classes have"));
    }
  }
  AttackResult& result = state_.result;
  for (std::int64_t first = 0; first < data.size(); first += batch_size) {
    const Batch batch = data.batch(first, std::min(batch_size, data.size() - first));
    const std::vector<float> x = batch.inputs.to_host<float>();
    result.adversarial.insert(result.adversarial.end(), x.begin(), x.end());
    for (std::int32_t label : batch.targets.to_host<std::int32_t>()) {
      const std::size_t example = result.examples.size();
      ExampleRecord record;
      record.label = label;
      record.clean_prediction = record.prediction = clean.predictions[example];
      record.attacked = which == AttackedExamples::all || record.prediction == label ? 1 : 0;
      const std::span<const float> z(
          clean.logits.data() + example * static_cast<std::size_t>(classes_),
          static_cast<std::size_t>(classes_));
      record.cross_entropy = cross_entropy_of(z, label);
      record.margin = margin_of(z, label);
      if (attack_.aim) {
        targets_.push_back(target_of(*attack_.aim, z, label, static_cast<std::int32_t>(example)));
        if (targets_.back() == label) record.attacked = 0;
      }
      if (record.attacked != 0) attacked_.push_back(static_cast<std::int32_t>(example));
      result.examples.push_back(record);
    }
  }
  result.attacked = static_cast<std::int64_t>(attacked_.size());
  begin_member();
  skip_to_work();
}

void AttackRun::warn(const std::string& warning) { state_.result.warnings.push_back(warning); }

std::int64_t AttackRun::targets(const AttackMember& member) const {
  return std::min(member.targets, classes_ - 1);
}

std::int64_t AttackRun::attempts(const AttackMember& member) const {
  return member.restarts * std::max<std::int64_t>(1, targets(member));
}

bool AttackRun::finished() const {
  return state_.member == static_cast<std::int64_t>(attack_.members.size());
}

void AttackRun::begin_member() {
  if (finished()) return;
  state_.attempt = state_.position = 0;
  state_.standing.assign(state_.result.examples.size(), 0);
  for (std::int32_t example : attacked_) {
    const auto place = static_cast<std::size_t>(example);
    const bool left =
        attack_.order == Members::each_alone || !state_.result.examples[place].broken();
    state_.standing[place] = left ? 1 : 0;
  }
  const AttackMember& member = attack_.members[static_cast<std::size_t>(state_.member)];
  state_.result.members.push_back({member.name, 0, {}, 0, 0});
  attempt_ = nullptr;
}

void AttackRun::end_member() {
  const std::int64_t standing =
      std::accumulate(state_.standing.begin(), state_.standing.end(), std::int64_t{0});
  MemberResult& member = state_.result.members.back();
  // Who has not been led to the target may still be taken for another class.
  member.robust_accuracy = targets_.empty() ? percent(standing, data_.size()) : robust_accuracy();
  if (member.zero_gradients > 0) {
    warn(text(member.name, ": ", member.zero_gradients,
              " attempts began with a gradient of exactly zero, and climbing got them nowhere. "
              "Trust fab-t and square more"));
  }
  ++state_.member;
  begin_member();
}

// Ends members that have nobody left to try.
void AttackRun::skip_to_work() {
  AttackState after;
  while (!finished() && next_pairs(after).empty()) end_member();
}

bool AttackRun::is_success(std::int32_t prediction, std::int32_t label, std::size_t example) const {
  return targets_.empty() ? prediction != label : prediction == targets_[example];
}

// Whether a record that was stored can be of this run.
bool AttackRun::fits(const ExampleRecord& record, std::size_t example) const {
  const ExampleRecord& is = state_.result.examples[example];
  const bool same = record.label == is.label && record.clean_prediction == is.clean_prediction &&
                    record.attacked == is.attacked;
  if (!same || record.prediction < 0 || record.prediction >= classes_) return false;
  if (record.changed_pixels < 0) return false;
  if (attack_.ball) {
    const double norm = norm_in(record, attack_.ball->norm);
    if (!(norm <= attack_.ball->eps + slack_of(*attack_.ball))) return false;
  }
  if (!record.broken()) {
    const bool moved = record.attacked == 0 && record.prediction != is.prediction;
    return record.member == -1 && record.attempt == -1 && !moved;
  }
  if (record.member >= static_cast<std::int64_t>(attack_.members.size())) return false;
  const AttackMember& member = attack_.members[static_cast<std::size_t>(record.member)];
  return record.attacked != 0 && is_success(record.prediction, record.label, example) &&
         record.attempt >= 0 && record.attempt < attempts(member);
}

// Throws where examples, images or members are not those of this run, which has tried nothing yet:
// its images are the clean ones.
void AttackRun::check_examples(const AttackResult& result) const {
  const AttackResult& own = state_.result;
  constexpr const char* kMend = ", so it is of another run. Begin anew with --restart";
  require(result.examples.size() == own.examples.size(), "evaluate: the state has ",
          result.examples.size(), " examples, the data ", own.examples.size(), kMend);
  const std::vector<float>& images = result.adversarial;
  require(images.empty() || images.size() == own.adversarial.size(), "evaluate: the state has ",
          images.size(), " values of images, the data ", own.adversarial.size(), kMend);
  require(result.members.size() <= attack_.members.size(), "evaluate: the state has ",
          result.members.size(), " members of the attack, which has ", attack_.members.size(),
          kMend);
  for (std::size_t m = 0; m < result.members.size(); ++m) {
    require(result.members[m].name == attack_.members[m].name, "evaluate: the state has '",
            result.members[m].name, "' in the place of ", attack_.members[m].name, kMend);
  }
  const std::size_t size = images.size() / std::max<std::size_t>(1, result.examples.size());
  for (std::size_t i = 0; i < result.examples.size(); ++i) {
    const ExampleRecord& record = result.examples[i];
    require(fits(record, i), "evaluate: the state's example ", i, " contradicts data and model",
            kMend);
    if (images.empty()) continue;
    ExampleRecord measured;
    measure({own.adversarial.data() + i * size, size}, {images.data() + i * size, size},
            data_.image_shape()[2], std::nullopt, static_cast<std::int32_t>(i), measured);
    require(measured.linf == record.linf && measured.l2 == record.l2 && measured.l1 == record.l1 &&
                measured.changed_pixels == record.changed_pixels,
            "evaluate: the state's image ", i, " is not the one that was measured", kMend);
  }
}

void AttackRun::check(const AttackResult& finished) const {
  check_examples(finished);
  AttackResult own;
  std::int64_t right = 0, attacked = 0;
  for (const ExampleRecord& record : finished.examples) {
    right += record.prediction == record.label ? 1 : 0;
    attacked += record.attacked;
    own.max_linf = std::max(own.max_linf, record.linf);
    own.max_l2 = std::max(own.max_l2, record.l2);
    own.max_l1 = std::max(own.max_l1, record.l1);
  }
  require(finished.members.size() == attack_.members.size() &&
              finished.robust_accuracy == percent(right, data_.size()) &&
              finished.attacked == attacked && finished.max_linf == own.max_linf &&
              finished.max_l2 == own.max_l2 && finished.max_l1 == own.max_l1,
          "evaluate: the state's summary is not of its examples. Begin anew with --restart");
}

void AttackRun::resume(AttackState state) {
  std::vector<float>& images = state.result.adversarial;
  check_examples(state.result);
  bool same = state.member >= 0 && state.member < static_cast<std::int64_t>(attack_.members.size());
  same = same && state.attempt >= 0 &&
         state.attempt < attempts(attack_.members[static_cast<std::size_t>(state.member)]) &&
         state.position >= 0 && state.position <= static_cast<std::int64_t>(attacked_.size()) &&
         static_cast<std::int64_t>(state.result.members.size()) == state.member + 1 &&
         state.standing.size() == state.result.examples.size();
  // Who is left to try is said twice; the two agree.
  for (std::size_t i = 0; same && i < state.standing.size(); ++i) {
    const ExampleRecord& record = state.result.examples[i];
    const bool standing = state.standing[i] != 0;
    same = attack_.order == Members::in_sequence
               ? standing == (record.attacked != 0 && !record.broken())
           : standing ? record.attacked != 0
                      : record.attacked == 0 || record.broken();
  }
  require(same, "evaluate: the state is of another run. Begin anew with --restart");
  if (images.empty()) images = std::move(state_.result.adversarial);
  state_ = std::move(state);
  attempt_ = nullptr;
  skip_to_work();
}

void AttackRun::inherit(const AttackResult& smaller) {
  AttackResult& result = state_.result;
  const bool images = !smaller.adversarial.empty();
  require(smaller.examples.size() == result.examples.size() &&
              (!images || smaller.adversarial.size() == result.adversarial.size()),
          "evaluate: the smaller radius was of other examples");
  require(attack_.order == Members::in_sequence && state_.position == 0 && state_.attempt == 0,
          "evaluate: only a run of members in sequence can take over another, before it begins");
  const std::size_t size =
      result.adversarial.size() / std::max<std::size_t>(1, result.examples.size());
  for (std::size_t i = 0; i < result.examples.size(); ++i) {
    if (!smaller.examples[i].broken()) continue;
    result.examples[i] = smaller.examples[i];
    result.examples[i].forward = result.examples[i].backward = 0;
    state_.standing[i] = 0;
    if (!images) continue;
    const auto first = static_cast<std::ptrdiff_t>(i * size);
    std::copy_n(smaller.adversarial.begin() + first, size, result.adversarial.begin() + first);
  }
  skip_to_work();
}

// Fills a batch from the queue; `after` gets the place behind it. A batch grows into the next
// attempt only while it is small: those pairs are wasted on examples that the batch breaks.
std::vector<AttackRun::Pair> AttackRun::next_pairs(AttackState& after) const {
  // A GPU wants full batches; on the cpu a handful of images already fills the cores.
  constexpr std::int64_t kEnoughOnHost = 16;
  const std::int64_t enough =
      data_.device().captures() ? batch_size_ : std::min(batch_size_, kEnoughOnHost);
  const AttackMember& member = attack_.members[static_cast<std::size_t>(state_.member)];
  const auto queue = static_cast<std::int64_t>(attacked_.size());
  std::vector<Pair> pairs;
  std::int64_t attempt = state_.attempt, position = state_.position;
  while (attempt < attempts(member) && static_cast<std::int64_t>(pairs.size()) < batch_size_) {
    if (position == queue) {
      ++attempt;
      position = 0;
      if (static_cast<std::int64_t>(pairs.size()) >= enough) break;
      continue;
    }
    const std::int32_t example = attacked_[static_cast<std::size_t>(position++)];
    if (state_.standing[static_cast<std::size_t>(example)] == 0) continue;
    pairs.push_back({example, static_cast<std::int32_t>(attempt)});
  }
  after.attempt = attempt;
  after.position = position;
  return pairs;
}

void AttackRun::step() {
  require(!finished(), "evaluate: the run is finished");
  const auto start = std::chrono::steady_clock::now();
  const std::size_t member = static_cast<std::size_t>(state_.member);
  try {
    AttackState after;
    run(next_pairs(after));
    state_.attempt = after.attempt;
    state_.position = after.position;
  } catch (const std::exception& error) {
    if (!is_out_of_memory(error) || batch_size_ == 1) throw;
    attempt_ = nullptr;  // and with it what it keeps on the device
    data_.device().pool().trim();
    batch_size_ = std::max<std::int64_t>(1, batch_size_ / 2);
    warn(text("out of memory: went on with batches of ", batch_size_));
    return;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  state_.result.seconds += seconds;
  state_.result.members[member].seconds += seconds;
  skip_to_work();
}

void AttackRun::run(const std::vector<Pair>& pairs) {
  if (!attempt_) {
    const AttackMember& member = attack_.members[static_cast<std::size_t>(state_.member)];
    attempt_ = member.against(logits_, targets(member));
  }
  std::vector<std::int32_t> examples, numbers;
  for (const Pair& pair : pairs) {
    examples.push_back(pair.example);
    numbers.push_back(pair.attempt);
  }
  Batch batch = data_.batch(examples, {}, 0, 0);
  const Shape rows{static_cast<std::int64_t>(pairs.size())};
  batch.attempts = Tensor::from_host(data_.device(), rows, numbers);
  if (!targets_.empty()) {
    std::vector<std::int32_t> targets;
    for (std::int32_t example : examples) {
      targets.push_back(targets_[static_cast<std::size_t>(example)]);
    }
    batch.aims = Tensor::from_host(data_.device(), rows, targets);
  }
  AttemptCounts counts;
  const Tensor adversarial = attempt_(batch, counts);
  require(adversarial.shape() == batch.inputs.shape(), "attack: returned ", adversarial.shape(),
          " for images ", batch.inputs.shape());
  judge(pairs, batch, adversarial, counts);
}

// The verdict on what an attempt returned, and what is kept of it: for each example the first
// success, else the last attempt.
void AttackRun::judge(const std::vector<Pair>& pairs, const Batch& batch, const Tensor& adversarial,
                      const AttemptCounts& counts) {
  std::vector<std::int32_t> indices;
  for (const Pair& pair : pairs) indices.push_back(pair.example);
  const std::vector<float> z = finite_logits(logits_, adversarial, indices, "adversarial");
  const std::vector<float> x = batch.inputs.to_host<float>(), x_hat = adversarial.to_host<float>();
  const std::size_t size = x.size() / pairs.size(), classes = z.size() / pairs.size();
  AttackResult& result = state_.result;
  MemberResult& member = result.members.back();
  std::vector<std::uint8_t> zero_gradient(pairs.size(), 0);
  for (std::int32_t row : counts.zero_gradients) zero_gradient[static_cast<std::size_t>(row)] = 1;

  for (std::size_t row = 0; row < pairs.size(); ++row) {
    const auto place = static_cast<std::size_t>(pairs[row].example);
    if (state_.standing[place] == 0) continue;  // an attempt before it, in this batch, broke it
    ExampleRecord& kept = result.examples[place];
    Passes used = row < counts.rows.size() ? counts.rows[row] : Passes{};
    used.forward += 1;  // the verdict
    for (Passes* sum : {&result.passes, &member.passes}) {
      sum->forward += used.forward;
      sum->backward += used.backward;
    }
    kept.forward += static_cast<double>(used.forward);
    kept.backward += static_cast<double>(used.backward);
    member.zero_gradients += zero_gradient[row];
    ExampleRecord record = kept;
    const std::span<const float> image(x_hat.data() + row * size, size);
    measure({x.data() + row * size, size}, image, batch.inputs.shape()[3], attack_.ball,
            pairs[row].example, record);
    const std::span<const float> answer(z.data() + row * classes, classes);
    record.prediction = argmax(answer.data(), static_cast<std::int64_t>(classes));
    record.cross_entropy = cross_entropy_of(answer, record.label);
    record.margin = margin_of(answer, record.label);
    const bool success = is_success(record.prediction, record.label, place);
    if (success) state_.standing[place] = 0;
    if (kept.broken()) continue;
    if (success) {
      record.member = static_cast<std::int32_t>(state_.member);
      record.attempt = pairs[row].attempt;
    }
    kept = record;
    std::copy(image.begin(), image.end(),
              result.adversarial.begin() + static_cast<std::ptrdiff_t>(place * size));
  }
}

std::int64_t AttackRun::total() const {
  std::int64_t passes = 0;
  for (const AttackMember& member : attack_.members) passes += attempts(member) * member.passes;
  return passes * static_cast<std::int64_t>(attacked_.size());
}

std::int64_t AttackRun::done() const {
  std::int64_t broken = 0;  // these are done with later members, too
  for (std::int32_t example : attacked_) {
    broken += state_.result.examples[static_cast<std::size_t>(example)].broken() ? 1 : 0;
  }
  const auto all = static_cast<std::int64_t>(attacked_.size());
  std::int64_t passes = 0;
  for (std::size_t m = 0; m < attack_.members.size(); ++m) {
    const AttackMember& member = attack_.members[m];
    std::int64_t pairs = 0;
    if (static_cast<std::int64_t>(m) < state_.member) {
      pairs = attempts(member) * all;
    } else if (static_cast<std::int64_t>(m) == state_.member) {
      pairs = state_.attempt * all + state_.position;
      for (std::int64_t i = 0; i < all; ++i) {
        const auto place = static_cast<std::size_t>(attacked_[static_cast<std::size_t>(i)]);
        if (state_.standing[place] != 0) continue;
        pairs += attempts(member) - state_.attempt - (i < state_.position ? 1 : 0);
      }
    } else if (attack_.order == Members::in_sequence) {
      pairs = attempts(member) * broken;
    }
    passes += pairs * member.passes;
  }
  return passes;
}

double AttackRun::robust_accuracy() const {
  std::int64_t right = 0;
  for (const ExampleRecord& record : state_.result.examples) {
    right += record.prediction == record.label ? 1 : 0;
  }
  return percent(right, data_.size());
}

AttackResult AttackRun::result() const {
  AttackResult result = state_.result;
  result.robust_accuracy = robust_accuracy();
  std::int64_t unmoved = 0, still = 0, undecided = 0;
  for (const ExampleRecord& record : result.examples) {
    result.max_linf = std::max(result.max_linf, record.linf);
    result.max_l2 = std::max(result.max_l2, record.l2);
    result.max_l1 = std::max(result.max_l1, record.l1);
    unmoved += record.attacked != 0 && record.linf == 0 ? 1 : 0;
    still += record.attacked != 0 && record.linf <= kRoundingOfPixels ? 1 : 0;
    undecided += record.broken() && record.margin > -kRoundingOfLogits ? 1 : 0;
  }
  if (finished() && undecided > 0) {
    result.warnings.push_back(text(
        undecided, " adversarial examples lie on the decision boundary to within rounding ",
        "(margin above -", kRoundingOfLogits, "): another implementation may call them right"));
  }
  const bool moves = std::ranges::any_of(attack_.members, [](const AttackMember& member) {
    return member.on_failure == OnFailure::last_iterate;
  });
  const bool may_move = finished() && (!attack_.ball || attack_.ball->eps > kRoundingOfPixels);
  if (may_move && still > 0 && still == result.attacked) {
    result.warnings.push_back(
        text("the attack did nothing: all ", still, " adversarial images are the clean ones (no ",
             "pixel moved by more than ", kRoundingOfPixels, "). Before this is taken for ",
             "robustness, check its settings (a step too small for a pixel?) and the model's ",
             "gradients"));
  } else if (finished() && moves && unmoved > 0 && (!attack_.ball || attack_.ball->eps > 0)) {
    result.warnings.push_back(
        text(unmoved, " of ", result.attacked, " attacked examples were not moved at all: ",
             "a gradient of exactly zero, as a saturated softmax has, stops this attack"));
  }
  return result;
}

AttackResult evaluate_attack(const LogitsFunction& logits, const DeviceDataset& data,
                             const Evaluation& clean, const Attack& attack, AttackedExamples which,
                             std::int64_t batch_size, Progress* progress) {
  AttackRun run(logits, data, clean, attack, which, batch_size);
  std::int64_t done = run.done();
  while (!run.finished()) {
    run.step();
    // The accuracy shown is what is left of it: it falls towards the result.
    if (progress) progress->advance(run.done() - done, {std::nullopt, run.robust_accuracy()});
    done = run.done();
  }
  return run.result();
}

}  // namespace saddle
