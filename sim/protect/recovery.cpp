#include "sim/protect/recovery.h"

namespace fluence::protect {
namespace {

constexpr int kWriteAndReadAgain = 2;

std::int64_t decode(const PolicyTiming& timing, Memory memory) {
    return timing.decode_cycles[index_of(memory)];
}

}  // namespace

Cycles refetch_cycles(const AcceleratorConfig& config, const PolicyTiming& timing, Memory buffer) {
    return Cycles(config.dram.latency.count() + decode(timing, Memory::dram) + kWriteAndReadAgain +
                  decode(timing, buffer));
}

Cycles recompute_cycles(const AcceleratorConfig& config, const PolicyTiming& timing, std::int64_t terms) {
    const std::int64_t bytes = 2 * terms * config.dram.word_bytes();
    const std::int64_t transfer = (bytes + config.dram.bytes_per_cycle - 1) / config.dram.bytes_per_cycle;
    return Cycles(config.dram.latency.count() + decode(timing, Memory::dram) + transfer + kWriteAndReadAgain +
                  decode(timing, Memory::output_buffer));
}

}  // namespace fluence::protect
