#include "sim/campaign/wire.h"

#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace fluence::campaign {
namespace {

template <class Row>
void append(std::string& bytes, const std::vector<Row>& rows) {
    static_assert(std::is_trivially_copyable_v<Row>);
    const std::uint64_t count = rows.size();
    bytes.append(reinterpret_cast<const char*>(&count), sizeof count);
    bytes.append(reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof(Row));
}

void take(const std::string& bytes, std::size_t& position, void* target, std::size_t size) {
    if (size > bytes.size() - position) {
        throw std::runtime_error("a worker's message is too short");
    }
    if (size > 0) {
        std::memcpy(target, bytes.data() + position, size);
    }
    position += size;
}

template <class Row>
void extract(const std::string& bytes, std::size_t& position, std::vector<Row>& rows) {
    std::uint64_t count = 0;
    take(bytes, position, &count, sizeof count);
    if (count > bytes.size() / sizeof(Row)) {
        throw std::runtime_error("a worker's message has an impossible length");
    }
    rows.resize(count);
    take(bytes, position, rows.data(), count * sizeof(Row));
}

}  // namespace

std::string encode(const BatchResult& result) {
    std::string bytes(reinterpret_cast<const char*>(&result.batch), sizeof result.batch);
    append(bytes, result.golden);
    append(bytes, result.faults);
    append(bytes, result.outcomes);
    return bytes;
}

BatchResult decode(const std::string& bytes) {
    BatchResult result;
    std::size_t position = 0;
    take(bytes, position, &result.batch, sizeof result.batch);
    extract(bytes, position, result.golden);
    extract(bytes, position, result.faults);
    extract(bytes, position, result.outcomes);
    if (position != bytes.size()) {
        throw std::runtime_error("a worker's message is too long");
    }
    return result;
}

}  // namespace fluence::campaign
