// The vector unit's pipeline in time: one register a lane and stage, of 32 bits in int8.
//
// Element i of a pass, read in cycle t and decoded in d cycles, is in stage j = 0 … P − 1 of lane i mod lanes
// in cycle t + 1 + d + j, and its finished code leaves the last stage at edge t + 1 + d + P. P are the
// `pipeline_cycles` of the machine, B, and those that a policy's parts add. A stage takes a value in every
// cycle; what it holds when nothing is in it is used by nobody. Nothing is in it where the element is the
// copy of another one (duplicated filters), whose accumulator was compared as it was read.
//
//   stage                  holds
//   0                      operand: the accumulator; add: both codes, a byte each; avg_pool: the sum of the
//                          window; max_pool: its largest code; concat, subsample: the code
//   1, where B ≥ 3         biased: accumulator + bias; in layers without MACs the operand still
//   2 … B − 2              requantised: behind multiplier and shift, saturated to 32 bits; max_pool,
//                          subsample: the code
//   B − 1, where B ≥ 2,    code: clamped, in front of range restriction and filters, which work behind the
//   and all behind         last stage
//
// With B = 1 stage 0 is the operand's; with B = 0 all stages are the code's. A step between two stages uses
// its parameters in the cycle in front of the later one.
//
// Machines of words hold there (S, B: bits of a stored sum and of a word; raw bits from bit 0 on):
//   operand      conv, linear: the stored sum; avg_pool: the sum of the window, S bits; add: both words, the
//                first one in the low B bits; others: the word
//   biased       sum + bias, S bits; in layers without MACs the operand still
//   requantised  fixed point: behind the rounding shift, saturated to B bits; floats: the binary32 number in
//                front of ReLU and rounding; max_pool, subsample: the word
//   code         the finished word, B bits
// A NaN that the vector unit computes, or takes over behind the operand, is 0x7fc00000 (as a word its upper
// half in bf16).
#pragma once

#include <cstdint>

#include "sim/core/accelerator_config.h"
#include "sim/core/stage_holds.h"
#include "traces/timeline.h"
#include "workloads/graph.h"

namespace fluence::dataflow {

using fluence::StageHolds;

class VectorPipeline {
  public:
    // `added`: stages of the policy's parts.
    VectorPipeline(const VectorUnitConfig& unit, int added)
        : base_(static_cast<int>(unit.pipeline_depth.count())), stages_(base_ + added) {}

    int stages() const { return stages_; }
    // Behind the last stage: code.
    StageHolds holds(int stage) const {
        if (stage >= base_ - 1 && (stage > 0 || base_ == 0)) {
            return StageHolds::code;
        }
        return stage == 0 ? StageHolds::operand : stage == 1 ? StageHolds::biased : StageHolds::requantised;
    }
    // Of an element that is read in cycle `read`.
    traces::Cycle cycle(traces::Cycle read, int decode, int stage) const { return read + 1 + decode + stage; }
    // In which its bias, and its multiplier and shift, are used: in front of the first stage that holds what
    // comes of them.
    traces::Cycle bias_cycle(traces::Cycle read, int decode) const {
        return cycle(read, decode, first(StageHolds::biased)) - 1;
    }
    traces::Cycle rescale_cycle(traces::Cycle read, int decode) const {
        return cycle(read, decode, first(StageHolds::requantised)) - 1;
    }
    // The first stage that holds this or what is made of it; P: none.
    int first(StageHolds what) const {
        int stage = 0;
        while (stage < stages_ && holds(stage) < what) {
            ++stage;
        }
        return stage;
    }
    // The bits of a stage's register that a layer uses.
    static std::uint32_t used_bits(const workloads::Graph& graph, const workloads::Layer& layer,
                                   StageHolds holds);
    // The same on machines of words: so many of the low ones.
    static int used_word_bits(OperandFormat format, workloads::OpKind kind, StageHolds holds);
    // Of a register: the most that any layer has in a stage.
    static int register_bits(OperandFormat format);

  private:
    int base_, stages_;
};

// The ReLU check's register of a lane holds x, what the activation function makes y of, while y is in the
// first stage of the code: 9 bits, limited from below here and from above by the layer's largest code.
inline constexpr int kReluOperandBits = 9;
inline constexpr std::uint32_t kReluOperandMask = (std::uint32_t{1} << kReluOperandBits) - 1;
inline constexpr std::int32_t kLeastReluOperand = -(std::int32_t{1} << (kReluOperandBits - 1));
// The number that the register's bits stand for.
constexpr std::int32_t relu_operand(std::uint32_t bits) {
    const std::uint32_t sign = std::uint32_t{1} << (kReluOperandBits - 1);
    return static_cast<std::int32_t>((bits & kReluOperandMask) ^ sign) - static_cast<std::int32_t>(sign);
}

// The bounds of range restriction in a lane: a register of two codes, the lower one in the low byte. It takes
// the bounds of the element that comes into the last stage, at that edge, where they are another channel's
// (granularity `layer`: another layer's) than those it has, and keeps them otherwise. Layers without bounds
// and codes of 32 bits do not use it.
inline constexpr int kRangeBoundBits = 16;
inline std::uint32_t range_bound_bits(std::int32_t lo, std::int32_t hi) {
    return (static_cast<std::uint32_t>(lo) & 0xFFu) | (static_cast<std::uint32_t>(hi) & 0xFFu) << 8;
}
// What bounds in the register make of a code: the lower one is compared first.
inline std::int32_t restricted_by(std::uint32_t bits, workloads::NumberFormat format, bool zero_outside,
                                  std::int32_t code) {
    const std::int32_t lo = workloads::flip_bits(format, 0, bits & 0xFF);
    const std::int32_t hi = workloads::flip_bits(format, 0, bits >> 8 & 0xFF);
    if (code >= lo && code <= hi) {
        return code;
    }
    return zero_outside ? 0 : code < lo ? lo : hi;
}

}  // namespace fluence::dataflow
