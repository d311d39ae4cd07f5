#include "apps/segment/data_options.h"

#include <array>
#include <cerrno>

#include "apps/common/command_line.h"
#include "apps/common/settings.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/threads.h"

namespace saddle {
namespace {

constexpr const char* kStanford = "stanford-background";

std::string belongs_to_stanford(const SegmentationDataOptions& o, const char* flag) {
  return o.name == kStanford ? "" : text(flag, " belongs to ", kStanford);
}

std::vector<Setting> settings_of_labels(SegmentationDataOptions& o) {
  // Which set has which option is said by load_segmentation_set, for programs and libraries alike.
  return {{"--ignore-label",
           "ignore_label",
           &o.ignore_label,
           "a label of the masks that is void, besides 255",
           {.shown_default = "none",
            .bounds = {.low = 0, .high = 255, .low_in = true, .high_in = true}}},
          {"--reduce-zero-label", "reduce_zero_label", &o.reduce_zero_label,
           "label 0 is void, all others are one less"},
          {"--label-map",
           "label_map",
           &o.label_map,
           "what becomes of labels: a line `from to` each, 255 is void",
           {.type = "FILE"}},
          {"--mask-colours",
           "mask_colours",
           &o.mask_colours,
           "masks are pictures in colours: a line `red green blue label` each",
           {.type = "FILE"}},
          {"--classes-file",
           "classes_file",
           &o.classes_file,
           "names of the classes, one a line; else classes.txt of --data-dir, or VOC's",
           {.type = "FILE"}},
          {"--label-mode",
           "label_mode",
           &o.label_mode,
           "stanford-background: std8 (unless given): unknown is void; official9: a ninth class",
           {.choices = {"std8", "official9"},
            .idle = [&o] { return belongs_to_stanford(o, "--label-mode"); }}},
          {"--split-seed",
           "split_seed",
           &o.split_seed,
           "stanford-background: draws which images are for training",
           {.shown_default = "0", .bounds = at_least(0), .idle = [&o] {
              return belongs_to_stanford(o, "--split-seed");
            }}}};
}

}  // namespace

std::vector<Setting> settings_of(SegmentationDataOptions& o, SegmentationPart used_for) {
  std::vector<Setting> all = {{"--dataset",
                               "dataset",
                               &o.name,
                               "data set",
                               {.choices = segmentation_set_names(), .recorded = Recorded::always}},
                              {"--data-dir",
                               "",
                               &o.directory,
                               "folder of its files; else $SADDLE_DATA/NAME, data/NAME, the "
                               "system's",
                               {.recorded = Recorded::never, .type = "DIR"}},
                              {"--train-split",
                               "train_split",
                               &o.train_split,
                               "split that is trained on; train unless given",
                               {.type = "NAME"}},
                              {"--split",
                               "split",
                               &o.test_split,
                               "split that is tested on; test (fashion-scenes) or val unless given",
                               {.type = "NAME"}},
                              {"--train-limit",
                               "train_limit",
                               &o.train_limit,
                               "only the first N training images",
                               {.shown_default = "all",
                                .bounds = at_least(1),
                                .recorded = Recorded::always,
                                .unset = kAllExamples}},
                              {"--test-limit",
                               "test_limit",
                               &o.test_limit,
                               "only the first N images of the split that is tested on",
                               {.shown_default = "all",
                                .bounds = at_least(1),
                                .recorded = Recorded::always,
                                .unset = kAllExamples}}};
  for (Setting& setting : settings_of_labels(o)) all.push_back(std::move(setting));
  if (used_for == SegmentationPart::test) {
    std::erase_if(all, [](const Setting& row) { return row.flag == "--train-limit"; });
  }
  return all;
}

SegmentationSet load(const SegmentationDataOptions& options, SegmentationPart part) {
  const bool train = part == SegmentationPart::train;
  SegmentationRequest request;
  request.name = options.name;
  request.directory = options.directory;
  const std::string& named = train ? options.train_split : options.test_split;
  const std::string own = train ? "train" : evaluation_split(options.name);
  request.split = named.empty() ? own : named;
  request.limit = train ? options.train_limit : options.test_limit;
  if (options.ignore_label) request.ignore_label = static_cast<int>(*options.ignore_label);
  request.reduce_zero_label = options.reduce_zero_label;
  request.label_map = options.label_map;
  request.mask_colours = options.mask_colours;
  request.classes_file = options.classes_file;
  if (options.label_mode == "official9") request.stanford_mode = StanfordMode::official9;
  request.split_seed = static_cast<std::uint64_t>(options.split_seed.value_or(0));
  start_threads();  // images are decoded side by side
  SegmentationSet set = load_segmentation_set(request);
  for (const std::string& line : set.warnings) print_warning(program_invocation_short_name, line);
  return set;
}

std::string fingerprint_of(const SegmentationSet& set) {
  std::uint64_t hash = hash_of(std::as_bytes(std::span(set.pixels)));
  const auto add = [&](const auto& values) {
    hash = hash_of(std::as_bytes(std::span(values)), hash);
  };
  add(set.labels);
  for (const SegmentationImage& image : set.images) add(std::array{image.height, image.width});
  add(std::array{set.channels, set.classes});
  add(set.mean);
  add(set.std);
  for (const std::string& name : set.class_names) add(name);
  return hexadecimal(hash);
}

}  // namespace saddle
