// The filter of whole pixels behind the vector unit's pipeline (dataflow/filter_unit.h): codes that wait for
// their pixel, the filter's comparisons in their cycles, and what becomes zero behind it.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "sim/accel/script.h"
#include "sim/arith/pixel_filter.h"
#include "sim/dataflow/filter_unit.h"

namespace fluence::accel {

// The finished codes, wherever they wait.
class FinishedCodes {
  public:
    virtual ~FinishedCodes() = default;
    virtual std::int32_t code(TensorId tensor, std::int64_t element) const = 0;
    virtual void set_code(TensorId tensor, std::int64_t element, std::int32_t code) = 0;
};

// A code that range restriction or a filter altered.
struct AlteredCode {
    std::int32_t tensor = 0;
    std::int64_t element = 0;
    std::int32_t code = 0;  // in front of that
};

class FilterUnit {
  public:
    // Keeps references.
    FilterUnit(const Script& script, FinishedCodes& codes);

    bool filters(LayerId layer) const { return filters_of(layer) != nullptr; }
    // A code comes into the buffer; its output is there to be filtered (where it is computed twice: later).
    void code_came(LayerId layer, std::int64_t element);
    void output_is_there(LayerId layer, std::int64_t element);
    // A detector fired in the layer.
    void alarm(LayerId layer) { waiting_[index_of(layer)].alarm = true; }
    // The output becomes zero behind the filter.
    void zero_behind(LayerId layer, std::int64_t element) {
        waiting_[index_of(layer)].to_zero.push_back(element);
    }
    // At the edge at which the last code of a pass of a filtered layer has come.
    void finish(const traces::VectorPass& pass);

    bool works() const { return !taken_.empty(); }
    void edge(Cycle t);
    void cycle(Cycle t);

    void flip_code(std::int64_t byte, std::uint32_t mask);
    void flip_threshold(std::int64_t lane, std::uint32_t mask) {
        thresholds_.at(static_cast<std::size_t>(lane)).bits ^= mask;
    }

    const std::vector<AlteredCode>& altered() const { return altered_; }
    // For which the clock stood while gated filters worked.
    Cycle stalled() const { return stalled_; }

  private:
    // A layer whose codes wait for its filter.
    struct Waiting {
        std::vector<std::int32_t> missing;  // channels, by pixel
        std::vector<bool> held;             // by element: its code is in the buffer
        std::vector<std::int64_t> ready;    // pixels that are complete and have not left
        bool alarm = false;
        std::vector<std::int64_t> to_zero;  // elements
    };
    // Pixels on their way through a filter that always acts.
    struct Taken {
        LayerId layer{};
        Cycle begin = 0;
        std::vector<std::int64_t> pixels;
        std::vector<std::vector<std::uint32_t>> masks;  // by pixel and comparison: wrong bits of thresholds
    };
    // A lane's thresholds, and whose they are.
    struct Thresholds {
        std::uint32_t bits = 0;
        std::pair<std::int64_t, std::int64_t> key{-1, -1};  // layer, key of it
    };

    const arith::LayerFilters* filters_of(LayerId layer) const;
    const workloads::Shape& shape_of(LayerId layer) const {
        return script_.workload.graph.tensor(script_.workload.graph.layer(layer).output).shape;
    }
    template <class Visit>
    void for_each_comparison(Taken& taken, Cycle t, Visit visit);
    void apply(const arith::PixelFilter& filter, LayerId layer, std::int64_t pixel,
               const std::vector<std::uint32_t>* masks);
    // Sorted pixels.
    void zero(LayerId layer, const std::vector<std::int64_t>& pixels);

    const Script& script_;
    FinishedCodes& codes_;
    const std::int64_t buffer_bytes_;
    const bool has_thresholds_;
    std::vector<Waiting> waiting_;  // by layer; empty without filters
    std::deque<Taken> taken_;
    std::vector<Thresholds> thresholds_;  // by lane
    std::vector<AlteredCode> altered_;
    Cycle stalled_ = 0;
};

}  // namespace fluence::accel
