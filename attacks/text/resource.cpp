#include "attacks/text/resource.h"

#include <span>

#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"

namespace saddle {
namespace {

constexpr std::int64_t kMaxResourceBytes = std::int64_t{8} << 30;

std::string sha256_of(Bytes bytes) {
  return sha256({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace

Resource describe_resource(const std::string& kind,
                           const std::vector<std::filesystem::path>& files) {
  require(!files.empty(), kind, ": a resource without files");
  Resource resource{.kind = kind, .files = {}, .sha256 = {}};
  std::string lines;
  for (const std::filesystem::path& file : files) {
    const std::vector<std::byte> bytes = read_file(file, kMaxResourceBytes);
    resource.files.push_back(file.string());
    resource.bytes += static_cast<std::int64_t>(bytes.size());
    resource.sha256 = sha256_of(bytes);
    lines += resource.sha256 + "  " + file.filename().string() + "\n";
  }
  if (files.size() > 1) resource.sha256 = sha256_of(std::as_bytes(std::span(lines)));
  return resource;
}

}  // namespace saddle
