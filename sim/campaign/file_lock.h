// Keeps two programs from writing one result file, and the few file operations that a crash must not tear.
#pragma once

#include <string>

namespace fluence::campaign {

// An exclusive lock on a file, created where it is missing. It ends with the process, however that ends,
// or when the last forked child that inherited it ends.
class FileLock {
  public:
    FileLock() = default;
    enum class Held { fail, wait };  // what to do while another program holds it
    // Throws InputError when another program holds it or the file cannot be opened for writing.
    explicit FileLock(const std::string& path, Held held = Held::fail);
    ~FileLock() { release(); }
    FileLock(FileLock&& other) noexcept;
    FileLock& operator=(FileLock&& other) noexcept;
    void release();

  private:
    int descriptor_ = -1;
};

// Forces the content of a file, or the entries of a folder, to the disk.
void synchronise(const std::string& path);
// Makes the folder of a path, and those above, where they are missing. Throws InputError.
void make_folder_of(const std::string& path);
// The folder of a path; "." where there is none.
std::string folder_of(const std::string& path);

}  // namespace fluence::campaign
