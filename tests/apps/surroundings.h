// Sets SADDLE_DATA and the working directory, where data sets are looked for, and restores both.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace saddle {

class Surroundings {
 public:
  Surroundings(const std::string& saddle_data, const std::filesystem::path& working_directory)
      : previous_directory_(std::filesystem::current_path()) {
    if (const char* value = std::getenv("SADDLE_DATA")) previous_data_ = value;
    setenv("SADDLE_DATA", saddle_data.c_str(), 1);
    std::filesystem::current_path(working_directory);
  }
  ~Surroundings() {
    std::filesystem::current_path(previous_directory_);
    if (previous_data_) {
      setenv("SADDLE_DATA", previous_data_->c_str(), 1);
    } else {
      unsetenv("SADDLE_DATA");
    }
  }
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;

 private:
  std::filesystem::path previous_directory_;
  std::optional<std::string> previous_data_;
};

}  // namespace saddle
