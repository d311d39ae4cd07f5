#include "attacks/text/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/printable.h"

namespace saddle {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are taken as they lie");

constexpr std::string_view kMagic = "\x93NUMPY";

// The header is a dictionary in Python's syntax. Its three keys are taken and nothing else.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, std::string name) : rest_(text), name_(std::move(name)) {}

  // Whether `token` comes next, behind blanks; it is then passed.
  bool take(std::string_view token) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size()));
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token)) refuse(token);
  }

  std::string_view string() {
    const std::string_view quote = take("'") ? "'" : "\"";
    if (quote == "\"") expect(quote);
    const std::size_t size = rest_.find(quote);
    if (size == std::string_view::npos) refuse("the end of a string");
    const std::string_view found = rest_.substr(0, size);
    rest_.remove_prefix(size + 1);
    return found;
  }

  bool boolean() {
    if (take("True")) return true;
    expect("False");
    return false;
  }

  // (2, 3) and (2,); none of () .
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> numbers;
    expect("(");
    while (!take(")")) {
      numbers.push_back(integer());
      if (take(")")) break;
      expect(",");
    }
    return numbers;
  }

  bool at_end() { return take("") && rest_.empty(); }

  [[noreturn]] void refuse(std::string_view expected) const {
    fail(name_, ": the header of the NPY file has '", printable(rest_, 60), "', expected ",
         expected, ". Write it with numpy.save");
  }

 private:
  std::int64_t integer() {
    take("");
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error != std::errc() || number < 0) refuse("a whole number");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return number;
  }

  std::string_view rest_;
  std::string name_;
};

struct NpyHeader {
  std::string_view descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

NpyHeader parse_header(std::string_view text, const std::string& name) {
  std::optional<std::string_view> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::int64_t>> shape;
  HeaderReader reader(text, name);
  reader.expect("{");
  while (!reader.take("}")) {
    const std::string_view key = reader.string();
    reader.expect(":");
    if (key == "descr" && !descr) {
      descr = reader.string();
    } else if (key == "fortran_order" && !fortran_order) {
      fortran_order = reader.boolean();
    } else if (key == "shape" && !shape) {
      shape = reader.tuple();
    } else {
      reader.refuse("descr, fortran_order and shape, each once");
    }
    if (reader.take("}")) break;
    reader.expect(",");
  }
  if (!reader.at_end() || !descr || !fortran_order || !shape) {
    reader.refuse("descr, fortran_order and shape, and no more");
  }
  return {*descr, *fortran_order, *shape};
}

NpyType type_of(std::string_view descr, const std::string& name) {
  if (descr == "<f4") return NpyType::f32;
  if (descr == "<f8") return NpyType::f64;
  if (descr == "<i4") return NpyType::i32;
  if (descr == "<i8") return NpyType::i64;
  fail(name, " has numbers of type '", printable(descr, 60),
       "', expected <f4 or <f8 for vectors and <i4 or <i8 for neighbours. Convert it with astype");
}

std::int64_t size_of(NpyType type) { return type == NpyType::f32 || type == NpyType::i32 ? 4 : 8; }

// Little-endian.
std::uint32_t number_at(Bytes bytes, std::size_t at, std::size_t size) {
  std::uint32_t number = 0;
  for (std::size_t i = size; i-- > 0;) {
    number = number << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  }
  return number;
}

// The dictionary; `bytes` is left with what follows it.
std::string_view take_header(Bytes& bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  require(text.starts_with(kMagic) && text.size() >= 12, name,
          " is no NPY file. Write it with numpy.save");
  const int version = std::to_integer<int>(bytes[6]);
  require(version >= 1 && version <= 3, name, " is of NPY version ", version,
          ", expected 1 to 3. Write it with numpy.save");
  const std::size_t begin = version == 1 ? 10 : 12;
  const std::size_t size = number_at(bytes, 8, begin - 8);
  require(size <= bytes.size() - begin, name, " ends inside its header. Copy it again");
  bytes = bytes.subspan(begin + size);
  return text.substr(begin, size);
}

template <class T>
T number_of(Bytes data, std::int64_t i) {
  T number;
  std::memcpy(&number, data.data() + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return number;
}

}  // namespace

double NpyMatrix::real(std::int64_t i) const {
  if (type == NpyType::f32) return number_of<float>(data, i);
  return number_of<double>(data, i);
}

std::int64_t NpyMatrix::integer(std::int64_t i) const {
  if (type == NpyType::i32) return number_of<std::int32_t>(data, i);
  return number_of<std::int64_t>(data, i);
}

NpyMatrix parse_npy(Bytes bytes, const std::string& name) {
  const NpyHeader header = parse_header(take_header(bytes, name), name);
  require(!header.fortran_order, name,
          " is column-major. Write it with numpy.save(file, numpy.ascontiguousarray(x))");
  require(header.shape.size() == 2, name, " has ", header.shape.size(),
          " extents, expected 2: words and numbers");
  NpyMatrix matrix{.type = type_of(header.descr, name),
                   .rows = header.shape[0],
                   .columns = header.shape[1],
                   .data = bytes};
  const auto size = static_cast<std::int64_t>(bytes.size());
  const bool fits = matrix.columns > 0 && matrix.rows > 0 && matrix.rows <= size / matrix.columns &&
                    matrix.rows * matrix.columns * size_of(matrix.type) == size;
  require(fits, name, " holds ", size, " bytes behind its header, which says ", matrix.rows, " x ",
          matrix.columns, " numbers of ", size_of(matrix.type), ". Copy it again");
  return matrix;
}

}  // namespace saddle
