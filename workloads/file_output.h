// Files that are whole on the disk or an error: every write is checked and synchronised.
#pragma once

#include <cstdint>
#include <string>

namespace fluence::workloads {

class FileOutput {
  public:
    explicit FileOutput(const std::string& path);  // creates or truncates
    ~FileOutput();
    FileOutput(const FileOutput&) = delete;
    FileOutput& operator=(const FileOutput&) = delete;

    void write(const char* data, std::size_t bytes);
    void close();  // flushes to the disk; without it the destructor only closes

    std::int64_t size() const { return size_; }
    std::uint32_t crc32() const { return crc_; }  // zlib's, of everything written

  private:
    [[noreturn]] void fail(const std::string& doing) const;

    std::string path_;
    int descriptor_ = -1;
    std::int64_t size_ = 0;
    std::uint32_t crc_ = 0;
};

// A new folder next to `target`, which takes target's place when all files are in it, or vanishes.
class FolderReplacement {
  public:
    // Throws InputError where target's parent cannot be written.
    explicit FolderReplacement(const std::string& target);
    ~FolderReplacement();
    FolderReplacement(const FolderReplacement&) = delete;
    FolderReplacement& operator=(const FolderReplacement&) = delete;

    const std::string& path() const { return temporary_; }
    // Renames the folder to target, exchanging it in one step with an existing one, which is then removed.
    void commit();

  private:
    std::string target_;
    std::string temporary_;
};

}  // namespace fluence::workloads
