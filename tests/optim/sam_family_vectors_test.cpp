// The SAM family against float64 transcriptions of the published code
// (tests/vectors/make_optimizer_vectors.py): five steps of each on linear regression.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "core/safetensors.h"
#include "core/json_text.h"
#include "tests/support/devices.h"
#include "tests/support/regression.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

using namespace testing_support;

const SafetensorsFile& answers() {
  static const SafetensorsFile file =
      SafetensorsFile::load(source_directory() / "tests/vectors/sam_family.safetensors");
  return file;
}

nlohmann::json settings() { return parse_json(answers().metadata().at("vectors")); }

// The file's values, tensor after tensor, at their places in a buffer; and back.
std::vector<float> spread(const WeightLayout& layout, const float* values) {
  std::vector<float> buffer(static_cast<std::size_t>(layout.size()), 0.f);
  for (const Slot& slot : layout.slots()) {
    std::copy_n(values, slot.shape.count(), buffer.begin() + slot.offset);
    values += slot.shape.count();
  }
  return buffer;
}

Regression stored_regression(const WeightLayout& layout) {
  Regression loss(layout);
  const std::vector<float> x = answers().read_f32("x");
  for (std::size_t n = 0; n < loss.x.size(); ++n) {
    loss.x[n] = spread(layout, x.data() + static_cast<std::int64_t>(n) * layout.parameter_count());
  }
  loss.y = answers().read_f32("y");
  return loss;
}

SharpnessOptions options_of(const std::string& name, const nlohmann::json& o) {
  SharpnessOptions options;
  options.rho = o.value("rho", o.value("gamma", 0.));
  if (name == "sam") options.method = Sharpness::sam;
  if (name == "asam") options.method = Sharpness::asam, options.asam_eta = o.at("eta");
  if (name == "asam_elementwise") options.method = Sharpness::asam_elementwise;
  if (name == "fisher_sam")
    options.method = Sharpness::fisher_sam, options.fisher_eta = o.at("eta");
  if (name == "sam_on") options.method = Sharpness::sam_on;
  if (name == "awp") options.method = Sharpness::awp;
  if (name == "gsam") {
    options.method = Sharpness::gsam;
    options.gsam_alpha = o.at("alpha");
    options.gsam_rho_min = o.at("rho_min");
    options.lr_max = o.at("lr_max");
  }
  if (name == "looksam") {
    options.method = Sharpness::looksam;
    options.looksam_k = o.at("k");
    options.looksam_alpha = o.at("alpha");
  }
  if (name == "esam") {
    options.method = Sharpness::esam;
    options.esam_beta = o.at("beta");
    options.esam_gamma = o.at("gamma");
  }
  if (name == "ssam") options.method = Sharpness::ssam, options.ssam_sparsity = o.at("sparsity");
  return options;
}

class SamFamilyVectors : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Devices, SamFamilyVectors, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

// Of five steps in float32 on weights of size 1, each of which multiplies what was rounded by less
// than two: 1e-5 of the norm of the change. LookSAM's g_v, a small difference of large gradients,
// is blown up by ||g|| / ||g_v||.
constexpr double kBound = 1e-5, kLookSamBound = 1e-4;

TEST_P(SamFamilyVectors, five_steps_of_every_member_agree_with_the_published_code) {
  Device& device = device_named(GetParam());
  const WeightLayout layout = four_slots();
  const nlohmann::json all = settings(), sgd = all.at("sgd");
  for (const auto& [name, given] : all.at("methods").items()) {
    Regression loss = stored_regression(layout);
    const std::vector<float> start = spread(layout, answers().read_f32("start").data());
    const Tensor w = Tensor::from_host(device, {layout.size()}, start);
    Minimiser minimiser(
        Sgd(device, layout.size(), {sgd.at("momentum"), sgd.at("weight_decay"), false}), device,
        layout, options_of(name, given));
    minimiser.begin_epoch(0, Regression::kExamples, loss.of_example(start));
    const std::vector<float> want = answers().read_f32(name + ".parameters");
    for (std::int64_t step = 0; step < 5; ++step) {
      minimiser.step({w, {}}, sgd.at("lr"), loss.objective());
      const std::vector<float> now = w.to_host<float>(),
                               then = spread(layout, want.data() + step * layout.parameter_count());
      double off = 0, moved = 0;
      for (std::size_t i = 0; i < now.size(); ++i) {
        off += std::pow(double{now[i]} - then[i], 2);
        moved += std::pow(double{then[i]} - start[i], 2);
      }
      EXPECT_LT(std::sqrt(off / moved), name == "looksam" ? kLookSamBound : kBound)
          << name << " after step " << step;
    }
  }
}

}  // namespace
}  // namespace saddle
