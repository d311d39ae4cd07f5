// saddle-reproduce: the report, its charts and its statistics.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/reproduce/charts.h"
#include "apps/reproduce/report.h"
#include "apps/reproduce/results.h"
#include "tests/apps/reproduction.h"

namespace saddle::reproduce {
namespace {

using namespace testing_support;

TEST_F(Reproduction, reports_means_beside_the_papers_numbers_and_where_each_is_from) {
  run();
  const Plan made = plan();
  const Report report = make_report(made);

  ASSERT_EQ(report.rows.size(), 1u);
  EXPECT_EQ(report.rows[0].cells.at("natural").mean, 91.5) << "of all test images";
  EXPECT_EQ(report.rows[0].cells.at("autoattack-l2").mean, 40);
  EXPECT_EQ(report.rows[0].cells.at("stadv").count, 2);
  EXPECT_TRUE(report.doubts.empty());
  EXPECT_EQ(report.missing.size(), 15u * 2) << "the other rows are named";
  const std::string markdown = markdown_of(report);
  EXPECT_CONTAINS(markdown, "| SAM 0.1 | 91.5 ± 0.0 / 95.4 | 40.0 ± 0.0 / 43.6 | 40.0 ± 0.0 |");
  EXPECT_CONTAINS(markdown, "to be compared in tendency alone");
  // 100 sqrt(0.4 * 0.6 / 99)
  EXPECT_CONTAINS(markdown, "of 100: a standard error of up to 4.9 points");
  EXPECT_CONTAINS(markdown, "* SGD, seed 0");
  const nlohmann::json json = json_of(report);
  EXPECT_EQ(json.at("runs").size(), 2u);
  EXPECT_EQ(json.at("runs")[1].at("seed"), 1);
  EXPECT_EQ(json.at("runs")[0].at("environment").at("device"), "cpu");
  EXPECT_EQ(json.at("runs")[0].at("commands").at("train")[0], "saddle-train");
}

// SGD leaves the images 0 to 29, SAM 0 to 39: of 100 differences ten are 1. Their deviation is
// sqrt((10 - 100 * 0.1^2) / 99).
TEST_F(Reproduction, compares_with_plain_training_image_by_image) {
  options.only = "S";
  options.seeds = 1;
  run();
  const Plan made = plan();
  const Report report = make_report(made);

  ASSERT_EQ(report.rows.size(), 6u);
  EXPECT_EQ(report.rows[0].base, "");
  EXPECT_EQ(report.rows[1].base, "SGD");
  const Difference difference = report.rows[1].differences.at("autoattack-l2");
  EXPECT_NEAR(difference.mean, 10, 1e-9);
  EXPECT_NEAR(difference.error, 10 * std::sqrt(9. / 99), 1e-9);
  EXPECT_CONTAINS(markdown_of(report), "| SAM 0.1 | +0.0 | +10.0 ± 3.0 | +10.0 ± 3.0 |");
  EXPECT_CONTAINS(html_of(report), "<td>+10.0 ± 3.0</td>");
}

TEST_F(Reproduction, refuses_an_attacks_outcomes_that_are_not_its_accuracy) {
  run();
  const Plan made = plan();
  fs::copy(directory.path() / "30.csv", made.runs[2].directory / "stadv.csv",
           fs::copy_options::overwrite_existing);

  EXPECT_CONTAINS(message_of<Error>([&] { make_report(made); }),
                  "stadv.csv is not of the same attack as stadv.json");
}

TEST_F(Reproduction, refuses_a_damaged_list_of_outcomes) {
  run();
  const Plan made = plan();
  for (const char* line : {"\n", "attacked,broken\n1\n", "attacked,broken\n1,x\n"}) {
    std::ofstream(made.runs[2].directory / "stadv.csv") << line;
    EXPECT_CONTAINS(message_of<Error>([&] { make_report(made); }), "is not what a run writes")
        << line;
  }
}

TEST_F(Reproduction, says_where_runs_differ) {
  run();
  const Plan made = plan();
  std::ofstream(made.runs[2].directory / "config.json")
      << R"({"environment": {"version": "v", "device": "cuda:0", "threads": 1}})";

  EXPECT_CONTAINS(markdown_of(make_report(made)), "The trainings differ in device: cpu, cuda:0.");
}

TEST_F(Reproduction, says_where_a_column_compares_nothing) {
  write_attack(90, 1);
  run();
  const Plan made = plan();

  EXPECT_CONTAINS(markdown_of(make_report(made)), "StAdv breaks every row");
}

TEST_F(Reproduction, makes_a_page_that_needs_nothing_else) {
  run();
  const Plan made = plan();
  std::ofstream(made.runs[2].directory / "images.png") << "picture";
  save_report(make_report(made));

  const std::string page = written(made.directory / "table5.html");
  EXPECT_CONTAINS(page, "<!doctype html>");
  EXPECT_CONTAINS(page, "data:image/png;base64," + base64("picture"));
  EXPECT_CONTAINS(page, "<svg");
  EXPECT_CONTAINS(page, "SAM 0.1");
  for (const char* outside : {"http", "src=\"/", "<link", "<script", "url("}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
  EXPECT_CONTAINS(written(made.directory / "table5.md"), "| SAM 0.1 |");
}

TEST_F(Reproduction, resumed_gives_the_same_report) {
  run();
  save_report(make_report(plan()));
  const std::string first = written(plan().directory / "table5.json");
  fs::remove(plan().runs[3].directory / "curve.json");
  run();
  save_report(make_report(plan()));

  EXPECT_EQ(written(plan().directory / "table5.json"), first);
}

TEST_F(Reproduction, tells_what_the_programs_warned_of_beside_the_row) {
  write_attack(90, 40, R"(["the gradient of 9 of 90 images is zero"])");
  run();
  const Plan made = plan();
  std::ofstream(made.runs[2].directory / "config.json")
      << R"({"environment": {"version": "v", "device": "cpu", "threads": 1},
             "warnings": ["3 files were left out"]})";
  const Report report = make_report(made);

  EXPECT_EQ(report.doubts,
            (std::vector<std::string>{"every run: the gradient of 9 of 90 images is zero",
                                      "SAM 0.1, seed 0: training: 3 files were left out"}));
  EXPECT_CONTAINS(markdown_of(report), "| SAM 0.1 † | 91.5");
  EXPECT_CONTAINS(markdown_of(report), "† There are doubts");
  EXPECT_CONTAINS(html_of(report), "<th>SAM 0.1 †</th>");
  const nlohmann::json json = json_of(report);
  EXPECT_EQ(json.at("rows")[0].at("doubtful"), true);
  EXPECT_EQ(json.at("runs")[0].at("doubts").size(), 1u);
}

TEST_F(Reproduction, reports_foreign_names_as_text) {
  run();
  Plan made = plan();
  made.table.title = "<script>alert(1)</script>";
  for (PlannedRun& run : made.runs) {
    if (run.chosen) run.row = "a|b <img src=x>\n";
  }
  for (TableRow& row : made.table.rows) {
    if (row.name == "SAM 0.1") row.name = "a|b <img src=x>\n";
  }
  const std::string markdown = markdown_of(make_report(made));

  EXPECT_CONTAINS(markdown, "| a\\|b &lt;img src=x&gt;  | 91.5");
  EXPECT_CONTAINS(markdown, "&lt;script&gt;alert(1)&lt;/script&gt;");
  EXPECT_EQ(markdown.find("<img"), std::string::npos);
}

TEST_F(Reproduction, doubts_an_attack_that_leaves_more_than_no_attack) {
  write_attack(35, 40);
  run();
  const Plan made = plan();
  const Report report = make_report(made);

  ASSERT_EQ(report.doubts.size(), 2u);
  EXPECT_CONTAINS(report.doubts[0], "every run: autoattack-l2 leaves 40 %, no attack 35 %");
}

// Two rows of one family: natural 90 and 92, robust 40 and 50. The axes end at the values, 250 of
// 340 pixels apart.
TEST(charts, join_the_rows_of_a_family) {
  Plan plan;
  plan.table.columns = {{"natural", "natural", ""}, {"autoattack-l2", "AutoAttack", "autoattack"}};
  Report report{&plan, {}, {}, {}, {}, {}};
  const auto row = [](const char* name, double natural, double robust) {
    return MeasuredRow{
        name, {{"natural", cell_of({natural})}, {"autoattack-l2", cell_of({robust})}}, {}, {}, {}};
  };
  report.rows = {row("SAM 0.1", 90, 40), row("SAM 0.2", 92, 50), row("AT linf 8/255", 90, 40)};
  const std::string svg = trade_off_chart(report, SvgPlace::file);

  EXPECT_CONTAINS(svg, "<polyline points=\"50.0,295.0 490.0,30.0 \"/>");
  EXPECT_CONTAINS(svg, "<polyline points=\"50.0,295.0 \"/>");
  EXPECT_CONTAINS(svg, ">SAM</text>");
  EXPECT_CONTAINS(svg, ">0.2</text>");
  EXPECT_CONTAINS(svg, ">AT linf 8/255</text>");
  EXPECT_EQ(svg.find(">SAM 0.1</text>"), std::string::npos);
  EXPECT_EQ(svg.find(">8/255</text>"), std::string::npos);
}

TEST(cells, are_means_with_the_deviation_of_n_minus_one) {
  EXPECT_EQ(cell_of({1, 2, 6}).mean, 3);
  EXPECT_DOUBLE_EQ(cell_of({1, 2, 6}).deviation, std::sqrt(7.));
  EXPECT_EQ(cell_of({4}).mean, 4);
  EXPECT_TRUE(std::isnan(cell_of({4}).deviation));
  EXPECT_TRUE(std::isnan(cell_of({}).mean));
}

TEST(paired_differences, are_zero_where_the_images_are_the_same) {
  EXPECT_EQ(paired_difference({{1, 0, 1}}, {{1, 0, 1}}).mean, 0);
  EXPECT_EQ(paired_difference({{1, 0, 1}}, {{1, 0, 1}}).error, 0);
}

// Differences 1, 0, -1, 1: mean 1/4, squares about it 11/4, over 3, over 4.
TEST(paired_differences, have_the_error_of_their_mean_over_the_images) {
  const Difference difference = paired_difference({{1, 1, 0, 1}}, {{0, 1, 1, 0}});

  EXPECT_DOUBLE_EQ(difference.mean, 25);
  EXPECT_DOUBLE_EQ(difference.error, 100 * std::sqrt(11. / 4 / 3 / 4));
  EXPECT_CONTAINS(message_of<Error>([] {
                    paired_difference({{1}}, {{1, 0}});
                  }),
                  "attack 1 and 2 examples");
}

// The seeds differ by 1/2 and 0: mean 1/4, the error of two trainings 1/4. The images' differences,
// means over the seeds, are 1/2 and 0: the error over the images is 1/4 as well.
TEST(paired_differences, of_several_seeds_have_the_error_over_the_trainings_too) {
  const Difference difference = paired_difference({{1, 1}, {0, 1}}, {{0, 1}, {0, 1}});

  EXPECT_DOUBLE_EQ(difference.mean, 25);
  EXPECT_DOUBLE_EQ(difference.error, 100 * std::sqrt(2. / 16));
}

// The examples of RFC 4648.
TEST(base64, is_the_standards) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace saddle::reproduce
