// TextClassifier against the library transformers (tests/vectors/make_text_vectors.py), and what it
// has besides.
#include "layers/models/text_classifier.h"

#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "layers/network.h"
#include "optim/sam.h"
#include "tests/layers/stored_vectors.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

using namespace testing_support;

// float32 against float64; the script sees at most 4e-6 in its own float32.
constexpr double kBound = 2e-5;
// bf16 against float64: of the same networks PyTorch in bf16 has logits that err by up to 1.7 % and
// gradients by up to 7 %, under its autocast 1.3 % and 9 %.
constexpr double kBoundInBf16 = 2.5e-2, kGradientBoundInBf16 = 0.1;

const SafetensorsFile& answers() {
  static const SafetensorsFile file =
      SafetensorsFile::load(source_directory() / "tests/vectors/text.safetensors");
  return file;
}

const nlohmann::json& settings() {
  static const nlohmann::json found = parse_json(answers().metadata().at("vectors"));
  return found;
}

TextOptions options_of(const std::string& name) {
  const auto& sizes = settings().at("sizes");
  const auto& own = settings().at("networks").at(name);
  TextOptions options;
  options.vocabulary = sizes.at("vocabulary");
  options.positions = sizes.at("positions");
  options.width = sizes.at("width");
  options.layers = sizes.at("layers");
  options.heads = sizes.at("heads");
  options.hidden = sizes.at("hidden");
  options.kinds = own.at("kinds");
  options.eps = own.at("eps");
  options.activation = own.at("activation") == "gelu" ? GeluForm::exact : GeluForm::tanh;
  options.pooling = own.at("model") == "bert" ? TextPooling::first_tanh : TextPooling::first_relu;
  return options;
}

struct TextCase {
  std::string device, network;
};

std::vector<TextCase> text_cases() {
  std::vector<TextCase> cases;
  for (const std::string& device : device_names()) {
    for (const char* network : {"bert", "bert_tanh", "distilbert"}) {
      cases.push_back({device, network});
    }
  }
  return cases;
}

class TextVectors : public ::testing::TestWithParam<TextCase> {
 protected:
  Device& device = device_named(GetParam().device);
  const std::string name = GetParam().network;
  const TextClassifier model{settings().at("networks").at(name).at("model"), options_of(name),
                             settings().at("sizes").at("classes")};
  const Tensor w = stored_weights();
  const Tensor tokens = Tensor::from_host(device, answers().tensor(name + "/tokens").shape,
                                          narrow(answers().read_i64(name + "/tokens")));

  static std::vector<std::int32_t> narrow(const std::vector<std::int64_t>& wide) {
    return {wide.begin(), wide.end()};
  }
  Tensor labels() const {
    const auto values = narrow(answers().read_i64(name + "/labels"));
    return Tensor::from_host(device, {static_cast<std::int64_t>(values.size())}, values);
  }
  Tensor stored_weights() const {
    const WeightLayout& layout = model.layout.weights;
    std::vector<float> buffer(static_cast<std::size_t>(layout.size()), 0.f);
    for (const Slot& slot : layout.slots()) {
      WeightLayout::from_file_order(slot, answers().read_f32(name + "/init." + slot.name), buffer);
    }
    return Tensor::from_host(device, {layout.size()}, buffer);
  }

  // L at `weights`, in bf16 where they are rounded, its gradient in `g`; the logits.
  Var run(const Parameters& weights, const Tensor& g, float* loss = nullptr) const {
    Tape tape;
    const Var x = tape.input(tokens, Gradient::none);
    const Precision precision = weights.rounded ? Precision::bf16 : Precision::fp32;
    const Var logits = model({tape, weights, g, {}, BatchNormMode::update, precision}, x);
    const LossValue value = cross_entropy(tape, logits, labels(), LossReduction::mean);
    if (loss) *loss = value.loss.value().item();
    tape.backward(value.loss);
    return logits;
  }

  // All slots but those that the file leaves out: the keys' biases.
  void expect_slots(const Tensor& buffer, const std::string& prefix, double bound = kBound) const {
    const std::vector<float> host = buffer.to_host<float>();
    int compared = 0;
    for (const Slot& slot : model.layout.weights.slots()) {
      const std::string key = name + '/' + prefix + slot.name;
      if (!answers().contains(key)) continue;
      ++compared;
      EXPECT_LT(relative_error(WeightLayout::to_file_order(slot, host), answers().read_f32(key)),
                bound)
          << key;
    }
    EXPECT_EQ(compared, std::ssize(model.layout.weights.slots()) - 2);
  }

  // Whether the sanitizers have seen all of a training in one pass on the device.
  bool is_seen_in_one_pass() const {
#ifdef SADDLE_SANITIZE
    return GetParam().device != "cpu";
#else
    return false;
#endif
  }

  // Ten steps of AdamW, or of SAM around it.
  Tensor trained(std::optional<double> rho) const {
    const auto& adamw = settings().at("adamw");
    AdamOptions options;
    options.weight_decay = adamw.at("weight_decay");
    options.decay = WeightDecay::decoupled;
    const Tensor moved = w.clone();
    Minimiser minimiser(Adam(device, moved.count(), options), device, moved.count(), rho);
    if (rho) minimiser.clip_gradient(settings().at("clip"));
    const Objective objective{
        [this](const Parameters& at, const Tensor& g, const GradientRequest&) { run(at, g); },
        {},
        4};
    for (int step = 0; step < settings().at("steps").get<int>(); ++step) {
      minimiser.step({moved, {}}, adamw.at("lr"), objective);
    }
    return moved;
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, TextVectors, ::testing::ValuesIn(text_cases()),
                         [](const auto& info) {
                           return info.param.device + "_" + info.param.network;
                         });

TEST_P(TextVectors, logits_loss_and_every_gradient_agree) {
  const Tensor g = model.layout.weights.zeros(device);
  float loss = 0;

  const Var logits = run({w, {}}, g, &loss);

  EXPECT_LT(relative_error(logits.value().to_host<float>(), answers().read_f32(name + "/logits")),
            kBound);
  EXPECT_NEAR(loss, answers().read_f32(name + "/loss").at(0), kBound);
  expect_slots(g, "grad.");
}

TEST_P(TextVectors, in_bf16_agree_to_its_rounding) {
  const Tensor g = model.layout.weights.zeros(device);
  float loss = 0;

  const Var logits = run(with_precision(w, Precision::bf16), g, &loss);

  const double error =
      relative_error(logits.value().to_host<float>(), answers().read_f32(name + "/logits"));
  EXPECT_LT(error, kBoundInBf16);
  EXPECT_GT(error, kBound) << "nothing was rounded";
  EXPECT_NEAR(loss, answers().read_f32(name + "/loss").at(0), kBoundInBf16);
  expect_slots(g, "grad.", kGradientBoundInBf16);
}

TEST_P(TextVectors, ten_steps_of_adamw_agree) {
  if (is_seen_in_one_pass()) GTEST_SKIP() << "the sanitizers have seen the kernels in one pass";
  expect_slots(trained({}), "adamw.");
}

TEST_P(TextVectors, ten_steps_of_sam_agree) {
  if (is_seen_in_one_pass()) GTEST_SKIP() << "the sanitizers have seen the kernels in one pass";
  expect_slots(trained(settings().at("rho").get<double>()), "sam.");
}

TEST_P(TextVectors, longer_padding_changes_nothing) {
  const std::int64_t count = tokens.shape()[0], longest = tokens.shape()[1];
  const std::vector<std::int32_t> narrow = tokens.to_host<std::int32_t>();
  std::vector<std::int32_t> wide(static_cast<std::size_t>(count * (longest + 3)), kNoToken);
  for (std::int64_t row = 0; row < count; ++row) {
    std::copy_n(narrow.begin() + row * longest, longest, wide.begin() + row * (longest + 3));
  }
  const auto logits = [&](const Tensor& ids) {
    Tape tape;
    return model({tape, {w, {}}, {}, {}, BatchNormMode::frozen}, tape.input(ids, Gradient::none))
        .value()
        .to_host<float>();
  };

  EXPECT_LT(
      relative_error(logits(Tensor::from_host(device, {count, longest + 3}, wide)), logits(tokens)),
      1e-6);
}

// dL/d(shift) is dL/d(embedding): by central differences along a few of its axes.
TEST_P(TextVectors, a_shift_of_embeddings_has_its_gradient) {
  const Shape shape{tokens.shape()[0], tokens.shape()[1], model.options.width};
  const auto loss_at = [&](const std::vector<float>& shift, std::vector<float>* gradient) {
    Tape tape;
    const Var x = tape.input(Tensor::from_host(device, shape, shift), Gradient::wanted);
    Pass pass{tape, {w, {}}, {}, {}, BatchNormMode::frozen};
    pass.tokens = tokens;
    const Var loss = cross_entropy(tape, model(pass, x), labels(), LossReduction::sum).loss;
    const float value = loss.value().item();
    tape.backward(loss);
    if (gradient) *gradient = x.gradient().to_host<float>();
    return double{value};
  };
  const std::vector<float> zero(static_cast<std::size_t>(shape.count()), 0.f);
  std::vector<float> gradient;
  loss_at(zero, &gradient);

  const std::size_t width = static_cast<std::size_t>(shape[2]);
  for (std::size_t i : {std::size_t{3}, 4 * width + 1, 9 * width, 12 * width + 5}) {
    std::vector<float> up = zero, down = zero;
    up[i] += 0.01f, down[i] -= 0.01f;
    EXPECT_NEAR((loss_at(up, nullptr) - loss_at(down, nullptr)) / 0.02, gradient[i], 2e-3) << i;
  }
  EXPECT_EQ(gradient[5 * width], 0.f);  // padding: the first sentence has five tokens
}

// ---- without vectors ----

Network network_of(const std::string& model, const TextOptions& options, std::int64_t classes = 2) {
  NetworkOptions all;
  all.model = model;
  all.classes = classes;
  all.text = options;
  return make_network(all);
}

TextOptions distilbert_base() {
  TextOptions options;
  options.layers = 6;
  options.kinds = 0;
  options.pooling = TextPooling::first_relu;
  return options;
}

TextOptions minilm() {
  TextOptions options;
  options.width = 384;
  options.layers = 6;
  options.hidden = 1536;
  return options;
}

TEST(text_classifier, has_the_parameter_counts_of_transformers) {
  EXPECT_EQ(network_of("bert", {}).layout.weights.parameter_count(), 109'483'778);
  EXPECT_EQ(network_of("distilbert", distilbert_base()).layout.weights.parameter_count(),
            66'955'010);
  EXPECT_EQ(network_of("bert", minilm()).layout.weights.parameter_count(), 22'713'986);
}

TEST(text_classifier, has_no_pooler_where_the_head_takes_the_mean) {
  TextOptions options = minilm();
  options.pooling = TextPooling::mean;

  EXPECT_EQ(network_of("bert", options).layout.weights.parameter_count(),
            22'713'986 - 384 * 384 - 384);
}

std::string message_for(const std::function<void(TextOptions&)>& change) {
  TextOptions options = minilm();
  change(options);
  return message_of<Error>([&] { network_of("bert", options); });
}

TEST(text_classifier, refuses_options_that_make_no_network) {
  EXPECT_CONTAINS(message_for([](TextOptions& o) { o.heads = 5; }),
                  "bert: 384 numbers a token are not a multiple of 5 heads");
  EXPECT_CONTAINS(message_for([](TextOptions& o) { o.layers = 43; }),
                  "bert: 43 layers are outside 1 to 42");
  EXPECT_CONTAINS(message_for([](TextOptions& o) { o.vocabulary = 0; }), "0 words are outside 1");
  EXPECT_CONTAINS(message_for([](TextOptions& o) { o.padding = 30522; }),
                  "the padding word 30522 is beyond the vocabulary of 30522");
  EXPECT_CONTAINS(message_for([](TextOptions& o) { o.dropout = 1; }),
                  "dropout 1 is outside [0, 1)");
}

// A small network with dropout, in passes that draw.
struct Drawing {
  TextClassifier model;
  Tensor w;

  explicit Drawing(const std::function<void(TextOptions&)>& change = [](TextOptions&) {})
      : model("bert", changed(change), 3), w(model.layout.weights.initial(cpu_device(), 1)) {}

  static TextOptions changed(const std::function<void(TextOptions&)>& change) {
    TextOptions options = options_of("bert");
    options.dropout = options.attention_dropout = options.head_dropout = 0;
    change(options);
    return options;
  }
  std::vector<float> logits(const std::vector<std::int32_t>& examples, std::int32_t step,
                            bool draws = true) const {
    Device& device = cpu_device();
    const auto count = static_cast<std::int64_t>(examples.size());
    std::vector<std::int32_t> ids;
    for (std::int32_t example : examples) ids.insert(ids.end(), {1, example, 7, 2});
    Tape tape;
    Pass pass{tape, {w, {}}, {}, {}, BatchNormMode::update};
    if (draws) {
      pass.random = PassRandom{5, Tensor::from_host(device, {1}, std::vector<std::int32_t>{step}),
                               Tensor::from_host(device, {count}, examples), 0, 0.f};
    }
    return model(pass, tape.input(Tensor::from_host(device, {count, 4}, ids), Gradient::none))
        .value()
        .to_host<float>();
  }
};

TEST(text_classifier, draws_at_each_place_that_has_a_rate) {
  const auto differs = [](const std::function<void(TextOptions&)>& change) {
    const Drawing drawing(change);
    return drawing.logits({3}, 0) != drawing.logits({3}, 0, false);
  };
  EXPECT_FALSE(differs([](TextOptions&) {}));
  EXPECT_TRUE(differs([](TextOptions& o) { o.dropout = 0.5f; }));
  EXPECT_TRUE(differs([](TextOptions& o) { o.attention_dropout = 0.5f; }));
  EXPECT_TRUE(differs([](TextOptions& o) { o.head_dropout = 0.5f; }));
}

TEST(text_classifier, draws_for_an_example_whatever_it_is_batched_with) {
  const Drawing drawing(
      [](TextOptions& o) { o.dropout = o.attention_dropout = o.head_dropout = 0.2f; });
  const std::vector<float> alone = drawing.logits({9}, 4), both = drawing.logits({3, 9}, 4);

  EXPECT_LT(relative_error({both.begin() + 3, both.end()}, alone), 1e-6);
  EXPECT_GT(relative_error(drawing.logits({9}, 5), alone), 1e-3);
}

}  // namespace
}  // namespace saddle
