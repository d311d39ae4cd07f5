// What the safetensors writer writes, and what it refuses to.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/core/safetensors_text.h"

namespace saddle {
namespace {

class SafetensorsRoundTrip : public testing::TestWithParam<DType> {};

TEST_P(SafetensorsRoundTrip, keeps_dtype_shapes_and_every_byte) {
  const DType dtype = GetParam();
  const auto size = static_cast<std::size_t>(size_of(dtype));
  std::vector<std::uint8_t> pattern(15 * size);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    pattern[i] = static_cast<std::uint8_t>(dtype == DType::boolean ? i % 2 : 37 * i + 11);
  }
  const Bytes all = view(pattern);
  const std::vector<NamedTensor> tensors{{"matrix", dtype, {3, 5}, all},
                                         {"scalar", dtype, {}, all.first(size)},
                                         {"empty", dtype, {7, 0}, {}}};

  const SafetensorsFile file = SafetensorsFile::parse(serialize_safetensors(tensors, {}), "f");

  ASSERT_EQ(file.names(), (std::vector<std::string>{"empty", "matrix", "scalar"}));
  EXPECT_EQ(file.tensor("matrix").dtype, dtype);
  EXPECT_EQ(file.tensor("matrix").shape, (Shape{3, 5}));
  EXPECT_EQ(text_of(file.tensor("matrix").bytes), text_of(all));
  EXPECT_EQ(file.tensor("scalar").shape, Shape{});
  EXPECT_EQ(text_of(file.tensor("scalar").bytes), text_of(all.first(size)));
  EXPECT_EQ(file.tensor("empty").shape, (Shape{7, 0}));
  EXPECT_TRUE(file.tensor("empty").bytes.empty());
}

INSTANTIATE_TEST_SUITE_P(dtypes, SafetensorsRoundTrip,
                         testing::Values(DType::f64, DType::f32, DType::f16, DType::bf16,
                                         DType::i64, DType::i32, DType::u8, DType::boolean),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST(SafetensorsWriter, writes_exactly_these_bytes) {
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  const std::vector<float> row{1.f, 2.f};
  const std::vector<std::int64_t> count{5};
  const std::vector<float> bias{3.f};
  const std::vector<NamedTensor> tensors{{"z", DType::u8, {3}, view(bytes)},
                                         {"conv.weight", DType::f32, {2, 1}, view(row)},
                                         {"n", DType::i64, {}, view(count)},
                                         {"conv.bias", DType::f32, {1}, view(bias)}};

  const std::string got = text_of(serialize_safetensors(tensors, {{"saddle", "{\"a\": 1}"}}));

  const std::string header =
      R"({"__metadata__":{"format":"pt","saddle":"{\"a\": 1}"},)"
      R"("n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
      R"("conv.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
      R"("conv.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[12,20]},)"
      R"("z":{"dtype":"U8","shape":[3],"data_offsets":[20,23]}})";
  const std::string padding((8 - header.size() % 8) % 8, ' ');
  const std::string data("\5\0\0\0\0\0\0\0\0\0\x40\x40\0\0\x80\x3f\0\0\0\x40\1\2\3", 23);
  EXPECT_EQ(got, file_with(header + padding, data));
}

TEST(SafetensorsWriter, gives_the_same_bytes_for_any_order_of_the_tensors) {
  const std::vector<float> values{1, 2, 3};
  const NamedTensor a{"a", DType::f32, {3}, view(values)};
  const NamedTensor b{"b", DType::u8, {12}, view(values)};
  const NamedTensor c{"c", DType::i32, {1, 3}, view(values)};
  const std::vector<NamedTensor> one_order{a, b, c};
  const std::vector<NamedTensor> other_order{c, b, a};

  EXPECT_EQ(serialize_safetensors(one_order, {}), serialize_safetensors(other_order, {}));
}

TEST(SafetensorsWriter, pads_the_header_to_a_multiple_of_eight) {
  for (std::size_t length = 1; length <= 9; ++length) {
    const std::vector<NamedTensor> tensors{{std::string(length, 'n'), DType::u8, {0}, {}}};

    const std::vector<std::byte> bytes = serialize_safetensors(tensors, {});

    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    EXPECT_EQ(header % 8, 0u) << "name of " << length << " letters";
    EXPECT_EQ(bytes.size(), 8 + header);
  }
}

TEST(SafetensorsWriter, keeps_names_and_metadata_that_need_escapes) {
  const std::string name = "a\"\\\n\x01\xc3\xa9";
  const std::vector<NamedTensor> tensors{{name, DType::u8, {0}, {}}};

  const SafetensorsFile file =
      SafetensorsFile::parse(serialize_safetensors(tensors, {{name, "line\nline\t\"\x7f"}}), "f");

  EXPECT_TRUE(file.contains(name));
  EXPECT_EQ(file.metadata(), (Metadata{{"format", "pt"}, {name, "line\nline\t\"\x7f"}}));
}

TEST(SafetensorsWriter, leaves_a_format_that_the_caller_names) {
  const std::vector<std::byte> bytes = serialize_safetensors({}, {{"format", "np"}});

  EXPECT_EQ(SafetensorsFile::parse(bytes, "f").metadata(), (Metadata{{"format", "np"}}));
}

TEST(SafetensorsWriter, refuses_two_tensors_of_one_name) {
  const std::vector<NamedTensor> tensors{{"a", DType::u8, {0}, {}}, {"a", DType::f32, {0}, {}}};

  EXPECT_EQ(message_of([&] { serialize_safetensors(tensors, {}); }),
            "safetensors: two tensors are called \"a\". Give each its own name.");
}

TEST(SafetensorsWriter, refuses_the_name_of_the_metadata) {
  const std::vector<NamedTensor> tensors{{"__metadata__", DType::u8, {0}, {}}};

  EXPECT_EQ(message_of([&] { serialize_safetensors(tensors, {}); }),
            "safetensors: a tensor cannot be called __metadata__. Rename it.");
}

TEST(SafetensorsWriter, refuses_bytes_that_do_not_fit_the_shape) {
  const std::vector<float> values{1, 2, 3};
  const std::vector<NamedTensor> tensors{{"a", DType::f32, {2, 2}, view(values)}};

  EXPECT_EQ(message_of([&] { serialize_safetensors(tensors, {}); }),
            "safetensors: tensor \"a\" is F32 [2, 2], 16 bytes, but 12 are given. "
            "Pass the whole buffer.");
}

TEST(SafetensorsWriter, refuses_a_truth_value_of_two) {
  const std::vector<std::uint8_t> values{1, 2};
  const std::vector<NamedTensor> tensors{{"a", DType::boolean, {2}, view(values)}};

  EXPECT_EQ(message_of([&] { serialize_safetensors(tensors, {}); }),
            "safetensors: tensor \"a\" is BOOL and holds a byte other than 0 and 1. "
            "Write 0 or 1.");
}

TEST(SafetensorsWriter, refuses_text_that_is_not_utf8) {
  const std::vector<NamedTensor> tensors{{"a\xff", DType::u8, {0}, {}}};

  EXPECT_EQ(message_of([&] { serialize_safetensors(tensors, {}); }),
            "safetensors: \"a\\xff\" is not UTF-8 and cannot stand in the header. Rename it.");
}

}  // namespace
}  // namespace saddle
