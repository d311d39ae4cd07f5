#include "core/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace saddle {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors stores little-endian numbers");

constexpr std::size_t kLengthBytes = 8;                       // the u64 in front of the header
constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 53;  // below, exact in every JSON reader
constexpr const char* kMetadataKey = "__metadata__";
constexpr const char* kDamaged = "The file is damaged or not safetensors; export it again.";
constexpr const char* kCutShort = "The file is cut short or not safetensors; copy it again.";

struct DTypeName {
  DType dtype;
  const char* name;
};

constexpr std::array<DTypeName, 8> kDTypes{{{DType::f64, "F64"},
                                            {DType::f32, "F32"},
                                            {DType::f16, "F16"},
                                            {DType::bf16, "BF16"},
                                            {DType::i64, "I64"},
                                            {DType::i32, "I32"},
                                            {DType::u8, "U8"},
                                            {DType::boolean, "BOOL"}}};

// Integers that are read as I64: PyTorch's counters may have any type.
struct IntegerType {
  std::string_view name;
  std::size_t bytes;
  bool is_signed;
};
constexpr std::array<IntegerType, 5> kWidenedIntegers{
    {{"I8", 1, true}, {"I16", 2, true}, {"U16", 2, false}, {"U32", 4, false}, {"U64", 8, false}}};

// Types of the format that no network of ours holds.
constexpr std::array<std::string_view, 1> kForeignDTypes{"C64"};
constexpr std::array<std::string_view, 3> kForeignPrefixes{"F8_", "F6_", "F4"};

const char* file_name_of(DType dtype) {
  for (const DTypeName& known : kDTypes) {
    if (known.dtype == dtype) return known.name;
  }
  return "?";
}

bool is_foreign(const std::string& dtype) {
  return std::ranges::find(kForeignDTypes, dtype) != kForeignDTypes.end() ||
         std::ranges::any_of(kForeignPrefixes,
                             [&](auto prefix) { return dtype.starts_with(prefix); });
}

// Text from a file, quoted for a message: a stranger's name must not break the line, drive the
// terminal or fill the screen.
std::string shown(std::string_view raw) {
  constexpr std::size_t kLongest = 80;
  constexpr const char* kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : raw.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out + (raw.size() > kLongest ? "...\"" : "\"");
}

// What the header says of a tensor. The range is checked against the data later.
struct Entry {
  DType dtype;
  Shape shape;
  std::size_t begin, end;                // relative to the first byte of data
  const IntegerType* widened = nullptr;  // how it stands in the file, where dtype is not that
};

const IntegerType* widened_integer(const std::string& dtype) {
  const auto found = std::ranges::find(kWidenedIntegers, dtype, &IntegerType::name);
  return found == kWidenedIntegers.end() ? nullptr : &*found;
}

// One number of the type; beyond I64, its largest.
std::int64_t widen(const IntegerType& type, const std::byte* from) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, from, type.bytes);
  const bool negative = type.is_signed && (bits >> (8 * type.bytes - 1)) != 0;
  if (negative) bits |= ~std::uint64_t{0} << (8 * type.bytes);
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(negative ? bits : std::min(bits, kLargest));
}

// Reads the header, event by event (nlohmann's SAX interface). No tree is built: nesting is limited
// by construction to name -> field -> list, repeated keys are seen, and the parser itself does not
// recurse.
class HeaderReader {
 public:
  explicit HeaderReader(const std::string& file_name) : file_name_(file_name) {}

  std::map<std::string, Entry> entries;
  Metadata metadata;

  bool start_object(std::size_t) {
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top && top_key_ == kMetadataKey) {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      place_ = Place::tensor;
      dtype_.reset();
      shape_.reset();
      offsets_.reset();
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool key(std::string& name) {
    if (place_ == Place::top) {
      const bool repeated =
          name == kMetadataKey ? std::exchange(metadata_seen_, true) : entries.contains(name);
      if (repeated) damaged("the name ", shown(name), " stands twice in the header");
      top_key_ = std::move(name);
    } else {
      if (place_ == Place::metadata ? metadata.contains(name) : field_repeated(name)) {
        damaged(shown(top_key_), " has the key ", shown(name), " twice");
      }
      inner_key_ = std::move(name);
    }
    return true;
  }

  bool string(std::string& value) {
    if (place_ == Place::metadata) {
      metadata.emplace(inner_key_, std::move(value));
    } else if (place_ == Place::tensor && inner_key_ == "dtype") {
      dtype_ = std::move(value);
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ == Place::tensor && inner_key_ == "shape") {
      place_ = Place::shape;
      shape_.emplace();
    } else if (place_ == Place::tensor && inner_key_ == "data_offsets") {
      place_ = Place::offsets;
      offsets_.emplace();
    } else {
      unexpected("a list");
    }
    return true;
  }

  bool number_unsigned(std::uint64_t number) {
    if (place_ != Place::shape && place_ != Place::offsets) unexpected("a number");
    if (number >= kMaxNumber) unusable_number(std::to_string(number));
    if (place_ == Place::shape) {
      if (shape_->size() == static_cast<std::size_t>(Shape::kMaxRank)) {
        fail(file_name_, ": tensor ", shown(top_key_), " has more than ", Shape::kMaxRank,
             " dimensions, which Saddle does not read. Reshape it and export it again.");
      }
      shape_->push_back(static_cast<std::int64_t>(number));
    } else {
      if (offsets_->size() == 2) {
        damaged("tensor ", shown(top_key_), " has more than two data_offsets");
      }
      offsets_->push_back(static_cast<std::size_t>(number));
    }
    return true;
  }

  bool end_array() {
    place_ = Place::tensor;
    return true;
  }

  bool end_object() {
    if (place_ == Place::tensor) finish_tensor();
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool number_integer(std::int64_t number) {  // called for numbers with a minus sign only
    if (place_ != Place::shape && place_ != Place::offsets) unexpected("a number");
    unusable_number(number == 0 ? "-0" : std::to_string(number));
  }

  bool number_float(double, const std::string& token) {
    if (place_ != Place::shape && place_ != Place::offsets) unexpected("a number");
    unusable_number(shown(token));
  }

  bool null() {
    if (place_ != Place::top || top_key_ != kMetadataKey) unexpected("null");
    return true;  // none, as some writers say it
  }
  bool boolean(bool) { unexpected("a truth value"); }
  bool binary(std::vector<std::uint8_t>&) { unexpected("binary data"); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    damaged("the header is not JSON at byte ",
            kLengthBytes + std::max<std::size_t>(position, 1) - 1);
  }

 private:
  enum class Place { outside, top, metadata, tensor, shape, offsets };

  template <class... Parts>
  [[noreturn]] void damaged(const Parts&... parts) const {
    fail(file_name_, ": ", parts..., ". ", kDamaged);
  }

  [[noreturn]] void unusable_number(const std::string& number) const {
    damaged("tensor ", shown(top_key_), " has the number ", number, " in ", inner_key_,
            ", expected a whole number from 0 to 2^53 - 1");
  }

  [[noreturn]] void unexpected(const char* what) const {
    switch (place_) {
      case Place::outside: damaged("the header is ", what, ", expected an object");
      case Place::top: damaged(shown(top_key_), " is ", what, ", expected an object");
      case Place::metadata:
        damaged("metadata ", shown(inner_key_), " is ", what, ", expected a string");
      case Place::tensor:
        damaged("tensor ", shown(top_key_), " has ", what, " as its ", inner_key_, ", expected ",
                inner_key_ == "dtype" ? "a string" : "a list");
      case Place::shape:
      case Place::offsets:
        damaged("tensor ", shown(top_key_), " has ", what, " in its ", inner_key_,
                ", expected numbers");
    }
    damaged("the header holds ", what, " out of place");
  }

  // Also refuses a key that no tensor has.
  bool field_repeated(const std::string& name) const {
    if (name == "dtype") return dtype_.has_value();
    if (name == "shape") return shape_.has_value();
    if (name == "data_offsets") return offsets_.has_value();
    damaged("tensor ", shown(top_key_), " has the unknown key ", shown(name),
            ", expected dtype, shape, data_offsets");
  }

  void finish_tensor() {
    if (!dtype_) damaged("tensor ", shown(top_key_), " has no dtype");
    if (!shape_) damaged("tensor ", shown(top_key_), " has no shape");
    if (!offsets_) damaged("tensor ", shown(top_key_), " has no data_offsets");
    if (offsets_->size() != 2) {
      damaged("tensor ", shown(top_key_), " has ", offsets_->size(), " data_offsets, expected 2");
    }
    const IntegerType* widened = widened_integer(*dtype_);
    const Entry entry{widened ? DType::i64 : known_dtype(), Shape(*shape_), (*offsets_)[0],
                      (*offsets_)[1], widened};
    check_size(entry);
    entries.emplace(top_key_, entry);
  }

  DType known_dtype() const {
    for (const DTypeName& known : kDTypes) {
      if (*dtype_ == known.name) return known.dtype;
    }
    if (is_foreign(*dtype_)) {
      fail(file_name_, ": tensor ", shown(top_key_), " has dtype ", shown(*dtype_),
           ", which Saddle does not read. Convert it to F32 and export it again.");
    }
    damaged("tensor ", shown(top_key_), " has the unknown dtype ", shown(*dtype_));
  }

  void check_size(const Entry& entry) const {
    if (entry.begin > entry.end) {
      damaged("tensor ", shown(top_key_), " ends at ", entry.end, ", before its begin at ",
              entry.begin);
    }
    std::int64_t bytes =
        entry.widened ? static_cast<std::int64_t>(entry.widened->bytes) : size_of(entry.dtype);
    for (const std::int64_t extent : entry.shape) {
      if (__builtin_mul_overflow(bytes, extent, &bytes)) {
        damaged("tensor ", shown(top_key_), " has shape ", entry.shape, ", too many elements");
      }
    }
    if (static_cast<std::size_t>(bytes) != entry.end - entry.begin) {
      damaged("tensor ", shown(top_key_), " is ", *dtype_, " ", entry.shape, ", ", bytes,
              " bytes, but its data_offsets span ", entry.end - entry.begin);
    }
  }

  const std::string& file_name_;
  Place place_ = Place::outside;
  std::string top_key_;    // a tensor's name or "__metadata__"
  std::string inner_key_;  // a tensor's field or a metadata name
  bool metadata_seen_ = false;
  std::optional<std::string> dtype_;  // of the tensor being read
  std::optional<std::vector<std::int64_t>> shape_;
  std::optional<std::vector<std::size_t>> offsets_;
};

// What people have instead of a safetensors file, told with the way to one; empty for anything
// else.
std::string mend_for_other_format(Bytes bytes) {
  std::string_view begin(reinterpret_cast<const char*>(bytes.data()),
                         std::min<std::size_t>(bytes.size(), 512));
  const bool zip = begin.starts_with("PK\x03\x04");
  const bool pickle = begin.size() > 1 && begin[0] == '\x80' && begin[1] >= 2 && begin[1] <= 5;
  if (zip || pickle) {
    return "is a PyTorch file (.pt, .pth), not safetensors. Convert it, if you trust it: python3 "
           "-c "
           "\"import sys, torch, safetensors.torch as s; d = torch.load(sys.argv[1], "
           "map_location='cpu'); d = next((d[k] for k in ('state_dict', 'model_state_dict', "
           "'model', "
           "'net') if k in d), d); s.save_file({k: v.clone().contiguous() for k, v in d.items() if "
           "torch.is_tensor(v)}, sys.argv[2])\" OLD.pt NEW.safetensors";
  }
  if (begin.starts_with("version https://git-lfs.github.com/spec/")) {
    return "is a Git LFS pointer, not the file it stands for. Fetch that with git lfs pull";
  }
  if (begin.starts_with("\xef\xbb\xbf")) begin.remove_prefix(3);
  begin.remove_prefix(std::min(begin.find_first_not_of(" \t\r\n"), begin.size()));
  std::string word(begin.substr(0, 14));
  std::ranges::transform(word, word.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  if (word.starts_with("<!doctype html") || word.starts_with("<html") ||
      word.starts_with("<head") || word.starts_with("<?xml")) {
    return "is a web page, not safetensors. Download the file itself (the link behind the page's "
           "download button)";
  }
  return "";
}

// The JSON between the length and the data, its bounds checked.
std::string_view header_of(Bytes bytes, const std::string& file_name) {
  require(bytes.size() >= kLengthBytes, file_name, ": is ", bytes.size(),
          " bytes, too short for the header length of 8 bytes. ", kCutShort);
  // A sound header begins with '{' here, so no safetensors file is taken for another kind.
  if (bytes.size() == kLengthBytes || bytes[kLengthBytes] != std::byte{'{'}) {
    const std::string mend = mend_for_other_format(bytes);
    require(mend.empty(), file_name, ": ", mend);
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  require(length <= static_cast<std::uint64_t>(SafetensorsFile::kMaxHeaderBytes), file_name,
          ": names a header of ", length, " bytes, expected at most ",
          SafetensorsFile::kMaxHeaderBytes, ". ", kDamaged);
  require(length <= bytes.size() - kLengthBytes, file_name, ": names a header of ", length,
          " bytes, but only ", bytes.size() - kLengthBytes, " follow. ", kCutShort);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data() + kLengthBytes), length);
  require(header.starts_with('{'), file_name, ": the header does not begin with '{' at byte 8. ",
          kDamaged);
  // The JSON library takes a zero byte for the end of its input and would not look behind it.
  const std::size_t zero = header.find('\0');
  require(zero == std::string_view::npos, file_name, ": the header is not JSON at byte ",
          kLengthBytes + zero, ". ", kDamaged);
  return header;
}

// The tensors must cover the data from its first byte to its last, each byte once: then no byte is
// hidden and no tensor shares memory with another.
void check_tiling(const std::map<std::string, Entry>& entries, std::size_t data_size,
                  const std::string& file_name) {
  std::vector<const std::pair<const std::string, Entry>*> by_place;
  for (const auto& entry : entries) by_place.push_back(&entry);
  std::ranges::sort(by_place, {},
                    [](auto* e) { return std::tuple(e->second.begin, e->second.end); });

  std::size_t covered = 0;
  for (const auto* named : by_place) {
    const auto& [name, entry] = *named;
    require(entry.end <= data_size, file_name, ": tensor ", shown(name), " ends at byte ",
            entry.end, " of the data, which has only ", data_size, ". ", kCutShort);
    require(entry.begin >= covered, file_name, ": tensor ", shown(name), " begins at byte ",
            entry.begin, " of the data and overlaps another, which ends at ", covered, ". ",
            kDamaged);
    require(entry.begin == covered, file_name, ": there is a gap before tensor ", shown(name),
            ", which begins at byte ", entry.begin, " of the data, expected ", covered, ". ",
            kDamaged);
    covered = entry.end;
  }
  require(covered == data_size, file_name, ": ", data_size - covered,
          " bytes follow the last tensor and belong to none. ", kDamaged);
}

// Appends the tensors of small or unsigned integers as I64, and points their entries there.
void widen_integers(std::map<std::string, Entry>& entries, std::size_t data_at,
                    std::vector<std::byte>& bytes) {
  for (auto& [name, entry] : entries) {
    if (!entry.widened) continue;
    const auto count = static_cast<std::size_t>(entry.shape.count());
    const std::size_t place = bytes.size();
    bytes.resize(place + count * sizeof(std::int64_t));
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t value =
          widen(*entry.widened, bytes.data() + data_at + entry.begin + i * entry.widened->bytes);
      std::memcpy(bytes.data() + place + i * sizeof value, &value, sizeof value);
    }
    entry.begin = place - data_at;
    entry.end = bytes.size() - data_at;
  }
}

bool holds_only_truth_values(Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte <= std::byte{1}; });
}

// Every element of type Stored, read wherever it lies and converted.
template <class Stored, class Convert>
auto converted(Bytes bytes, Convert convert) {
  std::vector<decltype(convert(Stored{}))> values(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert(stored);
  }
  return values;
}

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

// IEEE binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. Every value is exact in float.
float from_f16(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits} >> 15 << 31;
  const std::uint32_t exponent = bits >> 10 & 31u;
  const std::uint32_t fraction = bits & 1023u;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t wide_exponent = exponent == 31 ? 255 : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

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

SafetensorsFile SafetensorsFile::parse(std::vector<std::byte> bytes, std::string file_name) {
  SafetensorsFile file;
  file.file_name_ = std::move(file_name);
  file.bytes_ = std::move(bytes);

  const std::string_view header = header_of(file.bytes_, file.file_name_);
  HeaderReader reader(file.file_name_);
  nlohmann::json::sax_parse(header.begin(), header.end(),
                            &reader);  // the reader throws on every fault
  const std::size_t data_at = kLengthBytes + header.size();
  check_tiling(reader.entries, file.bytes_.size() - data_at, file.file_name_);
  widen_integers(reader.entries, data_at, file.bytes_);  // moves the bytes
  const Bytes data = Bytes(file.bytes_).subspan(data_at);

  for (const auto& [name, entry] : reader.entries) {
    const Bytes range = data.subspan(entry.begin, entry.end - entry.begin);
    require(entry.dtype != DType::boolean || holds_only_truth_values(range), file.file_name_,
            ": tensor ", shown(name), " is BOOL and holds a byte other than 0 and 1. ", kDamaged);
    file.tensors_.emplace(name, FileTensor{entry.dtype, entry.shape, range});
  }
  file.metadata_ = std::move(reader.metadata);
  return file;
}

SafetensorsFile SafetensorsFile::load(const std::filesystem::path& path, std::int64_t max_bytes) {
  return parse(read_file(path, max_bytes), path.string());
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

const FileTensor& SafetensorsFile::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  fail(file_name_, ": has no tensor ", shown(name), " among its ", tensors_.size(),
       ". Is it a checkpoint of another model?");
}

std::vector<float> SafetensorsFile::read_f32(const std::string& name) const {
  const FileTensor& tensor = this->tensor(name);
  switch (tensor.dtype) {
    case DType::f32: return converted<float>(tensor.bytes, [](float value) { return value; });
    case DType::f16: return converted<std::uint16_t>(tensor.bytes, from_f16);
    case DType::bf16: return converted<std::uint16_t>(tensor.bytes, from_bf16);
    case DType::f64:
      return converted<double>(tensor.bytes,
                               [](double value) { return static_cast<float>(value); });
    default:
      fail(file_name_, ": tensor ", shown(name), " is ", file_name_of(tensor.dtype),
           ", expected F32, F16, BF16 or F64. Export it as F32.");
  }
}

std::vector<std::int64_t> SafetensorsFile::read_i64(const std::string& name) const {
  const FileTensor& tensor = this->tensor(name);
  const auto integer = [](auto value) -> std::int64_t { return value; };
  switch (tensor.dtype) {
    case DType::i64: return converted<std::int64_t>(tensor.bytes, integer);
    case DType::i32: return converted<std::int32_t>(tensor.bytes, integer);
    case DType::u8: return converted<std::uint8_t>(tensor.bytes, integer);
    default:
      fail(file_name_, ": tensor ", shown(name), " is ", file_name_of(tensor.dtype),
           ", expected I64, I32 or U8. Export it as I64.");
  }
}

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
