#include "core/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/safetensors_format.h"

namespace saddle::safetensors {

namespace {

constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 53;  // below, exact in every JSON reader
constexpr const char* kCutShort = "The file is cut short or not safetensors; copy it again.";

constexpr std::array<IntegerType, 5> kWidenedIntegers{
    {{"I8", 1, true}, {"I16", 2, true}, {"U16", 2, false}, {"U32", 4, false}, {"U64", 8, false}}};

// Types of the format that no network of ours holds.
constexpr std::array<std::string_view, 1> kForeignDTypes{"C64"};
constexpr std::array<std::string_view, 3> kForeignPrefixes{"F8_", "F6_", "F4"};

bool is_foreign(const std::string& dtype) {
  return std::ranges::find(kForeignDTypes, dtype) != kForeignDTypes.end() ||
         std::ranges::any_of(kForeignPrefixes,
                             [&](auto prefix) { return dtype.starts_with(prefix); });
}

const IntegerType* widened_integer(const std::string& dtype) {
  const auto found = std::ranges::find(kWidenedIntegers, dtype, &IntegerType::name);
  return found == kWidenedIntegers.end() ? nullptr : &*found;
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

}  // namespace

Header read_header(Bytes bytes, const std::string& file_name) {
  const std::string_view header = header_of(bytes, file_name);
  HeaderReader reader(file_name);
  nlohmann::json::sax_parse(header.begin(), header.end(),
                            &reader);  // the reader throws on every fault
  const std::size_t data_at = kLengthBytes + header.size();
  check_tiling(reader.entries, bytes.size() - data_at, file_name);
  return {std::move(reader.entries), std::move(reader.metadata), data_at};
}

}  // namespace saddle::safetensors
