#include <algorithm>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/safetensors.h"
#include "core/safetensors_format.h"

namespace saddle {

using namespace safetensors;

namespace {

std::string quoted_json(const std::string& raw, const std::string& who) {
  try {
    return nlohmann::json(raw).dump();
  } catch (const nlohmann::json::exception&) {
    fail(who, ": ", shown(raw), " is not UTF-8 and cannot stand in the header. Rename it.");
  }
}

void check_entry(const NamedTensor& tensor, const std::string& who) {
  require(tensor.name != kMetadataKey, who, ": a tensor cannot be called __metadata__. Rename it.");
  const auto expected = static_cast<std::uint64_t>(tensor.shape.count()) *
                        static_cast<std::uint64_t>(size_of(tensor.dtype));
  require(tensor.bytes.size() == expected, who, ": tensor ", shown(tensor.name), " is ",
          file_name_of(tensor.dtype), " ", tensor.shape, ", ", expected, " bytes, but ",
          tensor.bytes.size(), " are given. Pass the whole buffer.");
  require(tensor.dtype != DType::boolean || holds_only_truth_values(tensor.bytes), who, ": tensor ",
          shown(tensor.name), " is BOOL and holds a byte other than 0 and 1. Write 0 or 1.");
}

// By element size (descending), then name.
std::vector<const NamedTensor*> in_canonical_order(std::span<const NamedTensor> tensors,
                                                   const std::string& who) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& tensor : tensors) order.push_back(&tensor);
  std::ranges::sort(order, {}, [](auto* t) -> const std::string& { return t->name; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    require(order[i - 1]->name != order[i]->name, who, ": two tensors are called ",
            shown(order[i]->name), ". Give each its own name.");
  }
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [](auto* t) { return size_of(t->dtype); });
  return order;
}

// "name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}
std::string header_line(const NamedTensor& tensor, std::size_t begin, const std::string& who) {
  std::string shape;
  for (const std::int64_t extent : tensor.shape) {
    shape += (shape.empty() ? "" : ",") + std::to_string(extent);
  }
  return text(quoted_json(tensor.name, who), ":{\"dtype\":\"", file_name_of(tensor.dtype),
              "\",\"shape\":[", shape, "],\"data_offsets\":[", begin, ",",
              begin + tensor.bytes.size(), "]}");
}

// The length and the JSON, as they stand at the beginning of the file.
std::string header_for(const std::vector<const NamedTensor*>& order, Metadata metadata,
                       const std::string& who) {
  metadata.emplace("format",
                   "pt");  // what PyTorch's readers look for; a format of the caller's stays
  std::string json = text("{\"", kMetadataKey, "\":{");
  const char* separator = "";
  for (const auto& [key, value] : metadata) {
    json += std::exchange(separator, ",") + quoted_json(key, who) + ":" + quoted_json(value, who);
  }
  json += "}";
  std::size_t begin = 0;
  for (const NamedTensor* tensor : order) {
    json += "," + header_line(*tensor, begin, who);
    begin += tensor->bytes.size();
  }
  json += "}";
  json.resize((json.size() + 7) / 8 * 8, ' ');  // so that the data begins aligned
  require(json.size() <= static_cast<std::size_t>(SafetensorsFile::kMaxHeaderBytes), who,
          ": the header would be ", json.size(), " bytes, the format allows ",
          SafetensorsFile::kMaxHeaderBytes, ". Write fewer tensors or less metadata.");

  const std::uint64_t length = json.size();
  std::string header(kLengthBytes, '\0');
  std::memcpy(header.data(), &length, kLengthBytes);
  return header + json;
}

// A whole file as chunks: the header, then the callers' own memory.
struct Layout {
  std::string header;
  std::vector<Bytes> chunks;  // the first one points into `header`

  Layout(std::span<const NamedTensor> tensors, const Metadata& metadata, const std::string& who) {
    for (const NamedTensor& tensor : tensors) check_entry(tensor, who);
    const std::vector<const NamedTensor*> order = in_canonical_order(tensors, who);
    header = header_for(order, metadata, who);
    chunks.push_back(std::as_bytes(std::span(header)));
    for (const NamedTensor* tensor : order) chunks.push_back(tensor->bytes);
  }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
};

}  // namespace

std::vector<std::byte> serialize_safetensors(std::span<const NamedTensor> tensors,
                                             const Metadata& metadata) {
  const Layout layout(tensors, metadata, "safetensors");
  std::vector<std::byte> bytes;
  for (const Bytes chunk : layout.chunks) bytes.insert(bytes.end(), chunk.begin(), chunk.end());
  return bytes;
}

void save_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                      const Metadata& metadata) {
  const Layout layout(tensors, metadata, path.string());
  write_file_atomically(path, layout.chunks);
}

}  // namespace saddle
