// A folder of a test's own, removed with all it holds when the object goes.
#pragma once

#include <string>

namespace fluence::test {

class TemporaryDirectory {
  public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::string& path() const { return path_; }
    // path()/name; nothing is created.
    std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

// Whole files, binary. Folders in front of the name are created. Throw std::runtime_error on failure.
void write_file(const std::string& path, const std::string& content);
std::string read_file(const std::string& path);

}  // namespace fluence::test
