#include "sim/campaign/file_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "sim/core/error.h"

namespace fluence::campaign {
namespace {

// One byte behind the range that SQLite locks for itself (from 0x40000000 on, 512 bytes).
constexpr off_t kLockByte = 0x40001000;

bool same_file(int descriptor, const std::string& path) {
    struct stat opened {};
    struct stat named {};
    return fstat(descriptor, &opened) == 0 && stat(path.c_str(), &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

}  // namespace

FileLock::FileLock(const std::string& path, Held held) {
    for (;;) {
        descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (descriptor_ < 0) {
            throw InputError(path, "", std::string("cannot be written: ") + std::strerror(errno));
        }
        // A lock of the open file, not of the process: closing another descriptor must not drop it.
        struct flock request {};
        request.l_type = F_WRLCK;
        request.l_whence = SEEK_SET;
        request.l_start = kLockByte;
        request.l_len = 1;
        if (fcntl(descriptor_, held == Held::wait ? F_OFD_SETLKW : F_OFD_SETLK, &request) != 0) {
            const int error = errno;
            release();
            const bool taken = error == EAGAIN || error == EACCES;
            throw InputError(path, "",
                             taken ? "another program is writing it"
                                   : std::string("cannot be locked: ") + std::strerror(error));
        }
        if (same_file(descriptor_, path)) {
            return;
        }
        release();  // its last holder finished and removed it in between
    }
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

void FileLock::release() {
    if (descriptor_ >= 0) {
        close(descriptor_);
        descriptor_ = -1;
    }
}

void synchronise(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool done = descriptor >= 0 && fsync(descriptor) == 0;
    const int error = errno;
    if (descriptor >= 0) {
        close(descriptor);
    }
    if (!done) {
        throw InputError(path, "", std::string("cannot be written to the disk: ") + std::strerror(error));
    }
}

void make_folder_of(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(folder_of(path), error);
    if (error) {
        throw InputError(folder_of(path), "", "cannot be created: " + error.message());
    }
}

std::string folder_of(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    return folder.empty() ? "." : folder;
}

}  // namespace fluence::campaign
