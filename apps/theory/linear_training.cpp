#include "apps/theory/linear_training.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/ops.h"
#include "kernels/philox.h"
#include "optim/sam.h"
#include "optim/schedule.h"

namespace saddle::theory {
namespace {

struct Examples {
  std::int64_t count, features;
  std::vector<float> x;             // [count, features]
  std::vector<std::int32_t> label;  // 1 for y = 1, 0 for y = -1
};

Examples draw(const ToyModel& model, std::int64_t count, std::uint64_t seed) {
  Examples drawn{count, 1 + std::llround(model.n), {}, {}};
  const Stream stream{seed, Purpose::toy_examples};
  for (std::int64_t i = 0; i < count; ++i) {
    const auto item = static_cast<std::uint32_t>(i);
    const Random4 first = stream.bits(item, 0);
    const float y = (first.v[0] & 1u) != 0 ? 1.f : -1.f;
    drawn.label.push_back(y > 0 ? 1 : 0);
    drawn.x.push_back(uniform(first.v[1]) < model.p ? y : -y);
    for (std::int64_t j = 1; j < drawn.features; ++j) {
      const Random4 bits = stream.bits(item, static_cast<std::uint32_t>(j));
      drawn.x.push_back(static_cast<float>(model.eta) * y + normal(bits.v[0], bits.v[1]));
    }
  }
  return drawn;
}

// Weights [2, features] of logits for y = -1 and 1; only their difference counts.
class LinearClassifier {
 public:
  LinearClassifier(Device& device, std::int64_t features)
      : slot_(layout_.add("weight", {2, features}, {})),
        no_bias_(Tensor::filled(device, {2}, 0.f)),
        weights_(layout_.zeros(device)) {}

  const WeightLayout& layout() const { return layout_; }
  const Tensor& weights() const { return weights_; }

  // Weight of each feature in favour of y = 1.
  std::vector<float> difference() const {
    const std::vector<float> both = view(weights_, slot_).to_host<float>();
    const std::size_t features = both.size() / 2;
    std::vector<float> own;
    for (std::size_t j = 0; j < features; ++j) own.push_back(both[features + j] - both[j]);
    return own;
  }
  // dL/dw of the mean logistic loss at `w` into g.
  void gradient(const Parameters& w, const Tensor& g, const Tensor& x, const Tensor& label) const {
    Tape tape;
    const Pass pass{tape, w, g, {}};
    const Var z =
        linear(tape, Var(x, Gradient::none), pass.parameter(slot_), Var(no_bias_, Gradient::none));
    tape.backward(cross_entropy(tape, z, label, LossReduction::mean).loss);
  }

 private:
  WeightLayout layout_;
  Slot slot_;
  Tensor no_bias_, weights_;
};

// Moves the non-robust features where they cost most margin: by -eps y sign(w_j).
void attack(std::vector<float>& x, const std::vector<std::int32_t>& label,
            const std::vector<float>& w, float eps) {
  for (std::size_t i = 0; i < label.size(); ++i) {
    const float y = label[i] == 1 ? 1.f : -1.f;
    for (std::size_t j = 1; j < w.size(); ++j) {
      const float sign = w[j] > 0 ? 1.f : w[j] < 0 ? -1.f : 0.f;
      x[i * w.size() + j] -= eps * y * sign;
    }
  }
}

}  // namespace

double learnt_weight(Device& device, const ToyModel& model, const ToyTrainingOptions& options) {
  check(model);
  require(options.radius >= 0 && options.examples >= options.batch_size &&
              options.batch_size >= 1 && options.epochs >= 1,
          "toy training: needs a radius that is not negative, and at least one batch and epoch");
  const Examples examples = draw(model, options.examples, options.seed);
  const std::int64_t features = examples.features, batch = options.batch_size,
                     batches = examples.count / batch;
  LinearClassifier classifier(device, features);
  const Parameters w{classifier.weights(), {}};
  // The two logits' weights move opposite ways, so that a step of rho in both is one of
  // sqrt(2) rho in their difference.
  std::optional<double> rho;
  if (options.method == ToyTraining::sam) rho = options.radius / std::sqrt(2.);
  Minimiser minimiser(Sgd(device, classifier.layout().size(), {0.9, 0, false}), device,
                      classifier.layout().size(), rho);

  for (std::int64_t step = 0; step < options.epochs * batches; ++step) {
    const std::int64_t first = step % batches * batch;
    std::vector<float> x(examples.x.begin() + first * features,
                         examples.x.begin() + (first + batch) * features);
    const std::vector<std::int32_t> label(examples.label.begin() + first,
                                          examples.label.begin() + first + batch);
    if (options.method == ToyTraining::adversarial) {
      attack(x, label, classifier.difference(), static_cast<float>(options.radius));
    }
    const Tensor on_device = Tensor::from_host(device, {batch, features}, x),
                 labels = Tensor::from_host(device, {batch}, label);
    const double lr = learning_rate(Schedule::cosine, options.lr, step, options.epochs * batches);
    minimiser.step(w, lr, {[&](const Parameters& at, const Tensor& g, const GradientRequest&) {
                     classifier.gradient(at, g, on_device, labels);
                   }});
  }
  const std::vector<float> learnt = classifier.difference();
  const double sum = std::accumulate(learnt.begin() + 1, learnt.end(), 0.);
  return learnt[0] * static_cast<double>(features - 1) / sum;
}

}  // namespace saddle::theory
