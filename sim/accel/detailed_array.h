// The register-true PE array between its buffers: an array::ArrayModel, what feeds it and what takes its
// sums, and the checksum column beside it.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include <memory>
#include <systemc>
#include <vector>

#include "sim/accel/checksum_pes.h"
#include "sim/accel/interfaces.h"
#include "sim/accel/machine.h"
#include "sim/accel/operand_fetch.h"
#include "sim/accel/script.h"
#include "sim/accel/sum_port.h"
#include "sim/accel/word_access.h"
#include "sim/array/array_model.h"

namespace fluence::accel {

class DetailedArray : public sc_core::sc_module,
                      public ClockedUnit,
                      public Registers,
                      public UnitState,
                      public ChecksumSums,
                      public SumDirectory,
                      private array::Boundary {
  public:
    tlm_utils::simple_initiator_socket<DetailedArray> weight_buffer;
    tlm_utils::simple_initiator_socket<DetailedArray> activation_buffer;
    tlm_utils::simple_initiator_socket<DetailedArray> output_buffer;

    DetailedArray(const sc_core::sc_module_name& name, const Script& script);

    Cycle next() const override;
    void edge(Cycle t) override;
    void cycle(Cycle t) override;
    void observe(ArrayObserver* observer) { observer_ = observer; }
    std::uint32_t read(traces::SiteKind bank, std::int64_t unit) const override;
    void flip(traces::SiteKind bank, std::int64_t unit, std::uint32_t mask) override;
    void flip_state(traces::SiteKind bank, std::int64_t unit, const WordBits& bits) override {
        checksum_->flip(bank, unit, bits.to_ullong());
    }
    void subtract(std::int32_t pass, std::int64_t pixel, std::int32_t accumulator) override {
        checksum_->subtract(pass, pixel, accumulator);
    }
    std::uint64_t difference(std::int32_t pass, std::int64_t pixel) const override {
        return checksum_->word(pass, pixel);
    }
    SumInBuffer sum_at(std::int64_t accumulator) const override { return sums_.sum_at(accumulator); }

  private:
    void start_of_simulation() override;

    void row_operands(std::int32_t fold, std::int64_t step, int first, int last,
                      std::int32_t* values) override;
    void column_operands(std::int32_t fold, std::int64_t step, int first, int last,
                         std::int32_t* values) override;
    void stationary_row(std::int32_t fold, int row, std::int32_t* values) override;
    void result(std::int32_t fold, std::int64_t step, int row, int col, std::int32_t sum) override;

    void enqueue_until(Cycle t);
    // The first cycle in which something is read for the fold, or moves.
    Cycle first_cycle(const traces::Fold& fold) const;

    const Script& script_;
    WordAccess weights_, activations_, output_;
    std::unique_ptr<array::ArrayModel> model_;
    OperandFetch operands_;
    SumPort sums_;
    ArrayObserver* observer_ = nullptr;
    Cycle now_ = -1;              // the last cycle driven
    std::int32_t next_fold_ = 0;  // the first that is not in the model yet
    FoldWindow busy_;             // from the first operand read to the last accumulation

    std::unique_ptr<ChecksumPes> checksum_;  // null without one
};

}  // namespace fluence::accel
