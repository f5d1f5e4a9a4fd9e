#include "sim/fault/sites.h"

#include <algorithm>

#include "sim/dataflow/memory_map.h"
#include "sim/dataflow/weight_stationary.h"

namespace fluence::fault {

std::vector<SiteClass> site_classes(const workloads::Graph& graph, const AcceleratorConfig& config,
                                    const protect::Policy& policy) {
    constexpr int kOperandBits = 8;
    constexpr int kSumBits = 32;
    const std::int64_t cols = config.array.cols;
    const std::int64_t pes = config.array.rows * cols;
    const std::int64_t sums = dataflow::WeightStationaryMap(config.array).psum_rows() * cols;

    std::vector<SiteClass> classes;
    const auto add = [&classes](SiteKind kind, std::int64_t units, int bits) {
        classes.push_back({kind, units, bits, -1, 1.0});
    };
    const auto add_buffer = [&](SiteKind kind, Memory memory, const BufferConfig& buffer) {
        add(kind, buffer.size.count() / buffer.word_bytes(),
            protect::stored_bits(policy, memory, buffer.word_bits));
    };
    add(SiteKind::pe_weight, pes, kOperandBits);
    if (config.array.shadow_weights) {
        add(SiteKind::pe_weight_shadow, pes, kOperandBits);
    }
    add(SiteKind::pe_activation, pes, kOperandBits);
    add(SiteKind::pe_psum, sums, kSumBits);
    add_buffer(SiteKind::weight_buffer, Memory::weight_buffer, config.weight_buffer);
    add_buffer(SiteKind::activation_buffer, Memory::activation_buffer, config.activation_buffer);
    add_buffer(SiteKind::output_buffer, Memory::output_buffer, config.output_buffer);
    add(SiteKind::dram, dataflow::MemoryMap(graph, config).words(),
        protect::stored_bits(policy, Memory::dram, config.dram.word_bits));
    return classes;
}

std::vector<SiteClass> unite(const std::vector<std::vector<SiteClass>>& classes) {
    std::vector<SiteClass> united;
    for (const std::vector<SiteClass>& one : classes) {
        for (const SiteClass& site : one) {
            const auto same = std::find_if(united.begin(), united.end(), [&](const SiteClass& other) {
                return other.kind == site.kind && other.layer == site.layer;
            });
            if (same == united.end()) {
                united.push_back(site);
            } else {
                same->units = std::max(same->units, site.units);
                same->bits = std::max(same->bits, site.bits);
            }
        }
    }
    return united;
}

}  // namespace fluence::fault
