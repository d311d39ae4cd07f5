// What the pages say of the sources is so: files that they name exist, and code that they quote
// stands in one of the files named above it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/source_directory.h"
#include "tests/tree/sources.h"

namespace saddle::tree {
namespace {

namespace fs = std::filesystem;

// A page, and how to look at the tree it speaks of. Paths are relative to the top of the tree.
struct Page {
  std::string path, text;
  std::function<bool(const fs::path&)> exists;
  std::function<std::string(const fs::path&)> text_of;
};

// The paths from the top of the tree that a line names, "core/tensor.h", in whatever quotes.
std::vector<std::string> paths_in(const std::string& line) {
  static const std::regex kPath(
      R"((?:^|[^\w/.-])((?:kernels|core|layers|optim|attacks|apps|tests|third_party)/[\w/.-]*\w\.\w+))");
  std::vector<std::string> paths;
  for (std::sregex_iterator found(line.begin(), line.end(), kPath), none; found != none; ++found) {
    paths.push_back((*found)[1]);
  }
  return paths;
}

// The files of the page's own folder that a line names: `sam.h`, or [a picture](weights.png).
std::vector<std::string> neighbours_in(const std::string& line) {
  static const std::regex kName(
      R"(`([a-z0-9_/.]+\.(?:h|cpp|cu|py|sh|cmake))`|\]\(([^):#]+)(?:#[^)]*)?\))");
  std::vector<std::string> names;
  for (std::sregex_iterator found(line.begin(), line.end(), kName), none; found != none; ++found) {
    names.push_back((*found)[1].matched ? (*found)[1] : (*found)[2]);
  }
  return names;
}

// A page's lines that are no quoted C++.
std::vector<std::string> prose_of(const std::string& text) {
  std::vector<std::string> prose;
  bool quoting = false;
  for (const std::string& line : lines_of(text)) {
    quoting = quoting ? line != "```" : line == "```cpp";
    if (!quoting) prose.push_back(line);
  }
  return prose;
}

std::set<std::string> missing_files(const Page& page) {
  std::set<std::string> missing;
  const fs::path folder = fs::path(page.path).parent_path();
  for (const std::string& line : prose_of(page.text)) {
    std::vector<std::string> named = paths_in(line);
    for (const std::string& name : neighbours_in(line)) named.push_back(name);
    for (const std::string& name : named) {
      if (!page.exists(name) && !page.exists(folder / name)) missing.insert(name);
    }
  }
  return missing;
}

std::string trimmed(const std::string& line) {
  const std::size_t first = line.find_first_not_of(' ');
  return first == std::string::npos ? ""
                                    : line.substr(first, line.find_last_not_of(' ') + 1 - first);
}

// Whether the lines stand in the text one below the other, at whatever indentation.
bool stand_in(const std::vector<std::string>& lines, const std::string& text) {
  std::string flat = "\n", wanted = "\n";
  for (const std::string& line : lines_of(text)) flat += trimmed(line) + "\n";
  for (const std::string& line : lines) wanted += trimmed(line) + "\n";
  return flat.find(wanted) != std::string::npos;
}

// The first line of each ```cpp block that stands in no file named above it under the same heading.
std::vector<std::string> stale_quotes(const Page& page) {
  std::vector<std::string> stale, named, quote;
  bool quoting = false;
  for (const std::string& line : lines_of(page.text)) {
    if (quoting && line == "```") {
      quoting = false;
      const bool found = std::ranges::any_of(named, [&](const std::string& path) {
        return page.exists(path) && stand_in(quote, page.text_of(path));
      });
      if (!found) stale.push_back(quote.empty() ? "" : quote.front());
    } else if (quoting) {
      quote.push_back(line);
    } else if (line == "```cpp") {
      quoting = true;
      quote.clear();
    } else if (line.starts_with("#")) {
      named.clear();
    } else {
      for (const std::string& path : paths_in(line)) named.push_back(path);
    }
  }
  return stale;
}

std::vector<Page> pages() {
  std::vector<Page> pages;
  std::vector<fs::path> files = files_of(kFolders, {".md"});
  files.emplace_back("README.md");
  const auto exists = [](const fs::path& path) { return fs::exists(source_directory() / path); };
  for (const fs::path& file : files) {
    pages.push_back({file.string(), tree::text_of(file), exists, tree::text_of});
  }
  return pages;
}

// A page of core/ about a tree of two files.
Page page_of(const std::string& text) {
  const std::map<std::string, std::string> files = {
      {"core/tape.h", "int f() {\n  int a = 1;\n  return a;\n}\n"},
      {"kernels/sam.h", "int g();\n"}};
  return {"core/README.md", text,
          [=](const fs::path& path) { return files.contains(path.string()); },
          [=](const fs::path& path) { return files.at(path.string()); }};
}

using Lines = std::vector<std::string>;
using Names = std::set<std::string>;

TEST(tree, has_every_file_that_a_page_names) {
  for (const Page& page : pages()) {
    for (const std::string& file : missing_files(page)) {
      ADD_FAILURE() << page.path << " names " << file << ", which does not exist";
    }
  }
}

TEST(tree, has_all_code_that_a_page_quotes) {
  for (const Page& page : pages()) {
    for (const std::string& line : stale_quotes(page)) {
      ADD_FAILURE() << page.path << " quotes what no file named above it has:\n" << line;
    }
  }
}

TEST(missing_files, are_found_by_their_paths_from_the_top_and_in_the_pages_folder) {
  EXPECT_EQ(missing_files(page_of("`core/tape.h` and kernels/sam.h:12, (`tape.h`) [x](tape.h#a)")),
            Names{});
  EXPECT_EQ(missing_files(page_of("see `core/gone.cpp`, kernels/no.h.")),
            (Names{"core/gone.cpp", "kernels/no.h"}));
  EXPECT_EQ(missing_files(page_of("`sam.h`, [x](weights.png)")), (Names{"sam.h", "weights.png"}));
}

TEST(missing_files, are_none_among_what_lies_elsewhere) {
  EXPECT_EQ(missing_files(page_of("build/core/x.o runs/a.json `best.safetensors` `NAME_fuzz.cpp` "
                                  "[there](https://example.org/core.h) `device.pool()`")),
            Names{});
}

TEST(stale_quotes, are_those_whose_lines_are_not_together_in_a_file_named_above) {
  const std::string quote = "```cpp\n    int a = 1;\n    return a;\n```\n";

  EXPECT_EQ(stale_quotes(page_of("In `core/tape.h`:\n" + quote)), Lines{});
  EXPECT_EQ(stale_quotes(page_of("In `kernels/sam.h`:\n" + quote)), Lines{"    int a = 1;"});
  EXPECT_EQ(stale_quotes(page_of(quote + "is in `core/tape.h`.")), Lines{"    int a = 1;"});
  EXPECT_EQ(stale_quotes(page_of("`core/tape.h`\n# Next\n" + quote)), Lines{"    int a = 1;"});
  EXPECT_EQ(stale_quotes(page_of("`core/tape.h`\n```cpp\nint f() {\nreturn a;\n```\n")),
            Lines{"int f() {"});
}

}  // namespace
}  // namespace saddle::tree
