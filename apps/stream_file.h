// Writing of files that may be too large to be put together in memory first.
#pragma once

#include <fstream>
#include <functional>
#include <iostream>
#include <string>

#include "sim/core/error.h"

namespace fluence::apps {

// Calls write(stream) on a new file and says so. Throws InputError where it cannot be written.
inline void stream_file(const std::string& path, const std::function<void(std::ostream&)>& write) {
    std::ofstream stream(path, std::ios::binary);
    if (stream) {
        write(stream);
        stream.close();
    }
    if (!stream) {
        throw InputError(path, "", "cannot be written");
    }
    std::cout << "wrote " << path << "\n";
}

}  // namespace fluence::apps
