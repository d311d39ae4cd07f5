// Charts: where points come to stand, and what cannot be drawn.
#include "apps/common/chart.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;

Chart chart_of(const std::vector<Series>& series) {
  return {"", {"x", 0, 4}, {"y", 0, 100}, series};
}

// The frame is 440 x 265 pixels, its lower left corner at (50, 295).
TEST(Chart, puts_markers_where_the_points_are) {
  const std::string svg = svg_of(chart_of({{"a", {0, 2, 4}, {0, 50, 100}}}), SvgPlace::page);

  EXPECT_CONTAINS(svg, "<circle cx=\"50.0\" cy=\"295.0\" r=\"3\" fill=\"#0072b2\"/>");
  EXPECT_CONTAINS(svg, "<circle cx=\"270.0\" cy=\"162.5\"");
  EXPECT_CONTAINS(svg, "<circle cx=\"490.0\" cy=\"30.0\"");
  EXPECT_CONTAINS(svg, "points=\"50.0,295.0 270.0,162.5 490.0,30.0 \"");
}

TEST(Chart, draws_what_lies_outside_at_the_ends) {
  EXPECT_CONTAINS(svg_of(chart_of({{"a", {1}, {200}}}), SvgPlace::page),
                  "<circle cx=\"160.0\" cy=\"30.0\"");
}

TEST(Chart, writes_names_that_no_reader_of_xml_stumbles_over) {
  EXPECT_CONTAINS(svg_of(chart_of({{"a<b & \"c\" 'd'", {1}, {2}}}), SvgPlace::page),
                  ">a&lt;b &amp; &quot;c&quot; &#39;d&#39;</text>");
}

TEST(Chart, names_its_language_in_a_file_alone) {
  const Chart chart = chart_of({{"a", {1}, {2}}});

  EXPECT_CONTAINS(svg_of(chart, SvgPlace::file), "xmlns=");
  EXPECT_EQ(svg_of(chart, SvgPlace::page).find("xmlns="), std::string::npos);
}

TEST(Chart, refuses_what_cannot_be_drawn) {
  const auto refusal = [](const Chart& chart) {
    return message_of<Error>([&] { svg_of(chart, SvgPlace::page); });
  };

  EXPECT_CONTAINS(refusal(chart_of({})), "there is nothing to draw");
  EXPECT_CONTAINS(refusal(chart_of({{"a", {0, 1}, {1}}})), "'a' has 2 x and 1 y");
  EXPECT_CONTAINS(refusal(chart_of({{"a", {0}, {std::nan("")}}})), "are not finite");
  EXPECT_CONTAINS(refusal({"", {"x", 1, 1}, {"y", 0, 1}, {{"a", {0}, {0}}}}), "must have a length");
}

TEST(RoundAxis, has_four_parts_of_round_numbers) {
  const Axis small = round_axis("x", 0, 0.37), large = round_axis("x", -3, 70),
             point = round_axis("x", 2, 2);

  EXPECT_EQ(small.low, 0);
  EXPECT_DOUBLE_EQ(small.high, 0.4);
  EXPECT_EQ(large.low, -25);
  EXPECT_EQ(large.high, 75);
  EXPECT_EQ(point.low, 2);
  EXPECT_EQ(point.high, 3);
}

TEST(RoundAxis, goes_around_all_values) {
  const std::vector<Series> series = {{"a", {1, 5}, {0, 0}}, {"b", {3, 8}, {0, 0}}};

  const Axis x = round_axis("x", series, &Series::x);

  EXPECT_LE(x.low, 1);
  EXPECT_GE(x.high, 8);
}

TEST(Plane, is_dark_at_zero_and_light_at_the_largest_and_above) {
  const std::string svg = svg_of_plane("t", 2, {0, 1, 2, std::nan("")}, 1);

  EXPECT_CONTAINS(svg,
                  "<rect x=\"0\" y=\"30\" width=\"16\" height=\"16\" fill=\"rgb(20,40,110)\"/>");
  EXPECT_CONTAINS(svg,
                  "<rect x=\"16\" y=\"30\" width=\"16\" height=\"16\" fill=\"rgb(250,240,200)\"/>");
  EXPECT_CONTAINS(svg,
                  "<rect x=\"16\" y=\"46\" width=\"16\" height=\"16\" fill=\"rgb(250,240,200)\"/>");
  EXPECT_THROW(svg_of_plane("t", 2, {0}, 1), Error);
}

}  // namespace
}  // namespace saddle
