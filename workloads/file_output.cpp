#include "workloads/file_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "sim/core/error.h"

namespace fluence::workloads {

namespace fs = std::filesystem;

FileOutput::FileOutput(const std::string& path)
    : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) {
        fail("opened for writing");
    }
}

FileOutput::~FileOutput() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

void FileOutput::fail(const std::string& doing) const {
    throw InputError(path_, "", "cannot be " + doing + ": " + std::strerror(errno));
}

void FileOutput::write(const char* data, std::size_t bytes) {
    crc_ = static_cast<std::uint32_t>(::crc32_z(crc_, reinterpret_cast<const Bytef*>(data), bytes));
    size_ += static_cast<std::int64_t>(bytes);
    while (bytes > 0) {
        const ssize_t written = ::write(descriptor_, data, bytes);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            fail("written");
        }
        data += written;
        bytes -= static_cast<std::size_t>(written);
    }
}

void FileOutput::close() {
    if (::fsync(descriptor_) != 0) {
        fail("written to the disk");
    }
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0) {
        fail("closed");
    }
}

namespace {

// Makes the entries of a folder durable. Some file systems cannot; then the rename is still atomic.
void sync_folder(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        ::fsync(descriptor);
        ::close(descriptor);
    }
}

// Without a trailing slash, and through symbolic links, so that the parent is where the folder really lies.
std::string real_target(const std::string& target) {
    fs::path path = fs::path(target).lexically_normal();
    if (!path.has_filename()) {
        path = path.parent_path();
    }
    std::error_code error;
    const fs::path real = fs::weakly_canonical(path, error);
    return (error ? path : real).string();
}

}  // namespace

FolderReplacement::FolderReplacement(const std::string& target) : target_(real_target(target)) {
    std::error_code error;
    fs::create_directories(fs::path(target_).parent_path(), error);
    std::string name = target_ + ".new-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
        throw InputError(target, "", std::string("cannot be created: ") + std::strerror(errno));
    }
    temporary_ = name;
    fs::permissions(temporary_,
                    fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                        fs::perms::others_read | fs::perms::others_exec,
                    error);
}

FolderReplacement::~FolderReplacement() {
    std::error_code ignored;
    if (!temporary_.empty()) {
        fs::remove_all(temporary_, ignored);
    }
}

void FolderReplacement::commit() {
    sync_folder(temporary_);
    // After an exchange `temporary_` names the old folder, which the destructor removes.
    if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) != 0) {
        // There is no old folder, or the file system cannot exchange: then the old one steps aside first.
        const std::string aside = temporary_ + ".old";
        const bool moved = ::rename(target_.c_str(), aside.c_str()) == 0;
        if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
            const std::string reason = std::strerror(errno);
            if (moved) {
                ::rename(aside.c_str(), target_.c_str());
            }
            throw InputError(target_, "", "cannot be replaced: " + reason);
        }
        temporary_ = moved ? aside : "";
    }
    sync_folder(fs::path(target_).parent_path().string());
}

}  // namespace fluence::workloads
