// Changes to the bytes of a file: bits, bytes, pieces lost, doubled or taken from another file, numbers and
// words that mean something to a reader.
#pragma once

#include <string>

#include "sim/core/random.h"

namespace fluence::test {

class Mutator {
  public:
    explicit Mutator(RandomStream& stream) : stream_(stream) {}

    // One to four changes; `other`: where pieces are taken from.
    std::string operator()(std::string bytes, const std::string& other);

  private:
    void change(std::string& bytes, const std::string& other);
    std::size_t place(const std::string& bytes) { return stream_.below(bytes.size() + 1); }

    RandomStream& stream_;
};

}  // namespace fluence::test
