// The tree's own files, and just enough of a C++ parser to hold them to rules.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace saddle::tree {

// The engine's folders, and those of all code; the endings of C++ and CUDA.
extern const std::vector<std::string> kEngineFolders, kFolders;
extern const std::set<std::string> kCppEndings;

// The files below the folders that have one of the endings, relative to the top of the tree,
// sorted.
std::vector<std::filesystem::path> files_of(const std::vector<std::string>& folders,
                                            const std::set<std::string>& endings);

// A file's text, by its path relative to the top of the tree.
std::string text_of(const std::filesystem::path& file);
std::vector<std::string> lines_of(const std::string& text);

// C++ with blanks in the place of comments, preprocessor lines and what stands between quotes, so
// that every brace left is the language's. Every character keeps its place.
std::string bare(const std::string& source);

enum class Kind { space, type, function, other };  // `space`: a namespace

// What stands in a namespace or in a class, not in a function.
struct Declaration {
  std::string head;   // up to its brace or semicolon, without "template <...>" and "public:"
  std::string space;  // "saddle::reproduce"; one without a name is "(anonymous)"
  Kind kind;
  bool member;                // of a class
  int first_line, last_line;  // of the head's first word, and of the closing brace or semicolon
};

// In the order in which they begin. Throws std::runtime_error where braces do not match.
std::vector<Declaration> declarations_of(const std::string& source);

}  // namespace saddle::tree
