#include "tests/fuzz/mutator.h"

#include <algorithm>
#include <vector>

namespace fluence::test {

std::string Mutator::operator()(std::string bytes, const std::string& other) {
    const auto changes = 1 + stream_.below(4);
    for (std::uint64_t i = 0; i < changes; ++i) {
        change(bytes, other);
    }
    return bytes;
}

void Mutator::change(std::string& bytes, const std::string& other) {
    static const std::vector<std::string> kTokens = {"-1",
                                                     "0",
                                                     "2147483647",
                                                     "99999999999999999999",
                                                     "1e309",
                                                     "null",
                                                     "[]",
                                                     "{}",
                                                     "\"",
                                                     "true",
                                                     "\xff\xff\xff\xff",
                                                     std::string(8, '\0'),
                                                     "NaN",
                                                     "\n",
                                                     "1.5",
                                                     "0x",
                                                     "\x7f\xff\xff\xff"};
    const std::size_t at = place(bytes);
    switch (stream_.below(8)) {
        case 0:  // a bit
            if (at < bytes.size()) {
                bytes[at] = static_cast<char>(bytes[at] ^ (1 << stream_.below(8)));
            }
            break;
        case 1:  // a byte
            if (at < bytes.size()) {
                bytes[at] = static_cast<char>(stream_.below(256));
            }
            break;
        case 2:  // the end is missing
            bytes.resize(at);
            break;
        case 3:  // a piece is missing
            bytes.erase(at, stream_.below(16) + 1);
            break;
        case 4:  // a piece twice
            bytes.insert(at, bytes.substr(place(bytes), stream_.below(32) + 1));
            break;
        case 5:  // a piece of another file
            bytes.insert(at, other.substr(place(other), stream_.below(64) + 1));
            break;
        case 6:
            bytes.insert(at, kTokens[stream_.below(kTokens.size())]);
            break;
        default:  // a number or a word becomes another
            bytes.replace(at, std::min<std::size_t>(stream_.below(6), bytes.size() - at),
                          kTokens[stream_.below(kTokens.size())]);
            break;
    }
}

}  // namespace fluence::test
