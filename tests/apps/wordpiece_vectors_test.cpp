// The ids of hostile texts as Hugging Face's tokenizers has them: tests/vectors/wordpiece.json, and
// make_wordpiece_vectors.py, which wrote it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/data/wordpiece.h"
#include "core/json_text.h"
#include "tests/apps/data_files.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

TEST(wordpiece_vectors, are_the_ids_of_hugging_face) {
  const nlohmann::json vectors =
      parse_json(read_file(source_directory() / "tests/vectors/wordpiece.json", 1 << 20));
  std::string lines;
  for (const auto& piece : vectors["vocabulary"]) lines += piece.get<std::string>() + "\n";
  const WordPiece wordpiece(Vocabulary::parse(bytes_of(lines), "vocabulary"));

  ASSERT_GT(vectors["cases"].size(), 100u);
  for (const auto& each : vectors["cases"]) {
    const EncodedText encoded =
        wordpiece.encode(each["text"].get<std::string>(), vectors["max_length"]);
    EXPECT_EQ(encoded.ids, each["ids"].get<std::vector<std::int32_t>>()) << each["text"];
  }
}

}  // namespace
}  // namespace saddle
