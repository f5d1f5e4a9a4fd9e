// The vector unit, element by element in the cycles of the timeline's passes: it reads accumulators or
// operands, uses the parameters that were loaded to it, and applies the policy's parts at a layer's output
// (range restriction; comparison with the checksum column; filters of whole pixels; zero on detection).
// Finished codes wait here for the store of their word. (The ReLU check is not among them: no site of the
// machine lies between an activation function and its comparator, so that it never differs here.)
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <deque>
#include <systemc>
#include <vector>

#include "sim/accel/interfaces.h"
#include "sim/accel/loaded_words.h"
#include "sim/accel/script.h"
#include "sim/accel/vector_arithmetic.h"
#include "sim/accel/word_access.h"

namespace fluence::accel {

class DetailedVectorUnit : public sc_core::sc_module, public ClockedUnit, public UnitState {
  public:
    tlm_utils::simple_initiator_socket<DetailedVectorUnit> output_buffer;
    tlm_utils::simple_initiator_socket<DetailedVectorUnit> activation_buffer;
    // Writes are parameters, reads are finished codes; both by DRAM byte address.
    tlm_utils::simple_target_socket<DetailedVectorUnit> dma;
    sc_core::sc_port<ChecksumSums> checksums;

    // A code that range restriction or a filter altered.
    struct Altered {
        std::int32_t tensor = 0;
        std::int64_t element = 0;
        std::int32_t code = 0;  // in front of that
    };
    struct Report {
        bool differs = false;     // a checksum did
        bool zeroed = false;      // outputs of a located block became zero
        bool unrepaired = false;  // a checksum differed in a layer where no part acts on it
        std::vector<Altered> restricted, filtered;
        Cycle filter_cycles = 0;  // for which the clock stood while gated filters worked
    };

    DetailedVectorUnit(const sc_core::sc_module_name& name, const Script& script);

    Cycle next() const override;
    void edge(Cycle t) override;
    void cycle(Cycle t) override;
    void flip_state(traces::SiteKind bank, std::int64_t unit, const WordBits& bits) override;

    const Report& report() const { return report_; }
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
        std::int64_t element = 0;  // the next one
        std::vector<LoadedWords> operands;
        std::vector<std::uint32_t> hints;
        std::int64_t compared = 0;           // under a checksum: so many of its pixels
        std::vector<std::int64_t> alarms;    // pixels that differ
        std::vector<std::int64_t> complete;  // in a filtered layer: the pixels that this pass completes
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
    // A layer whose codes wait for its filter.
    struct Waiting {
        std::vector<std::int32_t> missing;  // channels, by pixel
        std::int64_t complete = 0;          // pixels
        bool alarm = false;                 // a detector fired
        std::vector<std::int64_t> to_zero;  // elements of located blocks that are not zeroed yet
    };

    void start_of_simulation() override;
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    const traces::VectorPass& pass_of(const Running& running) const;
    void begin_passes(Cycle t);
    void produce(Running& running);
    std::int32_t drain(Running& running, const traces::VectorPass& pass, std::int64_t channel);
    std::int32_t combine(Running& running, const traces::VectorPass& pass);
    void finish(const Running& running);
    const arith::LayerFilters* filters_of(LayerId layer) const;
    void complete_pixels(const Running& running, LayerId layer);
    void filter_pixel(const arith::PixelFilter& filter, LayerId layer, std::int64_t pixel);
    void zero(LayerId layer, std::int64_t element);
    std::int32_t staged_code(TensorId tensor, std::int64_t element) const;
    bool checked(const traces::VectorPass& pass) const {
        return script_.workload.policy.checksum && graph_.layer(pass.layer).has_macs();
    }
    bool done(const Running& running) const {
        const traces::VectorPass& pass = pass_of(running);
        return running.element == pass.elements && (!checked(pass) || running.compared == pass.pixels);
    }
    void compare();
    void raise_alarms(const Running& running, const traces::VectorPass& pass);
    std::int32_t restricted(LayerId layer, std::int64_t element, std::int32_t code);
    void stage(TensorId tensor, std::int64_t element, std::int32_t code);
    const LayerParameters& parameters_of(LayerId layer);

    const Script& script_;
    const workloads::Graph& graph_;
    WordAccess sums_, activations_;
    std::vector<std::int32_t> passes_;  // in the order in which they begin
    std::size_t next_pass_ = 0;
    std::vector<Running> running_;
    std::deque<Compared> to_compare_;
    std::vector<Comparator> comparators_;  // by lane
    Cycle now_ = -1;
    std::vector<Parameters> parameters_;             // by layer
    std::vector<std::vector<std::uint8_t>> staged_;  // by tensor: its region's bytes
    std::vector<workloads::Codes> unrestricted_, unfiltered_;
    std::vector<Waiting> waiting_;  // by layer; empty without filters
    Report report_;
};

}  // namespace fluence::accel
