// Attacks on segmentation against their papers' algorithms in PyTorch, in double precision:
// tests/vectors/segmentation_attacks.safetensors holds what make_segmentation_attack_vectors.py
// computed, from the same starts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "attacks/rows.h"
#include "attacks/shrinking_apgd.h"
#include "core/json_text.h"
#include "core/safetensors.h"
#include "tests/attacks/pixel_models.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

using namespace testing_support;
using Json = nlohmann::json;
using Floats = std::vector<float>;

const SafetensorsFile& vectors() {
  static const SafetensorsFile file =
      SafetensorsFile::load(source_directory() / "tests/vectors/segmentation_attacks.safetensors");
  return file;
}

const Json& settings() {
  static const Json json = parse_json(vectors().metadata().at("vectors"));
  return json;
}

// [N, C, H, W] of the file as [N, H, W, C], weights OIHW as OHWI.
Floats channels_last(const std::string& name) {
  const Shape& s = vectors().tensor(name).shape;
  const Floats from = vectors().read_f32(name);
  Floats to(from.size());
  const std::int64_t pixels = s[2] * s[3];
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(from.size()); ++i) {
    const std::int64_t n = i / (s[1] * pixels), c = i / pixels % s[1], pixel = i % pixels;
    to[static_cast<std::size_t>((n * pixels + pixel) * s[1] + c)] =
        from[static_cast<std::size_t>(i)];
  }
  return to;
}
Tensor on_device(Device& device, const std::string& name) {
  const Shape& s = vectors().tensor(name).shape;
  return Tensor::from_host(device, {s[0], s[2], s[3], s[1]}, channels_last(name));
}

// The script's network: two convolutions, of 4 (x - 0.5), the first of stride 2, and a resize.
LogitsFunction stored_model(Device& device) {
  const Var first(on_device(device, "first"), Gradient::none),
      second(on_device(device, "second"), Gradient::none);
  const Tensor grey = Tensor::filled(device, {3}, .5f), four = Tensor::filled(device, {3}, 4.f);
  const Shape& images = vectors().tensor("images").shape;
  return [=](Tape& tape, const Var& pixels) {
    const Var x = normalise(tape, pixels, grey, four);
    const Var hidden = gelu(tape, convolution(tape, x, first, {2, 1}));
    return resize_bilinear(tape, convolution(tape, hidden, second, {1, 1}), images[2], images[3]);
  };
}

Batch stored_batch(Device& device) {
  const std::vector<std::int64_t> wide = vectors().read_i64("labels");
  return {
      on_device(device, "images"),
      Tensor::from_host(device, vectors().tensor("labels").shape, Labels(wide.begin(), wide.end())),
      row_numbers(device, {0, 1, 2})};
}

StepLoss stored_loss(Device& device, const std::string& name) {
  return tracked_pixel_loss(name, Tensor::from_host(device, vectors().tensor("balance").shape,
                                                    vectors().read_f32("balance")));
}

Norm norm_named(const std::string& name) { return name == "linf" ? Norm::linf : Norm::l2; }

// Float32 runs in PyTorch were this far from the stored numbers, of at most 1 or relative to the
// largest. Ours rounds elsewhere.
double tolerance(const std::string& title) {
  return 1e-6 + 5 * settings().at("differences").at(title).get<double>();
}

void expect_all_within(const Floats& got, const std::string& name, double bound) {
  const Floats want =
      name.ends_with(".adversarial") ? channels_last(name) : vectors().read_f32(name);
  ASSERT_EQ(got.size(), want.size()) << name;
  double largest = 1, worst = 0;
  for (float value : want) largest = std::max(largest, std::abs(double{value}));
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double error = std::abs(double{got[i]} - want[i]);
    if (!(error <= worst)) worst = error;  // a NaN stays
  }
  expect_near(worst, 0, bound * largest, name);
}

void append(Floats& to, const Tensor& values) {
  const Floats from = values.to_host<float>();
  to.insert(to.end(), from.begin(), from.end());
}

std::vector<std::string> fast_device_names() {
  std::vector<std::string> names = device_names();
  std::erase(names, "emulated");
  return names;
}

class SegmentationVectors : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }

  std::vector<std::string> losses() const {
    if (GetParam() == "emulated") return {"segpgd", "jsd"};
    return pixel_loss_names();
  }

  // The climbed losses and right pixels of every step, and the images in the end.
  void expect_pgd(const std::string& norm, const std::string& name) const {
    const std::string title = "pgd." + norm + "." + name;
    const Json& o = settings().at("pgd").at(norm);
    const Batch batch = stored_batch(device());
    const LogitsFunction model = stored_model(device());
    const Tensor start = on_device(device(), title + ".start");
    const StepLoss climbed =
        pixel_loss(name, Tensor::from_host(device(), {5}, vectors().read_f32("balance")));
    Floats losses, right;
    PgdClimb climb;
    climb.start = &start;
    climb.loss = [&](int step, int steps) -> Loss {
      return [&, loss = climbed(step, steps)](Tape& tape, const LogitsFunction& f, const Var& x,
                                              const Batch& of, LossReduction reduction) {
        const LossValue value = loss(tape, f, x, of, reduction);
        append(losses, value.losses);
        append(right, value.right);
        return value;
      };
    };
    const Tensor answer = pgd(model, climb, batch,
                              {norm_named(norm), o.at("eps"), o.at("alpha"), o.at("steps")}, 0, 0);
    append(right, Tensor::from_host(device(), {3}, right_pixels(model, answer, batch)));

    expect_all_within(answer.to_host<float>(), title + ".adversarial", tolerance(title));
    expect_all_within(losses, title + ".losses", tolerance(title));
    EXPECT_EQ(right, vectors().read_f32(title + ".right")) << title;
  }

  void expect_shrinking(const std::string& norm, const std::string& name) const {
    const std::string title = "shrinking." + norm + "." + name;
    const Json& o = settings().at("shrinking").at(norm);
    const Batch batch = stored_batch(device());
    const Tensor start = on_device(device(), title + ".start");
    Floats best_losses, right;
    ShrinkingClimb climb{stored_loss(device(), name)};
    climb.start = &start;
    climb.observe = [&](const PhaseReport& report) {
      append(best_losses, report.best_loss);
      append(right, report.right);
    };
    const Tensor answer =
        shrinking_apgd(stored_model(device()), climb, batch,
                       {norm_named(norm), o.at("eps"), o.at("steps"), o.at("rho")}, 0, 0);

    expect_all_within(answer.to_host<float>(), title + ".adversarial", tolerance(title));
    expect_all_within(best_losses, title + ".best_loss", tolerance(title));
    EXPECT_EQ(right, vectors().read_f32(title + ".right")) << title;
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, SegmentationVectors, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(SegmentationVectors, the_network_is_the_scripts) {
  const Batch batch = stored_batch(device());
  const LogitsFunction model = stored_model(device());
  Tape tape;
  const LossValue clean = pixel_loss("ce")(1, 1)(
      tape, model, tape.input(batch.inputs, Gradient::none), batch, LossReduction::sum);

  expect_all_within(clean.losses.to_host<float>(), "clean.losses", 1e-6);
  EXPECT_EQ(clean.right.to_host<float>(), vectors().read_f32("clean.right"));
}

TEST_P(SegmentationVectors, linf_pgd_goes_where_each_loss_leads_in_pytorch) {
  for (const std::string& name : losses()) expect_pgd("linf", name);
}

TEST_P(SegmentationVectors, l2_pgd_goes_where_each_loss_leads_in_pytorch) {
  for (const std::string& name : losses()) expect_pgd("l2", name);
}

// A run of its many iterations takes the emulator seconds.
class LongSegmentationVectors : public SegmentationVectors {};

INSTANTIATE_TEST_SUITE_P(Devices, LongSegmentationVectors, ::testing::ValuesIn(fast_device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(LongSegmentationVectors, shrinking_apgd_takes_its_phases_as_in_pytorch) {
  int runs = 0;
  for (const auto& [norm, names] : settings().at("shrinking_losses").items()) {
    for (const std::string name : names) {
      expect_shrinking(norm, name);
      ++runs;
    }
  }
  EXPECT_EQ(runs, 7);
}

}  // namespace
}  // namespace saddle
