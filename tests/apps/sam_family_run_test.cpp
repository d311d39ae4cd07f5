// Trainings by the SAM family: resumed equals uninterrupted, batch-norm moves as often as it
// should, and the command line keeps the methods' numbers apart.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/training/run_config.h"
#include "apps/training/run_directory.h"
#include "tests/apps/training_runs.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

using testing_support::bits_of;

std::vector<std::string> method_names() {
  std::vector<std::string> all = sam_family();
  all.insert(all.end(), {"ssam-dynamic", "awp"});
  return all;
}

class SamFamilyRuns : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Methods, SamFamilyRuns, testing::ValuesIn(method_names()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// What a trainer holds, of a small run.
struct Training {
  TrainOptions options;
  Dataset images = training_data();
  DeviceDataset data{cpu_device(), images};
  Model model{cpu_device(),
              {{"preact_resnet10", 2, 1, images.height, images.width, 4}, images.mean, images.std},
              7};
  Minimiser minimiser;
  RunPosition position;

  explicit Training(const std::string& name)
      : options(resolved(small_run(name, "unused"))),
        minimiser(minimiser_of(options, cpu_device(), model.network.layout.weights)) {}

  // Epochs up to `end`, of four steps each, by a TrainingStep of their own.
  void run_until(std::int64_t end) {
    const Task task = task_of(options, data);
    TrainingStep step(model, minimiser, task, step_options_of(options));
    for (; position.epochs_done < end; ++position.epochs_done) {
      const auto epoch = static_cast<std::uint32_t>(position.epochs_done);
      step.begin_epoch(epoch_order(data.size(), 5, epoch), epoch);
      for (std::int64_t first = 0; first < data.size(); first += 16) {
        const std::int64_t count = std::min<std::int64_t>(16, data.size() - first);
        step(first, count, *options.descent.lr, static_cast<std::uint32_t>(position.steps_done++))
            .wait();
      }
      position.metrics.push_back({{"epoch", epoch + 1}, {"seconds", 1}, {"test_accuracy", 25}});
    }
  }
};

// Three of four epochs are 12 steps: with k = 5 LookSAM is then between two looks, SSAM by Fisher
// between two masks, and the dynamic mask is renewed next, by the gradient of the twelfth step.
TEST_P(SamFamilyRuns, resumed_give_the_bits_of_one_never_stopped) {
  const TemporaryDirectory directory;
  const RunDirectory files(directory.path(), RunDirectory::Open::fresh,
                           RunConfig{"test", Json::object(), Json::object(), Json::object()});
  Training whole(GetParam()), stopped(GetParam()), resumed(GetParam());
  whole.run_until(4);
  stopped.run_until(3);
  files.save({stopped.model, stopped.minimiser, nullptr, {}}, stopped.position, true);

  resumed.position = files.restore({resumed.model, resumed.minimiser, nullptr, {}});
  resumed.run_until(4);

  EXPECT_EQ(bits_of(resumed.model.weights.to_host<float>()),
            bits_of(whole.model.weights.to_host<float>()));
  EXPECT_EQ(bits_of(resumed.model.statistics.to_host<float>()),
            bits_of(whole.model.statistics.to_host<float>()));
  EXPECT_EQ(resumed.model.batches_tracked, whole.model.batches_tracked);
  EXPECT_NE(bits_of(stopped.model.weights.to_host<float>()),
            bits_of(whole.model.weights.to_host<float>()));
}

// How often a step moves the running statistics. All images are one, and neither the learning rate
// nor the radius lets the weights move, so every forward sees the same batch mean m, and after n
// updates the running mean is (1 - 0.9^n) m.
double running_mean_after_step(TrainOptions options) {
  options.descent.lr = 0;
  options.at_eps.reset();
  if (options.descent.sharpness.awp) {
    options.descent.sharpness.awp = 0;
    options.at_eps = options.at_alpha = 1e-9;
    options.attack_batch_norm = "eval";
  } else if (options.descent.optimizer != "sgd") {
    options.descent.sharpness.rho = 0;
  }
  options = resolved(options);
  Dataset images = training_data();
  const std::size_t pixels = images.pixels.size() / images.labels.size();
  for (std::size_t i = pixels; i < images.pixels.size(); ++i) {
    images.pixels[i] = images.pixels[i % pixels];
  }
  const DeviceDataset data(cpu_device(), images);
  Model model(cpu_device(),
              {{"preact_resnet10", 2, 1, images.height, images.width, 4}, images.mean, images.std},
              7);
  Minimiser minimiser = minimiser_of(options, cpu_device(), model.network.layout.weights);
  options.no_augment = true;
  const Task task = task_of(options, data);
  TrainingStep step(model, minimiser, task, step_options_of(options));
  step.begin_epoch(epoch_order(data.size(), 5, 0), 0);
  step(0, 16, 0, 0).wait();
  return view(model.statistics, model.network.layout.norms.front().running_mean)
      .to_host<float>()[0];
}

double updates(const std::string& name, const std::string& statistics = "") {
  TrainOptions options = small_run(name, "unused");
  options.descent.sam_statistics = statistics;
  const double batch_mean = running_mean_after_step(small_run("sgd", "unused")) / 0.1;
  return std::log(1 - running_mean_after_step(options) / batch_mean) / std::log(0.9);
}

TEST(batch_norm_updates, are_one_for_every_training_forward_unless_told_otherwise) {
  EXPECT_NEAR(updates("sam"), 2, 1e-3);
  EXPECT_NEAR(updates("sam", "first"), 1, 1e-3);
  EXPECT_NEAR(updates("sam", "none"), 0, 1e-3);
  EXPECT_NEAR(updates("asam"), 2, 1e-3);
  EXPECT_NEAR(updates("ssam"), 2, 1e-3);
  EXPECT_NEAR(updates("esam"), 3, 1e-3);
  EXPECT_NEAR(updates("gsam"), 1, 1e-3);
  EXPECT_NEAR(updates("gsam", "both"), 2, 1e-3);
  EXPECT_NEAR(updates("awp"), 1, 1e-3);
}

TEST(sam_family_options, have_their_papers_defaults) {
  const auto of = [](const std::string& name) {
    return resolved(small_run(name, "run")).descent.sharpness;
  };
  EXPECT_EQ(of("sam").rho, 0.05);
  EXPECT_EQ(of("asam").rho, 0.5);
  EXPECT_EQ(of("asam").asam_eta, 0.01);
  EXPECT_EQ(of("asam_elementwise").rho, 2);
  EXPECT_EQ(of("fisher_sam").fisher_eta, 1);
  EXPECT_EQ(of("gsam").rho, 0.04);
  EXPECT_EQ(of("gsam").gsam_rho_min, 0.02);
  EXPECT_EQ(of("looksam").looksam_alpha, 0.7);
  EXPECT_EQ(of("esam").esam_beta, 0.6);
  EXPECT_EQ(of("ssam").ssam_mask, "fisher");
  EXPECT_EQ(resolved(small_run("gsam", "run")).descent.sam_statistics, "first");
  EXPECT_EQ(resolved(small_run("asam", "run")).descent.sam_statistics, "both");
}

TEST_P(SamFamilyRuns, record_their_numbers_and_resolve_to_themselves) {
  const TrainOptions once = resolved(small_run(GetParam(), "run"));

  EXPECT_EQ(to_json(resolved(once)), to_json(once));
  EXPECT_TRUE(to_json(once).contains(GetParam() == "awp" ? "awp" : "rho"));
}

void expect_refused(const std::string& part, const std::string& name,
                    const std::function<void(TrainOptions&)>& change) {
  TrainOptions options = small_run(name, "run");
  change(options);
  try {
    resolved(options);
    ADD_FAILURE() << "expected a UsageError about " << part;
  } catch (const UsageError& error) {
    expect_part(part, error.what());
  }
}

TEST(sam_family_options, refuse_the_numbers_of_a_method_not_in_use) {
  using O = TrainOptions;
  expect_refused("--rho needs an optimiser of the SAM family, not sgd", "sgd",
                 [](O& o) { o.descent.sharpness.rho = 0.1; });
  expect_refused("--asam-eta needs --optimizer asam", "asam_elementwise",
                 [](O& o) { o.descent.sharpness.asam_eta = 0.1; });
  expect_refused("--looksam-k needs --optimizer looksam", "sam",
                 [](O& o) { o.descent.sharpness.looksam_k = 2; });
  expect_refused("--gsam-rho-min needs --optimizer gsam", "sam",
                 [](O& o) { o.descent.sharpness.gsam_rho_min = 0; });
  expect_refused("--ssam-mask needs --optimizer ssam", "esam",
                 [](O& o) { o.descent.sharpness.ssam_mask = "dynamic"; });
}

TEST(sam_family_options, refuse_awp_beside_another_perturbation_or_without_an_attack) {
  expect_refused("--awp and --optimizer esam would both perturb", "awp",
                 [](TrainOptions& o) { o.descent.optimizer = "esam"; });
  expect_refused("--awp needs --adversarial", "sgd",
                 [](TrainOptions& o) { o.descent.sharpness.awp = 0.01; });
}

TEST(sam_family_options, refuse_numbers_out_of_range_naming_the_method) {
  expect_refused("--optimizer esam: esam: beta is 2", "esam",
                 [](TrainOptions& o) { o.descent.sharpness.esam_beta = 2; });
  expect_refused("gsam: rho_min is 1", "gsam",
                 [](TrainOptions& o) { o.descent.sharpness.gsam_rho_min = 1; });
}

}  // namespace
}  // namespace saddle
