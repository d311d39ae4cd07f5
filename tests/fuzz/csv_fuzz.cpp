// Fuzzes tables of texts: an Error, or rows of as many fields as there are columns. Written anew in
// quotes, the same rows are read again.
#include <cstdlib>

#include "apps/data/csv.h"
#include "apps/data/text_lines.h"
#include "core/error.h"

namespace {

using Table = std::vector<std::vector<std::string>>;

void expect(bool ok) {
  if (!ok) std::abort();
}

Table rows_of(std::string_view text, char delimiter) {
  saddle::CsvReader reader(text, "fuzz", delimiter);
  Table table;
  for (std::vector<std::string> fields; reader.next(fields);) {
    expect(table.empty() || fields.size() == table[0].size());
    expect(reader.where().starts_with("fuzz, line "));
    for (const std::string& field : fields) expect(saddle::is_utf8(field));
    table.push_back(fields);
  }
  return table;
}

std::string quoted(const std::string& field) {
  std::string out = "\"";
  for (const char letter : field)
    out += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return out + '"';
}

// Names of the columns, of which there are as many as fields in a row, and the rows.
std::string written(const Table& table, char delimiter) {
  std::string text = "a" + std::string(table[0].size() - 1, delimiter) + "\n";
  for (const std::vector<std::string>& fields : table) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      text += (i == 0 ? "" : std::string(1, delimiter)) + quoted(fields[i]);
    }
    text += "\r\n";
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = saddle::letters_of(std::as_bytes(std::span(data, size)));
  for (const char delimiter : {',', '\t'}) {
    try {
      saddle::require_utf8(text, "fuzz");
      const Table table = rows_of(text, delimiter);
      if (!table.empty()) expect(rows_of(written(table, delimiter), delimiter) == table);
    } catch (const saddle::Error&) {
      // refused
    }
  }
  return 0;
}
