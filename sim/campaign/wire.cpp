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

// A fault without the upsets beyond the first.
struct PlainFault {
    std::int64_t id = 0;
    std::int32_t image = 0, stratum = 0;
    fault::Upset upset;
    double phase = 0;
    fault::Cluster cluster;
    bool checked = false;
};

void append_faults(std::string& bytes, const std::vector<FaultRow>& rows) {
    std::vector<PlainFault> plain;
    std::vector<std::int32_t> counts;
    std::vector<fault::DrawnUpset> further;
    for (const FaultRow& row : rows) {
        plain.push_back({row.id, row.image, row.stratum, row.upset, row.phase, row.cluster, row.checked});
        counts.push_back(static_cast<std::int32_t>(row.further.size()));
        further.insert(further.end(), row.further.begin(), row.further.end());
    }
    append(bytes, plain);
    append(bytes, counts);
    append(bytes, further);
}

void extract_faults(const std::string& bytes, std::size_t& position, std::vector<FaultRow>& rows) {
    std::vector<PlainFault> plain;
    std::vector<std::int32_t> counts;
    std::vector<fault::DrawnUpset> further;
    extract(bytes, position, plain);
    extract(bytes, position, counts);
    extract(bytes, position, further);
    std::size_t taken = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const PlainFault& row = plain[i];
        rows.push_back({row.id, row.image, row.upset, row.phase, row.stratum, {}, row.cluster, row.checked});
        const auto count = static_cast<std::size_t>(counts.at(i));
        if (count > further.size() - taken) {
            throw std::runtime_error("a worker's message lacks upsets");
        }
        const auto begin = further.begin() + static_cast<std::ptrdiff_t>(taken);
        rows.back().further.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
        taken += count;
    }
}

}  // namespace

std::string encode(const BatchResult& result) {
    std::string bytes(reinterpret_cast<const char*>(&result.batch), sizeof result.batch);
    append(bytes, result.golden);
    append_faults(bytes, result.faults);
    append(bytes, result.outcomes);
    return bytes;
}

BatchResult decode(const std::string& bytes) {
    BatchResult result;
    std::size_t position = 0;
    take(bytes, position, &result.batch, sizeof result.batch);
    extract(bytes, position, result.golden);
    extract_faults(bytes, position, result.faults);
    extract(bytes, position, result.outcomes);
    if (position != bytes.size()) {
        throw std::runtime_error("a worker's message is too long");
    }
    return result;
}

}  // namespace fluence::campaign
