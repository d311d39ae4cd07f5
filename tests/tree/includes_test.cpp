// Who includes whom: reads every #include "..." and names the edges that architecture forbids.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/tree/sources.h"

namespace saddle::tree {
namespace {

// What each folder may include of the others. Layers, optimisers and attacks never see each other:
// only the apps join them.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"kernels", {"kernels"}},
    {"core", {"core", "kernels"}},
    {"layers", {"layers", "core"}},
    {"optim", {"optim", "core", "kernels"}},
    {"attacks", {"attacks", "core", "kernels"}},
    {"apps", {"apps", "layers", "optim", "attacks", "core", "kernels"}},
};

// Line and path of every #include "path".
struct Include {
  int line;
  std::string path;
};

std::vector<Include> includes_of(std::istream& source) {
  std::vector<Include> found;
  std::string text;
  for (int line = 1; std::getline(source, text); ++line) {
    const std::size_t hash = text.find_first_not_of(" \t");
    if (hash == std::string::npos || text[hash] != '#') continue;
    const std::size_t word = text.find_first_not_of(" \t", hash + 1);
    if (word == std::string::npos || text.compare(word, 7, "include") != 0) continue;
    const std::size_t open = text.find('"', word);
    if (open == std::string::npos) continue;
    found.push_back({line, text.substr(open + 1, text.find('"', open + 1) - open - 1)});
  }
  return found;
}

// What is wrong with a file of `folder` that includes `path`; empty where it may.
std::string objection(const std::string& folder, const std::string& path) {
  const std::string target = path.substr(0, path.find('/'));
  if (kMayInclude.at(folder).contains(target) && path.find("..") == std::string::npos) return "";
  return folder + " must not include " + target + " (\"" + path + "\")";
}

// An #include, and the file and line it stands in.
struct Edge {
  std::filesystem::path file;
  int line;
  std::string path;
};

std::vector<Edge> edges_from(const std::vector<std::string>& folders) {
  std::vector<Edge> edges;
  for (const auto& file : files_of(folders, kCppEndings)) {
    std::istringstream source(text_of(file));
    for (const Include& include : includes_of(source))
      edges.push_back({file, include.line, include.path});
  }
  return edges;
}

// The training loop and what all attacks share are every task's: what knows images, labels or one
// program stays out of them.
bool knows_a_task(const std::string& path) {
  for (const char* known : {"apps/train/", "apps/data/", "apps/attack/", "apps/segment/",
                            "apps/text/", "apps/common/evaluate", "apps/common/device_dataset",
                            "apps/common/load_model", "kernels/images.h"}) {
    if (path.starts_with(known)) return true;
  }
  return false;
}

TEST(tree, what_all_tasks_share_knows_none) {
  const std::vector<Edge> edges = edges_from({"apps/training", "apps/attacking"});
  for (const Edge& edge : edges)
    EXPECT_FALSE(knows_a_task(edge.path)) << edge.file << ":" << edge.line;
  EXPECT_GT(edges.size(), 30u);
  EXPECT_TRUE(knows_a_task("apps/common/evaluate.h"));
}

// Whether the path is of a task other than `own`; "apps/train/" and "apps/attack/" are one.
bool knows_another(const std::string& path, const std::string& own) {
  for (const char* task : {"apps/train/", "apps/attack/", "apps/segment/", "apps/text/"}) {
    if (task != own && path.starts_with(task)) return true;
  }
  return false;
}

// A task's programs are built of what all share, never of another task's.
TEST(tree, tasks_do_not_know_one_another) {
  const std::vector<Edge> of_images = edges_from({"apps/train", "apps/attack"}),
                          of_pixels = edges_from({"apps/segment"}),
                          of_text = edges_from({"apps/text"});
  for (const Edge& edge : of_images) {
    EXPECT_FALSE(edge.path.starts_with("apps/segment/") || edge.path.starts_with("apps/text/"))
        << edge.file << ":" << edge.line;
  }
  for (const Edge& edge : of_pixels) {
    EXPECT_FALSE(knows_another(edge.path, "apps/segment/")) << edge.file << ":" << edge.line;
  }
  for (const Edge& edge : of_text) {
    EXPECT_FALSE(knows_another(edge.path, "apps/text/")) << edge.file << ":" << edge.line;
  }
  EXPECT_GT(std::min({of_images.size(), of_pixels.size(), of_text.size()}), 40u);
}

TEST(tree, includes_only_go_where_the_architecture_allows) {
  const std::vector<Edge> edges = edges_from(kEngineFolders);
  for (const Edge& edge : edges) {
    EXPECT_EQ(objection(edge.file.begin()->string(), edge.path), "")
        << edge.file << ":" << edge.line;
  }
  EXPECT_GT(edges.size(), 300u);  // the tree was found
}

// A function that stands in a header is kept once in a program, in whichever of its copies. One
// that was compiled for AVX-512 must not be the copy that other code calls, so that code includes
// only headers whose functions are templates of its width.
TEST(tree, code_for_avx512_shares_no_function_with_other_code) {
  const std::set<std::string> allowed = {"core/host_memory.h",
                                         "core/register_tile.h",
                                         "core/small_product_lanes.h",
                                         "core/thin_lanes.h",
                                         "core/vector.h",
                                         "core/vector_code.h",
                                         "core/winograd_lanes.h",
                                         "core/winograd_transform.h"};
  std::set<std::string> reached;
  for (const Edge& edge : edges_from({"core"})) {
    if (edge.file != "core/vector_code_16.cpp" && !allowed.contains(edge.file.string())) continue;
    EXPECT_TRUE(allowed.contains(edge.path)) << edge.file << ":" << edge.line << ": " << edge.path;
    reached.insert(edge.path);
  }
  EXPECT_EQ(reached, allowed);
}

TEST(tree, headers_begin_with_what_they_are_and_are_guarded) {
  for (const auto& file : files_of(kEngineFolders, {".h"})) {
    std::istringstream source(text_of(file));
    std::string line;
    std::getline(source, line);
    EXPECT_TRUE(line.starts_with("// ")) << file << " does not say what it is";
    while (line.starts_with("//")) std::getline(source, line);
    EXPECT_EQ(line, "#pragma once") << file;
  }
}

TEST(tree, finds_includes_however_they_are_spaced) {
  std::istringstream source(
      "#include <vector>\n  #  include \"core/tensor.h\"\n// #include \"no\"\n#include \"a.h\"");

  const std::vector<Include> found = includes_of(source);

  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].path, "core/tensor.h");
  EXPECT_EQ(found[0].line, 2);
  EXPECT_EQ(found[1].path, "a.h");
}

TEST(tree, names_the_edge_that_is_forbidden) {
  EXPECT_EQ(objection("optim", "attacks/pgd.h"),
            "optim must not include attacks (\"attacks/pgd.h\")");
  EXPECT_EQ(objection("kernels", "core/error.h"),
            "kernels must not include core (\"core/error.h\")");
  EXPECT_EQ(objection("apps", "tests/support/view.h"),
            "apps must not include tests (\"tests/support/view.h\")");
  EXPECT_EQ(objection("core", "core/../optim/sam.h"),
            "core must not include core (\"core/../optim/sam.h\")");
  EXPECT_EQ(objection("attacks", "kernels/pgd.h"), "");
}

}  // namespace
}  // namespace saddle::tree
