#include "sim/protect/checksum.h"

#include <algorithm>
#include <map>

#include "sim/cost/logic.h"
#include "sim/protect/parts.h"
#include "sim/protect/ppe.h"

namespace fluence::protect {
namespace {

// The sums of one pixel over one block of output channels.
struct Block {
    std::int64_t pixel = 0;
    std::int64_t first_channel = 0;
    friend bool operator<(const Block& a, const Block& b) {
        return a.pixel != b.pixel ? a.pixel < b.pixel : a.first_channel < b.first_channel;
    }
};

// How the output channels of a layer fall into blocks: the array's columns, inside each group. Channels count
// in the order in which they take the columns.
class Blocks {
  public:
    // `order`: channel_order().
    Blocks(const workloads::Graph& graph, const workloads::Layer& layer, int cols,
           std::vector<std::int32_t> order)
        : plane_(graph.tensor(layer.output).shape.plane()),
          group_channels_(graph.tensor(layer.output).shape.channels / layer.groups),
          cols_(cols),
          order_(std::move(order)),
          place_(order_.size()) {
        for (std::size_t i = 0; i < order_.size(); ++i) {
            place_[static_cast<std::size_t>(order_[i])] = static_cast<std::int64_t>(i);
        }
    }

    Block of_output(std::int64_t element) const {
        const std::int64_t channel = element / plane_;
        const std::int64_t place = place_.empty() ? channel : place_[static_cast<std::size_t>(channel)];
        return {element % plane_, place - place % group_channels_ % cols_};
    }

    std::int64_t channels(const Block& block) const {
        return std::min<std::int64_t>(cols_, group_channels_ - block.first_channel % group_channels_);
    }

    std::int64_t element(const Block& block, std::int64_t offset) const {
        const std::int64_t place = block.first_channel + offset;
        return (order_.empty() ? place : order_[static_cast<std::size_t>(place)]) * plane_ + block.pixel;
    }

  private:
    std::int64_t plane_;
    std::int64_t group_channels_;
    std::int64_t cols_;
    std::vector<std::int32_t> order_;  // channel by place; empty: as they come
    std::vector<std::int64_t> place_;  // place by channel
};

// By how much each accumulator is off. Several deltas of one accumulator add as the register does (mod
// 2³²), and only then does the wide sum extend its sign.
std::map<std::int64_t, std::int32_t> register_deltas(const arith::LayerFault& fault) {
    std::map<std::int64_t, std::int32_t> deltas;
    for (const arith::AccumulatorDelta& change : fault.accumulators) {
        std::int32_t& delta = deltas[change.index];
        delta = static_cast<std::int32_t>(static_cast<std::uint32_t>(delta) +
                                          static_cast<std::uint32_t>(change.delta));
    }
    return deltas;
}

// C_L − C_R of every block that something changed in.
std::map<Block, std::int64_t> mismatches(const arith::LayerFault& fault, const Blocks& blocks) {
    std::map<Block, std::int64_t> mismatch;
    for (const auto& [index, delta] : register_deltas(fault)) {
        mismatch[blocks.of_output(index)] += delta;
    }
    for (const arith::ChecksumDelta& change : fault.checksum) {
        mismatch[{change.pixel, change.first_channel}] -= change.delta;
    }
    return mismatch;
}

// The sums over a block wrap at so many bits more than the accumulators have as a sum of all columns needs.
// Accumulators narrower than the output buffer's wrap in the array; the comparator then sees no more bits
// than they have, in which the checksum stays linear.
bool differ(const ArrayConfig& array, std::int64_t mismatch) {
    constexpr int kAccumulatorBits = 32;
    const bool narrow = array.overflow == Overflow::wrap && array.accumulator_bits < kAccumulatorBits;
    const int bits = narrow ? array.accumulator_bits : kAccumulatorBits + cost::growth_bits(array.cols);
    return mismatch % (std::int64_t{1} << bits) != 0;
}

}  // namespace

ChecksumVerdict apply_checksum(const Policy& policy, const workloads::Graph& graph,
                               const AcceleratorConfig& config, arith::LayerFault& fault) {
    ChecksumVerdict verdict;
    const workloads::Layer& layer = graph.layer(fault.layer);
    if (!policy.checksum || !layer.has_macs()) {
        return verdict;
    }
    const Blocks blocks(graph, layer, config.array.cols,
                        channel_order(policy, graph, fault.layer, config.array.cols));
    const bool suppress = policy.zero && layer.output != graph.logits;
    for (const auto& [block, mismatch] : mismatches(fault, blocks)) {
        if (!differ(config.array, mismatch)) {
            continue;
        }
        verdict.detected = true;
        for (std::int64_t i = 0; suppress && i < blocks.channels(block); ++i) {
            fault.forced.push_back({blocks.element(block, i), 0});
            verdict.suppressed = true;
        }
    }
    return verdict;
}

void parse_checksum(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.checksum) {
        object.fail("part", "is given twice");
    }
    policy.checksum = ChecksumPart{};
}

std::vector<nlohmann::json> write_checksum(const PartInfo&, const Policy& policy) {
    return std::vector<nlohmann::json>(policy.checksum ? 1 : 0, nlohmann::json::object());
}

void time_checksum(const PartInfo&, PolicyTiming& timing, const Policy&) {
    timing.checksum_column = true;
    timing.vector_pipeline +=
        Cycles(1);  // the comparator; accumulators are subtracted beside the requantisation
}

void parse_zero(const PartInfo&, JsonObject& object, Policy& policy) {
    if (policy.zero) {
        object.fail("part", "is given twice");
    }
    policy.zero = ZeroPart{};
}

std::vector<nlohmann::json> write_zero(const PartInfo&, const Policy& policy) {
    return std::vector<nlohmann::json>(policy.zero ? 1 : 0, nlohmann::json::object());
}

// AND gates behind the comparator, in its cycle.
void time_zero(const PartInfo&, PolicyTiming&, const Policy&) {}

}  // namespace fluence::protect
