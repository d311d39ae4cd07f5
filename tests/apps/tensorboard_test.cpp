// The event file for TensorBoard: its bytes, what is in them, and how it grows.
#include "apps/training/tensorboard.h"

#include <nlohmann/json.hpp>
#include <training/tensorboard.pb.h>

#include "core/file.h"
#include "tests/apps/data_files.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

Json epoch(int number, double loss, double seconds) {
  return {{"epoch", number}, {"train_loss", loss}, {"lr", 0.5}, {"seconds", seconds}};
}

std::uint64_t number_at(const std::string& bytes, std::size_t at, int size) {
  std::uint64_t number = 0;
  for (int i = 0; i < size; ++i)
    number |= std::uint64_t{static_cast<unsigned char>(bytes.at(at + static_cast<std::size_t>(i)))}
              << 8 * i;
  return number;
}

// The checksum under the mask; bit by bit, unlike the library's table.
std::uint32_t checksum(const std::string& bytes) {
  std::uint32_t sum = 0xffffffff;
  for (const char letter : bytes) {
    sum ^= static_cast<unsigned char>(letter);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78u : 0);
  }
  sum = ~sum;
  return ((sum >> 15) | (sum << 17)) + 0xa282ead8u;
}

// The events of a file whose every length and checksum is right.
std::vector<tensorboard::Event> events_of(const std::string& file) {
  std::vector<tensorboard::Event> events;
  for (std::size_t at = 0; at < file.size();) {
    const std::size_t length = number_at(file, at, 8);
    EXPECT_EQ(number_at(file, at + 8, 4), checksum(file.substr(at, 8)));
    const std::string data = file.substr(at + 12, length);
    EXPECT_EQ(number_at(file, at + 12 + length, 4), checksum(data));
    EXPECT_TRUE(events.emplace_back().ParseFromString(data));
    at += 16 + length;
  }
  return events;
}

std::string content(const std::filesystem::path& path) {
  const Blob bytes = read_file(path, 1 << 20);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// As TensorFlow writes it, but for the time: length 15, field 3 (file_version) of 13 letters.
TEST(Tensorboard, file_begins_with_the_version_record) {
  const std::string file = tensorboard_events({});

  ASSERT_EQ(file.size(), 12u + 15 + 4);
  EXPECT_EQ(file.substr(0, 8), std::string("\x0f\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(file.substr(12, 15),
            "\x1a\x0d"
            "brain.Event:2");
  EXPECT_EQ(events_of(file).at(0).file_version(), "brain.Event:2");
}

TEST(Tensorboard, checksum_of_the_tests_is_crc_32c) {
  // RFC 3720, B.4: 32 bytes of zeros.
  const std::uint32_t sum = 0x8a9136aa;
  EXPECT_EQ(checksum(std::string(32, '\0')), ((sum >> 15) | (sum << 17)) + 0xa282ead8u);
}

TEST(Tensorboard, every_epoch_is_an_event_of_its_scalars) {
  Json second = epoch(2, 0.25, 20);
  second["note"] = "text";
  second["test_accuracy"] = 91;

  const std::vector<tensorboard::Event> events =
      events_of(tensorboard_events({epoch(1, 1.5, 10), second}));

  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[1].step(), 1);
  EXPECT_EQ(events[1].wall_time(), 10);
  ASSERT_EQ(events[1].summary().value_size(), 2);
  EXPECT_EQ(events[1].summary().value(0).tag(), "lr");
  EXPECT_EQ(events[1].summary().value(0).simple_value(), 0.5f);
  EXPECT_EQ(events[1].summary().value(1).tag(), "train_loss");
  EXPECT_EQ(events[1].summary().value(1).simple_value(), 1.5f);
  EXPECT_EQ(events[2].step(), 2);
  EXPECT_EQ(events[2].wall_time(), 30);  // seconds of training so far
  ASSERT_EQ(events[2].summary().value_size(), 3);
  EXPECT_EQ(events[2].summary().value(1).tag(), "test_accuracy");
  EXPECT_EQ(events[2].summary().value(1).simple_value(), 91.f);
}

TEST(Tensorboard, file_grows_in_place_for_a_reader_that_holds_it_open) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "events.out.tfevents.0.saddle";
  update_event_file(path, {epoch(1, 1, 10)});
  std::ifstream reader(path, std::ios::binary);
  reader.seekg(0, std::ios::end);

  update_event_file(path, {epoch(1, 1, 10), epoch(2, 0.5, 10)});

  const std::string whole = tensorboard_events({epoch(1, 1, 10), epoch(2, 0.5, 10)});
  const std::string before = tensorboard_events({epoch(1, 1, 10)});
  const std::string seen{std::istreambuf_iterator<char>(reader), {}};
  EXPECT_EQ(content(path), whole);
  EXPECT_EQ(seen, whole.substr(before.size()));
}

TEST(Tensorboard, file_of_another_past_is_replaced) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "events.out.tfevents.0.saddle";
  const std::vector<Json> metrics{epoch(1, 1, 10)};
  const std::string whole = tensorboard_events(metrics);

  update_event_file(path, {epoch(1, 1, 10), epoch(2, 0.5, 10)});  // ahead, then killed
  update_event_file(path, metrics);
  EXPECT_EQ(content(path), whole);
  directory.write("events.out.tfevents.0.saddle", bytes_of(whole.substr(0, whole.size() - 3)));
  update_event_file(path, metrics);  // killed in the middle of a record
  EXPECT_EQ(content(path), whole);
  directory.write("events.out.tfevents.0.saddle", bytes_of("something else"));
  update_event_file(path, metrics);
  EXPECT_EQ(content(path), whole);
}

}  // namespace
}  // namespace saddle
