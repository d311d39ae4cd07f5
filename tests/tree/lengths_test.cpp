// What is longer than a reader likes: files over 400 lines, functions over 60. Whatever is longer
// on purpose, or still waits to be taken apart, stands here with the reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/tree/sources.h"

namespace saddle::tree {
namespace {

using Reasons = std::map<std::string, std::string>;
using Lengths = std::map<std::string, int>;

constexpr int kLinesOfFile = 400, kLinesOfFunction = 60;

// "cases": tests of one subject, one after the other, each to be read alone.
const Reasons kLongFiles = {
    {"core/onednn.cpp", "one library, named nowhere else"},
    {"core/winograd_lanes.h", "one algorithm: three directions of the same transforms"},
    {"kernels/emulator.cpp", "one machine: fibers, barriers and what is checked at them"},
    {"tests/apps/attack_program_test.cpp", "cases"},
    {"tests/apps/attack_report_test.cpp", "cases"},
    {"tests/apps/checkpoint_test.cpp", "cases"},
    {"tests/apps/determinism_test.cpp", "cases"},
    {"tests/apps/image_set_test.cpp", "cases"},
    {"tests/apps/train_options_test.cpp", "cases"},
    {"tests/apps/train_resume_test.cpp", "cases"},
    {"tests/attacks/apgd_test.cpp", "cases"},
    {"tests/attacks/fab_test.cpp", "cases"},
    {"tests/attacks/pgd_test.cpp", "cases"},
    {"tests/attacks/square_test.cpp", "cases"},
    {"tests/core/cuda_convolution_test.cpp", "a table of shapes, and the plain loops beside it"},
    {"tests/core/ops_test.cpp", "the table of all ops"},
    {"tests/kernels/block_kernels_test.cpp", "the table of all block kernels"},
    {"tests/layers/deeplab_test.cpp", "cases"},
    {"tests/vectors/make_vectors.py", "one model after the other, as its vectors are stored"},
};

// By file and function.
const Reasons kLongFunctions = {
    {"apps/bench/kernels.cpp: activation_cases", "a table: an entry a kernel"},
    {"apps/segment/train_settings.cpp: settings_of_network", "a table: a row a flag"},
    {"apps/train/train_settings.cpp: settings_of_adversarial", "a table: a row a flag"},
    {"apps/train/train_settings.cpp: settings_of_epochs", "a table: a row a flag"},
    {"apps/training/descent_options.cpp: settings_of", "a table: a row a flag"},
    {"core/ops/batch_norm.cpp: batch_norm", "forward and gradient stand in one function"},
    {"tests/apps/training_runs.cpp: small_run", "a list: a branch a run"},
    {"tests/core/ops_test.cpp: batch_norm_case", "a row of the table, with its plain loops"},
    {"tests/core/ops_test.cpp: cases", "a table: a row an op"},
    {"tests/core/ops_test.cpp: layer_norm_case", "a row of the table, with its plain loops"},
    {"tests/core/safetensors_refusals_test.cpp: bad_sizes", "a table: a row a broken file"},
    {"tests/core/safetensors_refusals_test.cpp: bad_structure", "a table: a row a broken file"},
    {"tests/kernels/block_kernels_test.cpp: own_cases", "a table: a row a kernel"},
    {"tests/kernels/span_test.cpp: of_the_sam_family", "a table: a row a kernel"},
};

// "Tensor Apgd::step(int i)" -> "Apgd::step"; of a test its suite and name.
std::string name_of(const std::string& head) {
  static const std::regex kTest(R"(TEST(?:_[FP])?\((\w+), (\w+)\).*)");
  static const std::regex kName(R"(.*?(operator ?[^\w\s]+|~?[^\s(*&~]+)\(.*)");
  std::smatch name;
  if (std::regex_match(head, name, kTest)) return name.str(1) + "." + name.str(2);
  return std::regex_match(head, name, kName) ? name.str(1) : head;
}

// The lines of each function of a source, the head's included; of one name the longest's.
Lengths functions_of(const std::string& source) {
  Lengths lengths;
  for (const Declaration& declaration : declarations_of(source)) {
    if (declaration.kind != Kind::function) continue;
    int& lines = lengths[name_of(declaration.head)];
    lines = std::max(lines, declaration.last_line - declaration.first_line + 1);
  }
  return lengths;
}

// A line for each that is longer than the limit and not in the list, and for each of the list that
// is not longer: an entry goes when what it names has become short, or has gone.
std::vector<std::string> disagreements(const Lengths& lengths, int limit, const Reasons& reasons) {
  std::vector<std::string> found;
  for (const auto& [name, lines] : lengths) {
    if (lines <= limit || reasons.contains(name)) continue;
    found.push_back(name + " has " + std::to_string(lines) + " lines, more than " +
                    std::to_string(limit) + ": take it apart, or give the reason in the list");
  }
  for (const auto& [name, reason] : reasons) {
    if (lengths.contains(name) && lengths.at(name) > limit) continue;
    found.push_back(name + " has no more than " + std::to_string(limit) +
                    " lines, or is gone: take it off the list");
  }
  return found;
}

void expect_agreement(const Lengths& lengths, int limit, const Reasons& reasons) {
  for (const std::string& line : disagreements(lengths, limit, reasons)) ADD_FAILURE() << line;
}

TEST(tree, has_files_of_at_most_400_lines) {
  std::set<std::string> endings = kCppEndings;
  endings.insert({".py", ".sh"});
  Lengths lengths;
  for (const auto& file : files_of(kFolders, endings)) {
    lengths[file.string()] = static_cast<int>(lines_of(text_of(file)).size());
  }

  expect_agreement(lengths, kLinesOfFile, kLongFiles);
}

TEST(tree, has_functions_of_at_most_60_lines) {
  Lengths lengths;
  for (const auto& file : files_of(kFolders, kCppEndings)) {
    for (const auto& [name, lines] : functions_of(text_of(file))) {
      lengths[file.string() + ": " + name] = lines;
    }
  }

  expect_agreement(lengths, kLinesOfFunction, kLongFunctions);
}

TEST(functions_of, counts_head_and_body_wherever_a_function_stands) {
  const Lengths lengths = functions_of(
      "namespace saddle {\n"
      "void Apgd::step(\n"
      "    int i) {\n"
      "  if (i > 0) {\n"
      "    call();\n"
      "  }\n"
      "}\n"
      "struct Sum {\n"
      "  template <class Block>\n"
      "  void operator()(Block& b) const {\n"
      "  }\n"
      "  std::vector<int> values = {\n"
      "      1,\n"
      "  };\n"
      "};\n"
      "TEST(sum, is_zero) {\n"
      "}\n"
      "}\n");

  EXPECT_EQ(lengths, (Lengths{{"Apgd::step", 6}, {"operator()", 3}, {"sum.is_zero", 2}}));
}

TEST(functions_of, takes_the_longest_of_one_name) {
  EXPECT_EQ(functions_of("void f() {\n}\nvoid f(int) {\n\n\n}\nvoid f(char) {}"),
            (Lengths{{"f", 4}}));
}

TEST(disagreements, name_what_is_too_long_and_what_the_list_need_not_name) {
  const Lengths lengths = {{"short.h", 10}, {"long.h", 11}, {"known.h", 11}, {"mended.h", 10}};
  const Reasons reasons = {
      {"known.h", "a table"}, {"mended.h", "was long"}, {"gone.h", "was here"}};

  const std::vector<std::string> found = disagreements(lengths, 10, reasons);

  ASSERT_EQ(found.size(), 3u);
  EXPECT_TRUE(found[0].starts_with("long.h has 11 lines, more than 10"));
  EXPECT_TRUE(found[1].starts_with("gone.h has no more than 10"));
  EXPECT_TRUE(found[2].starts_with("mended.h has no more than 10"));
}

}  // namespace
}  // namespace saddle::tree
