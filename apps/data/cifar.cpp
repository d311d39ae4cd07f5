#include "apps/data/cifar.h"

#include "core/error.h"

namespace saddle {
namespace {

constexpr int kFineClasses10 = 10, kFineClasses100 = 100, kCoarseClasses100 = 20;

std::size_t count_records(Bytes bytes, std::size_t record_bytes, const std::string& name) {
  require(!bytes.empty() && bytes.size() % record_bytes == 0, name, " is ", bytes.size(),
          " bytes, expected a positive multiple of ", record_bytes, ". Download it again.");
  return bytes.size() / record_bytes;
}

std::int32_t read_label(Bytes bytes, std::size_t offset, int classes, const std::string& name) {
  const int label = std::to_integer<int>(bytes[offset]);
  require(label < classes, name, " has label ", label, " at byte ", offset, ", expected 0 to ",
          classes - 1, ". Download it again.");
  return label;
}

// Planes [3, 32 * 32] -> pixels [32 * 32, 3].
void interleave(const std::byte* planes, std::uint8_t* pixels) {
  constexpr std::size_t plane = 32 * 32;
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t channel = 0; channel < 3; ++channel) {
      pixels[3 * i + channel] = std::to_integer<std::uint8_t>(planes[channel * plane + i]);
    }
  }
}

}  // namespace

CifarRecords parse_cifar10(Bytes bytes, const std::string& name) {
  const std::size_t count = count_records(bytes, kCifar10Record, name);
  CifarRecords records{std::vector<std::uint8_t>(count * kCifarPixels), {}};
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t start = i * kCifar10Record;
    records.labels.push_back(read_label(bytes, start, kFineClasses10, name));
    interleave(bytes.data() + start + 1, records.pixels.data() + i * kCifarPixels);
  }
  return records;
}

CifarRecords parse_cifar100(Bytes bytes, const std::string& name) {
  const std::size_t count = count_records(bytes, kCifar100Record, name);
  CifarRecords records{std::vector<std::uint8_t>(count * kCifarPixels), {}};
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t start = i * kCifar100Record;
    read_label(bytes, start, kCoarseClasses100, name);  // checked, not kept
    records.labels.push_back(read_label(bytes, start + 1, kFineClasses100, name));
    interleave(bytes.data() + start + 2, records.pixels.data() + i * kCifarPixels);
  }
  return records;
}

std::vector<std::string> parse_class_names(Bytes bytes, int classes, const std::string& name) {
  std::vector<std::string> lines(1);
  for (const std::byte byte : bytes) {
    const char letter = static_cast<char>(byte);
    if (letter == '\n') {
      lines.emplace_back();
    } else if (letter != '\r') {
      lines.back() += letter;
    }
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();

  require(lines.size() == static_cast<std::size_t>(classes), name, " has ", lines.size(),
          " lines, expected ", classes, " class names. Download it again.");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    require(!lines[i].empty(), name, ": line ", i + 1, " is blank, expected a class name");
    for (const char letter : lines[i]) {
      // Names are printed: an escape sequence in a file must not reach the terminal.
      const auto code = static_cast<unsigned char>(letter);
      require(code >= 0x20 && code != 0x7f, name, ": line ", i + 1,
              " holds a control character, expected a class name");
    }
  }
  return lines;
}

}  // namespace saddle
