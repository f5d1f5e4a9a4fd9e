#include "sim/array/central_array.h"

#include "sim/array/central_control_impl.h"

namespace fluence::array {

namespace {

constexpr std::uint32_t top_bit(int bits) {
    return std::uint32_t{1} << (bits - 1);
}

}  // namespace

template class CentralControl<CodePes>;

CentralArray::CentralArray(const ArrayConfig& config, const Moves& moves)
    : operand_bits_(config.operand_bits),
      input_stationary_(config.dataflow_kind() == DataflowKind::input_stationary),
      control_(config, {config, moves}, {top_bit(config.operand_bits), top_bit(config.operand_bits)}) {}

void CentralArray::enqueue(std::int32_t fold, const traces::Fold& times, ActivationCodes activations) {
    const std::uint32_t weight = top_bit(operand_bits_);
    const bool raw = operand_bits_ == 8 && activations == ActivationCodes::unsigned_codes;
    const std::uint32_t activation = raw ? 0 : weight;
    control_.enqueue(fold, times, input_stationary_ ? Signs{weight, activation} : Signs{activation, weight});
}

}  // namespace fluence::array
