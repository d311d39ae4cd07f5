// A type has its name to itself: two definitions of one name in one namespace may be taken for one
// another by the linker, without a word.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <string>

#include "tests/tree/sources.h"

namespace saddle::tree {
namespace {

// The name of the type that a declaration defines for all files to see, with its namespace; empty
// where it defines none. Specialisations and members have another's name.
std::string type_of(const Declaration& declaration) {
  static const std::regex kDefinition(
      R"((?:class|struct|union|enum|enum class) (?:alignas\(.*?\) )?(\w+)(?: final)?(?: ?:[^:].*)?)");
  static const std::regex kAlias(R"(using (\w+) =.*)");
  const bool hidden = declaration.space.find("(anonymous)") != std::string::npos;
  std::smatch name;
  const bool defines = declaration.kind == Kind::type
                           ? std::regex_match(declaration.head, name, kDefinition)
                           : std::regex_match(declaration.head, name, kAlias);
  return defines && !hidden && !declaration.member ? declaration.space + "::" + name.str(1) : "";
}

// The names that more than one of the files defines, each with the files.
std::map<std::string, std::set<std::string>> clashes_in(
    const std::map<std::string, std::string>& texts) {
  std::map<std::string, std::set<std::string>> files;
  for (const auto& [file, text] : texts) {
    for (const Declaration& declaration : declarations_of(text)) {
      const std::string type = type_of(declaration);
      if (!type.empty()) files[type].insert(file);
    }
  }
  std::erase_if(files, [](const auto& type) { return type.second.size() == 1; });
  return files;
}

TEST(tree, defines_no_type_twice_in_one_namespace) {
  std::map<std::string, std::string> texts;
  for (const auto& file : files_of(kFolders, kCppEndings)) texts[file.string()] = text_of(file);

  for (const auto& [type, files] : clashes_in(texts)) {
    std::string places;
    for (const std::string& file : files) places += " " + file;
    ADD_FAILURE() << type << " is defined in" << places;
  }
}

TEST(clashes, are_found_between_all_kinds_of_types) {
  const std::map<std::string, std::string> texts = {
      {"a.h",
       "namespace saddle {\nstruct Square : Base<int> {\n  int x = 0;\n};\n"
       "enum class Norm { l1, l2 };\n}\n"},
      {"b.h",
       "namespace saddle {\n// x^2\ntemplate <class T>\nstruct Square {};\n"
       "using Norm = int;\n}\n"},
  };

  const auto found = clashes_in(texts);

  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found.at("saddle::Square"), (std::set<std::string>{"a.h", "b.h"}));
  EXPECT_EQ(found.at("saddle::Norm"), (std::set<std::string>{"a.h", "b.h"}));
}

TEST(clashes, are_none_where_a_name_is_hidden_belongs_to_another_or_is_only_said) {
  const std::map<std::string, std::string> texts = {
      {"defined.h", "namespace saddle {\nclass Square final {\n  struct Options {};\n};\n}\n"},
      {"elsewhere.h", "namespace saddle::bench {\nclass Square {};\nstruct Options {};\n}\n"},
      {"hidden.cpp", "namespace saddle {\nnamespace {\nstruct Square {};\n}\n}\n"},
      {"declared.h", "namespace saddle {\nclass Square;\n}\n"},
      {"member.cpp",
       "namespace saddle {\nstruct Square::Options {};\n"
       "void f() {\n  struct Square {};\n}\n}\n"},
      {"specialised.h", "namespace saddle {\ntemplate <>\nstruct Square<int> {};\n}\n"},
      {"said.h",
       "// struct Square {};\nconst char* s = \"namespace saddle { struct Square {}; }\";\n"},
  };

  EXPECT_TRUE(clashes_in(texts).empty());
}

}  // namespace
}  // namespace saddle::tree
