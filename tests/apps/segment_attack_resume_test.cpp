// The state of an interrupted attack on segmentation: going on from it gives what an uninterrupted
// run gives, bit for bit, and what no run writes is refused in a line.
#include <gtest/gtest.h>

#include <cstring>

#include "apps/segment/attack_state.h"
#include "core/file.h"
#include "tests/apps/editable_checkpoint.h"
#include "tests/apps/pixel_scenes.h"

namespace saddle {
namespace {

const Command kCommand{{"attacks", "pgd; noise"}, {"seed", "7"}};
constexpr std::int64_t kKept = 2;

struct Interruption {};

// Five images of two sizes, three batches of two; a curve, and an attack of two attempts.
struct SmallRun {
  SegmentationSet set = without_labels_of(noise_scenes(5, {{16, 16}, {12, 17}}), 1);
  LogitsFunction f = linear_segmenter(kSceneClasses);
  std::vector<PixelJob> jobs = {pixel_job("pgd:eps=8/255,steps=3", {1}),
                                pixel_job("noise:eps=8/255,restarts=2")};

  std::vector<std::vector<PixelResult>> nothing() const {
    std::vector<std::vector<PixelResult>> results;
    for (const PixelJob& job : jobs) results.push_back(new_results(job, set.size(), kSceneClasses));
    return results;
  }

  // Goes on with `results`, calling `after_batch` with the batches done since.
  void go_on(std::vector<std::vector<PixelResult>>& results,
             const std::function<void(int batches)>& after_batch) const {
    int batches = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      run_pixel_job(f, cpu_device(), set, jobs[i], pixel_run(2, kKept), results[i],
                    [&](std::int64_t) { after_batch(++batches); });
    }
  }

  // Leaves the state after so many batches.
  void interrupted(const std::filesystem::path& path, int after) const {
    auto results = nothing();
    EXPECT_THROW(go_on(results,
                       [&](int batches) {
                         save_pixel_state(path, kCommand, results);
                         if (batches == after) throw Interruption();
                       }),
                 Interruption);
  }

  std::vector<std::vector<PixelResult>> loaded(const std::filesystem::path& path) const {
    auto results = nothing();
    load_pixel_state(path, kCommand, set, kKept, results);
    return results;
  }
};

class InterruptedAttack : public testing::TestWithParam<int> {};

TEST_P(InterruptedAttack, goes_on_to_the_same_results) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "seg.json.state";
  const SmallRun run;
  auto whole = run.nothing();
  int all = 0;
  run.go_on(whole, [&](int batches) { all = batches; });

  run.interrupted(path, GetParam());
  auto results = run.loaded(path);
  int rest = 0;
  run.go_on(results, [&](int batches) { rest = batches; });

  EXPECT_EQ(rest, all - GetParam());
  for (std::size_t job = 0; job < whole.size(); ++job) {
    for (std::size_t i = 0; i < whole[job].size(); ++i) {
      expect_same_results(results[job][i], whole[job][i]);
      EXPECT_EQ(results[job][i].spec, whole[job][i].spec);
      EXPECT_TRUE(results[job][i].finished());
      EXPECT_GT(results[job][i].seconds, 0.);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AfterBatch, InterruptedAttack, testing::Range(1, 7));

TEST(SavePixelState, writes_the_same_bytes_for_what_it_has_read) {
  const TemporaryDirectory directory;
  const SmallRun run;
  run.interrupted(directory.path() / "a", 4);

  save_pixel_state(directory.path() / "b", kCommand, run.loaded(directory.path() / "a"));

  EXPECT_EQ(read_file(directory.path() / "b", 1 << 20), read_file(directory.path() / "a", 1 << 20));
}

TEST(SavePixelState, keeps_the_plans_it_was_made_by) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";
  const SmallRun run;
  auto results = run.nothing();

  save_pixel_state(path, kCommand, results, "the plans");

  EXPECT_EQ(load_pixel_state(path, kCommand, run.set, kKept, results), "the plans");
}

// ---- what is refused ----

// A state after four batches, changed.
class EditedState : public testing::Test {
 protected:
  EditedState() : path_(directory_.path() / "seg.json.state") {
    run_.interrupted(path_, 4);
    edited_.emplace(path_);
  }

  template <class T>
  void set(const std::string& tensor, std::size_t at, T value) {
    auto& bytes = edited_->tensors.at(tensor).bytes;
    ASSERT_LE((at + 1) * sizeof(T), bytes.size());
    std::memcpy(bytes.data() + at * sizeof(T), &value, sizeof value);
  }

  template <class T>
  T get(const std::string& tensor, std::size_t at) const {
    T value;
    std::memcpy(&value, edited_->tensors.at(tensor).bytes.data() + at * sizeof(T), sizeof value);
    return value;
  }

  void expect_refused(const std::string& part) {
    edited_->save(path_);
    const std::string message = error_of([&] { run_.loaded(path_); });
    expect_part(part, message);
    expect_part(path_.string(), message);
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }

  TemporaryDirectory directory_;
  std::filesystem::path path_;
  SmallRun run_;
  std::optional<Editable> edited_;
};

TEST_F(EditedState, is_taken_where_nothing_is_changed) {
  edited_->save(path_);

  EXPECT_EQ(run_.loaded(path_)[0][1].done, (std::vector<std::uint8_t>{1, 1, 1, 1, 1}));
}

TEST_F(EditedState, of_another_command_is_named_by_what_differs) {
  auto results = run_.nothing();
  expect_error("other seed ('7', this one has '8')", [&] {
    load_pixel_state(path_, {{"attacks", "pgd; noise"}, {"seed", "8"}}, run_.set, kKept, results);
  });
  expect_error("other attacks", [&] {
    load_pixel_state(path_, {{"attacks", "pgd"}, {"seed", "7"}}, run_.set, kKept, results);
  });
}

TEST_F(EditedState, cut_short_is_refused_wherever_it_is_cut) {
  const std::vector<std::byte> bytes = read_file(path_, 1 << 20);
  for (std::size_t size = 0; size < bytes.size(); size += 97) {
    directory_.write("seg.json.state", {bytes.begin(), bytes.begin() + static_cast<long>(size)});
    const std::string message = error_of([&] { run_.loaded(path_); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST_F(EditedState, without_the_mark_of_a_state_is_refused) {
  edited_->metadata = {{"saddle_attack", "{}"}};
  expect_refused("is not the state of an attack on segmentation");
}

TEST_F(EditedState, of_no_json_is_refused) {
  edited_->metadata["saddle_segment_attack"] = "no json";
  expect_refused("cannot be read");
}

TEST_F(EditedState, of_deep_json_is_refused) {
  edited_->metadata["saddle_segment_attack"] = deep_json();
  expect_refused("nested deeper than");
}

TEST_F(EditedState, with_a_tensor_missing_is_refused) {
  edited_->tensors.erase("1.0.numbers");
  expect_refused("1.0.numbers");
}

TEST_F(EditedState, with_more_pixels_than_the_image_has_is_refused) {
  set<std::int64_t>("0.0.counts", 0, get<std::int64_t>("0.0.counts", 0) + 1);
  expect_refused("counted pixels of class 0, expected");
}

TEST_F(EditedState, with_pixels_of_other_classes_than_the_labels_is_refused) {
  // The same sum: one pixel of class 0 less, of class 1 more.
  set<std::int64_t>("0.0.counts", 0, get<std::int64_t>("0.0.counts", 0) - 1);
  set<std::int64_t>("0.0.counts", 3, get<std::int64_t>("0.0.counts", 3) + 1);
  expect_refused("counted pixels of class 0, expected");
}

TEST_F(EditedState, with_negative_counts_is_refused) {
  set<std::int64_t>("0.1.counts", 4, -1);
  expect_refused("cannot be read");
}

TEST_F(EditedState, with_counts_of_an_image_that_is_not_done_is_refused) {
  set<std::int64_t>("1.0.counts", 9 * 4 + 1, 1);
  ASSERT_EQ(get<std::int64_t>("1.0.done", 4), 0);
  expect_refused("image scene-4 has 1 counted pixels of class 0, expected 0");
}

TEST_F(EditedState, with_an_image_half_done_is_refused) {
  set<std::int64_t>("0.0.done", 0, 2);
  expect_refused("neither done nor not");
}

TEST_F(EditedState, with_a_curve_whose_points_have_other_images_is_refused) {
  for (std::size_t k = 0; k < 9; ++k) set<std::int64_t>("0.0.counts", 9 * 2 + k, 0);
  set<std::int64_t>("0.0.done", 2, 0);
  expect_refused("after 1");
}

TEST_F(EditedState, with_images_outside_the_pixel_range_is_refused) {
  set<float>("0.0.adversarial", 5, 1.5f);
  expect_refused("leaves [0, 1]");
}

TEST_F(EditedState, with_pixels_that_are_no_numbers_is_refused) {
  set<float>("0.0.adversarial", 5, std::numeric_limits<float>::quiet_NaN());
  expect_refused("leaves [0, 1]");
}

TEST_F(EditedState, with_a_norm_that_is_no_norm_is_refused) {
  set<double>("0.0.numbers", 1, -1);
  expect_refused("a norm or loss is -1");
}

TEST_F(EditedState, of_fewer_images_is_refused) {
  const SegmentationSet more = noise_scenes(6, {{16, 16}, {12, 17}});
  std::vector<std::vector<PixelResult>> results;
  for (const PixelJob& job : run_.jobs) results.push_back(new_results(job, 6, kSceneClasses));
  expect_error("values, this run's",
               [&] { load_pixel_state(path_, kCommand, more, kKept, results); });
}

}  // namespace
}  // namespace saddle
