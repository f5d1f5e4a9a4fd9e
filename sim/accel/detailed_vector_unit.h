// The vector unit, element by element in the cycles of the timeline's passes: it reads accumulators or
// operands, uses the parameters that were loaded to it, and applies the policy's parts at a layer's output
// (ReLU check; range restriction; comparison with the checksum column, or of duplicated filters; filters of
// whole pixels; zero on detection).
// Elements pass the registers of its pipeline (dataflow/vector_pipeline.h). Finished codes wait here for the
// store of their word.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <deque>
#include <systemc>
#include <utility>
#include <vector>

#include "sim/accel/filter_unit.h"
#include "sim/accel/interfaces.h"
#include "sim/accel/kept_sums.h"
#include "sim/accel/script.h"
#include "sim/accel/vector_arithmetic.h"
#include "sim/accel/word_access.h"
#include "sim/dataflow/loaded_words.h"
#include "sim/dataflow/vector_pipeline.h"

namespace fluence::accel {

class DetailedVectorUnit : public sc_core::sc_module,
                           public ClockedUnit,
                           public UnitState,
                           private FinishedCodes {
  public:
    tlm_utils::simple_initiator_socket<DetailedVectorUnit> output_buffer;
    tlm_utils::simple_initiator_socket<DetailedVectorUnit> activation_buffer;
    // Writes are parameters, reads are finished codes; both by DRAM byte address.
    tlm_utils::simple_target_socket<DetailedVectorUnit> dma;
    sc_core::sc_port<ChecksumSums> checksums;

    struct Report {
        bool differs = false;     // a checksum did
        bool zeroed = false;      // outputs of a located block became zero
        bool unrepaired = false;  // a checksum differed in a layer where no part acts on it
        std::vector<AlteredCode> restricted;
    };

    DetailedVectorUnit(const sc_core::sc_module_name& name, const Script& script);

    Cycle next() const override;
    void edge(Cycle t) override;
    void cycle(Cycle t) override;
    void flip_state(traces::SiteKind bank, std::int64_t unit, const WordBits& bits) override;

    const Report& report() const { return report_; }
    const FilterUnit& filter() const { return filter_; }
    // The finished codes, by tensor; those of the network's input are empty.
    std::vector<workloads::Codes> tensors() const;
    // Codes in front of range restriction, by tensor; empty without bounds.
    const std::vector<workloads::Codes>& unrestricted() const { return unrestricted_; }
    // Codes in front of filters, by tensor; empty without filters.
    const std::vector<workloads::Codes>& unfiltered() const { return unfiltered_; }

  private:
    struct Parameters {
        std::vector<std::uint8_t> words;
        bool parsed = false;
        LayerParameters values;
    };
    struct Running {
        std::int32_t index = 0;
        std::int64_t element = 0;  // the next one to read
        std::int64_t left = 0;     // elements that have left the pipeline
        std::vector<dataflow::LoadedWords> operands;
        std::vector<std::uint32_t> hints;
        std::vector<std::int64_t> alarms;  // under a checksum: pixels that differ
    };
    // The registers of one stage, as raw bits: elements that were read in one cycle, on their way.
    struct Packet {
        std::int32_t pass = 0;
        std::int64_t first = 0;  // element, in lane 0
        Cycle arrival = 0;       // edge of stage 0
        dataflow::StageHolds holds = dataflow::StageHolds::operand;
        std::vector<std::uint32_t> values;         // by lane
        std::vector<std::uint32_t> relu_operands;  // likewise; empty without a ReLU check on them
    };
    // The bounds of range restriction in a lane, and whose they are.
    struct Bounds {
        std::uint32_t bits = 0;
        std::int64_t key = -1;  // of(layer, channel); none yet
    };
    // An accumulator on its way to the checksum's comparison, from its read to edge `edge`.
    struct Compared {
        Cycle edge = 0;
        std::int32_t pass = 0;
        std::int64_t element = 0;
        std::int32_t sum = 0;
    };
    // The comparator's register of a lane, and the pixel whose difference it takes in at this edge.
    struct Comparator {
        std::uint64_t difference = 0;
        std::int32_t pass = -1;  // none
        std::int64_t pixel = 0;
    };

    void start_of_simulation() override;
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    const traces::VectorPass& pass_of(const Running& running) const;
    void begin_passes(Cycle t);
    void read(Running& running, std::int64_t end);
    std::uint32_t drain(const Running& running, const traces::VectorPass& pass);
    std::uint32_t combine(Running& running, const traces::VectorPass& pass);
    std::int64_t flat_element(const traces::VectorPass& pass, std::int64_t element) const;
    // Of an accumulator's place in the pass: whether it is the second one of its output. Nothing of it goes
    // on behind the comparison.
    bool is_copy(const traces::VectorPass& pass, std::int64_t element) const;
    void subtract_accumulators(Cycle t);
    // The step into a stage; behind the last one elements leave.
    void advance(Packet& packet, int stage);
    std::uint32_t advanced(const workloads::Layer& layer, std::int64_t element, dataflow::StageHolds from,
                           dataflow::StageHolds to, std::uint32_t bits, std::uint32_t* relu_operand);
    void leave(const Packet& packet);
    void stage_output(LayerId layer, std::int64_t element, std::size_t lane, std::uint32_t bits);
    void finish_element(const traces::VectorPass& pass, std::int64_t element);
    void finish_passes();
    void finish(const Running& running);
    void check_relu(const Packet& packet);
    bool zeroes(LayerId layer) const;
    // A detector differs in the layer; `located`: and knows where.
    void raise_alarm(LayerId layer, bool located);
    void flip_pipeline(traces::SiteKind bank, std::int64_t unit, std::uint32_t mask);
    void flip_parameter(std::int64_t word, const WordBits& bits);
    void zero(LayerId layer, std::int64_t element);
    std::int32_t code(TensorId tensor, std::int64_t element) const override;
    void set_code(TensorId tensor, std::int64_t element, std::int32_t code) override;
    bool checked(const traces::VectorPass& pass) const {
        return script_.workload.policy.checksum && graph_.layer(pass.layer).has_macs();
    }
    void compare();
    void raise_alarms(const Running& running, const traces::VectorPass& pass);
    std::int32_t restricted(LayerId layer, std::int64_t element, std::size_t lane, std::int32_t code);
    // Whose bounds an element has in the lanes' registers; −1: it does without them.
    std::int64_t bounds_key(LayerId layer, std::int64_t element) const;
    void load_bounds(const Packet& packet);
    const LayerParameters& parameters_of(LayerId layer);

    const Script& script_;
    const workloads::Graph& graph_;
    const dataflow::VectorPipeline pipeline_;
    WordAccess sums_, activations_;
    std::vector<std::int32_t> passes_;  // in the order in which they begin
    std::size_t next_pass_ = 0;
    std::vector<Running> running_;
    std::deque<Packet> packets_;
    Cycle edge_ = -1;                            // the last one
    std::vector<std::int32_t> parameter_owner_;  // layer, by word; −1: none yet
    std::deque<Compared> to_compare_;
    std::vector<Comparator> comparators_;  // by lane
    std::vector<Bounds> bounds_;           // by lane
    Cycle now_ = -1;
    std::vector<Parameters> parameters_;             // by layer
    std::vector<std::vector<std::uint8_t>> staged_;  // by tensor: its region's bytes
    std::vector<workloads::Codes> unrestricted_, unfiltered_;
    FilterUnit filter_;
    KeptSums kept_sums_;
    Report report_;
};

}  // namespace fluence::accel
