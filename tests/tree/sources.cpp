#include "tests/tree/sources.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "tests/support/source_directory.h"

namespace saddle::tree {
namespace {

namespace fs = std::filesystem;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The end of what begins at `at`, or `at` itself where no comment, quote or directive begins there.
std::size_t end_of_comment(const std::string& text, std::size_t at) {
  if (text.compare(at, 2, "//") == 0) return std::min(text.find('\n', at), text.size());
  if (text.compare(at, 2, "/*") == 0) return std::min(text.find("*/", at + 2), text.size() - 2) + 2;
  return at;
}

std::size_t end_of_quote(const std::string& text, std::size_t at) {
  const bool after_word = at > 0 && is_word(text[at - 1]);
  if (text.compare(at, 2, "R\"") == 0 && !after_word) {
    const std::size_t open = text.find('(', at);
    const std::string close = ")" + text.substr(at + 2, open - at - 2) + "\"";
    return std::min(text.find(close, open), text.size() - close.size()) + close.size();
  }
  if (text[at] != '"' && (text[at] != '\'' || after_word)) return at;  // 1'000 has no quotes
  std::size_t end = at + 1;
  while (end < text.size() && text[end] != text[at]) end += text[end] == '\\' ? 2 : 1;
  return std::min(end + 1, text.size());
}

std::size_t end_of_directive(const std::string& text, std::size_t at) {
  if (text[at] != '#') return at;
  const std::size_t line = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  if (text.find_first_not_of(" \t", line) != at) return at;
  std::size_t end = text.find('\n', at);
  while (end != std::string::npos && text[end - 1] == '\\') end = text.find('\n', end + 1);
  return std::min(end, text.size());
}

// "template <class T> struct A" -> "struct A".
std::string without_template(std::string head) {
  while (head.starts_with("template")) {
    int depth = 0;
    std::size_t at = head.find('<');
    for (; at < head.size(); ++at) {
      if (head[at] == '<') ++depth;
      if (head[at] == '>' && --depth == 0) break;
    }
    if (at >= head.size()) break;
    const std::size_t next = head.find_first_not_of(' ', at + 1);
    head = next == std::string::npos ? "" : head.substr(next);
  }
  return head;
}

// On one line, with single blanks.
std::string joined(const std::string& text) {
  std::istringstream words(text);
  std::string line;
  for (std::string word; words >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

std::string without_parentheses(const std::string& text) {
  std::string outside;
  int depth = 0;
  for (const char c : text) {
    depth -= c == ')';
    if (depth == 0) outside += c;
    depth += c == '(';
  }
  return outside;
}

Kind kind_of(const std::string& head) {
  static const std::regex kSpace(R"((inline )?namespace\b.*|extern\s*)");
  static const std::regex kType(R"((class|struct|union|enum)\b.*)");
  static const std::regex kOperator(R"(operator ?(\(\)|[^\s\w(]+))");
  if (std::regex_match(head, kSpace)) return Kind::space;
  const std::string outside = without_parentheses(std::regex_replace(head, kOperator, "operator"));
  const bool called = outside.find(')') != std::string::npos;
  if (std::regex_match(head, kType) && (!called || head.find("alignas(") != std::string::npos)) {
    return Kind::type;
  }
  return called && outside.find('=') == std::string::npos ? Kind::function : Kind::other;
}

std::string name_of_space(const std::string& head) {
  static const std::regex kName(R"(namespace ([\w:]+)$)");
  std::smatch name;
  if (std::regex_search(head, name, kName)) return name[1];
  return head.starts_with("extern") ? "" : "(anonymous)";
}

// Reads a bare text from its begin to its end.
class Parser {
 public:
  explicit Parser(std::string text) : text_(std::move(text)) {}

  std::vector<Declaration> read() {
    for (at_ = 0; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      line_ += c == '\n';
      if (within_body() || within_ > 0) {
        skip(c);
      } else if (c == '{' && is_member_initialiser()) {
        within_ = 1;
      } else if (c == '(') {
        within_ = 1;
      } else if (c == '{') {
        open();
      } else if (c == '}') {
        close();
      } else if (c == ';') {
        declare(Kind::other);
        start_ = at_ + 1;
      }
    }
    if (!open_.empty() || within_ != 0) throw std::runtime_error("a brace is not closed");
    return std::move(found_);
  }

 private:
  // Whether the brace that is open is that of a function or an initialiser: there only braces
  // count.
  bool within_body() const {
    return !open_.empty() && found_[open_.back()].kind != Kind::space &&
           found_[open_.back()].kind != Kind::type;
  }

  void skip(char c) {
    if (c == '(' || c == '{') ++within_;
    if (c != ')' && c != '}') return;
    if (within_ > 0) {
      --within_;
    } else {
      close();
    }
  }

  // Thing(int a) : a_{a} {
  bool is_member_initialiser() const {
    static const std::regex kInitialisers(R"(\)\s*(noexcept)?\s*:\s)");
    const std::string head = text_.substr(start_, at_ - start_);
    return !head.empty() && is_word(head.back()) && std::regex_search(head, kInitialisers);
  }

  void declare(Kind kind) {
    static const std::regex kBefore(R"(^(\s|(public|private|protected)\s*:(?!:))+)");
    const std::string statement = text_.substr(start_, at_ - start_);
    std::smatch before;
    const bool any = std::regex_search(statement, before, kBefore);
    const std::string head = without_template(joined(any ? before.suffix().str() : statement));
    const auto rest =
        std::count(statement.begin() + (any ? before.length() : 0), statement.end(), '\n');
    std::string space;
    for (const std::size_t outer : open_) {
      const Declaration& scope = found_[outer];
      const std::string name = scope.kind == Kind::space ? name_of_space(scope.head) : "";
      if (!name.empty()) space += (space.empty() ? "" : "::") + name;
    }
    const bool member = std::ranges::any_of(
        open_, [&](std::size_t outer) { return found_[outer].kind == Kind::type; });
    found_.push_back({head, space, kind, member, line_ - static_cast<int>(rest), line_});
  }

  void open() {
    declare(Kind::other);
    found_.back().kind = kind_of(found_.back().head);
    open_.push_back(found_.size() - 1);
    start_ = at_ + 1;
  }

  void close() {
    if (open_.empty()) throw std::runtime_error("a brace is closed that was not opened");
    found_[open_.back()].last_line = line_;
    open_.pop_back();
    start_ = at_ + 1;
  }

  const std::string text_;
  std::size_t at_ = 0, start_ = 0;  // the character, and where its statement begins
  int line_ = 1;
  int within_ = 0;  // parentheses and braces open within a head or a body
  std::vector<Declaration> found_;
  std::vector<std::size_t> open_;  // those whose brace is open
};

}  // namespace

const std::vector<std::string> kEngineFolders = {"kernels", "core",    "layers",
                                                 "optim",   "attacks", "apps"};
const std::vector<std::string> kFolders = {"kernels", "core", "layers", "optim",
                                           "attacks", "apps", "tests"};
const std::set<std::string> kCppEndings = {".h", ".cpp", ".cu", ".cuh"};

std::vector<fs::path> files_of(const std::vector<std::string>& folders,
                               const std::set<std::string>& endings) {
  std::vector<fs::path> files;
  for (const std::string& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(source_directory() / folder)) {
      if (entry.is_regular_file() && endings.contains(entry.path().extension().string())) {
        files.push_back(fs::relative(entry.path(), source_directory()));
      }
    }
  }
  std::ranges::sort(files);
  return files;
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(source_directory() / file);
  if (!stream) throw std::runtime_error(file.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string bare(const std::string& source) {
  std::string text = source;
  for (std::size_t at = 0; at < source.size();) {
    std::size_t end = end_of_comment(source, at);
    if (end == at) end = end_of_quote(source, at);
    if (end == at) end = end_of_directive(source, at);
    for (std::size_t i = at; i < end; ++i) {
      if (text[i] != '\n') text[i] = ' ';
    }
    at = std::max(end, at + 1);
  }
  return text;
}

std::vector<Declaration> declarations_of(const std::string& source) {
  return Parser(bare(source)).read();
}

}  // namespace saddle::tree
