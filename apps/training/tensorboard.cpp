#include "apps/training/tensorboard.h"

#include <boost/crc.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <training/tensorboard.pb.h>

#include "core/error.h"
#include "core/file.h"

namespace saddle {
namespace {

constexpr std::int64_t kMaxEventBytes = std::int64_t{1} << 30;  // of millions of epochs

template <class Number>
void append_little_endian(std::string& bytes, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i)
    bytes += static_cast<char>(number >> 8 * i & 0xff);
}

// CRC-32C rotated by 15 bits, plus a constant: TFRecord's guard against sums of sums.
std::uint32_t masked_checksum(std::string_view bytes) {
  boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const auto sum = static_cast<std::uint32_t>(crc.checksum());
  return (sum >> 15 | sum << 17) + 0xa282ead8u;
}

void append_record(std::string& file, const tensorboard::Event& event) {
  const std::string data = event.SerializeAsString();
  std::string length;
  append_little_endian(length, std::uint64_t{data.size()});
  file += length;
  append_little_endian(file, masked_checksum(length));
  file += data;
  append_little_endian(file, masked_checksum(data));
}

std::string existing_bytes(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return "";
  const std::vector<std::byte> bytes = read_file(path, kMaxEventBytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string tensorboard_events(const std::vector<nlohmann::json>& metrics) {
  std::string file;
  tensorboard::Event version;
  version.set_file_version("brain.Event:2");
  append_record(file, version);

  double seconds = 0;
  for (const nlohmann::json& epoch : metrics) {
    seconds += epoch.at("seconds").get<double>();
    tensorboard::Event event;
    event.set_wall_time(seconds);
    event.set_step(epoch.at("epoch").get<std::int64_t>());
    for (const auto& [name, value] : epoch.items()) {
      if (!value.is_number() || name == "epoch" || name == "iteration" || name == "seconds") {
        continue;
      }
      tensorboard::Summary::Value& scalar = *event.mutable_summary()->add_value();
      scalar.set_tag(name);
      scalar.set_simple_value(value.get<float>());
    }
    append_record(file, event);
  }
  return file;
}

void update_event_file(const std::filesystem::path& path,
                       const std::vector<nlohmann::json>& metrics) {
  const std::string wanted = tensorboard_events(metrics), existing = existing_bytes(path);
  if (existing.empty() || !wanted.starts_with(existing)) {
    write_file_atomically(path, std::string_view(wanted));
    return;
  }
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file << std::string_view(wanted).substr(existing.size()) << std::flush;
  require(file.good(), path.string(), ": cannot be written. Is the disk full?");
}

}  // namespace saddle
