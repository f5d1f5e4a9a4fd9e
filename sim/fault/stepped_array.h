// Upsets in the registers of an array with travelling control. Its control bits are registers as well, so
// that no closed form says what an upset does: the array is stepped, once as it should be and once struck,
// through the folds that the upsets can reach.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "sim/array/array_model.h"
#include "sim/fault/effects.h"
#include "sim/fault/resolver.h"

namespace fluence::fault {

struct StruckRegister {
    SiteKind site{};
    std::int64_t unit = 0;
    Cycle cycle = 0;
    std::uint32_t mask = 0;
};

class SteppedArray {
  public:
    // `joint`: operands may be wrong as well.
    SteppedArray(const MachineView& machine, bool joint) : machine_(machine), joint_(joint) {}

    void add(const StruckRegister& struck) { struck_.push_back(struck); }
    // Behind the last add().
    void finish();

    // Layers of the folds that the upsets can reach.
    std::vector<LayerId> layers() const;
    // `struck`: all layers in which operands are wrong. What the sums of one layer's folds come to, in place
    // of what its operands alone would do. Unless joint, bits and layer of the struck register.
    void evaluate(LayerId layer, const FoldSums& sums, const std::vector<StruckLayer>& struck,
                  LayerChanges& changes, Resolution& result) const;

  private:
    // Folds whose registers and sums some of the upsets can reach, those in front included that say what the
    // registers held.
    struct Window {
        std::int32_t first = 0, last = 0;
        std::vector<StruckRegister> struck;  // by ascending cycle
    };

    Window window(const StruckRegister& struck) const;
    void step(const Window& window, std::int32_t last, LayerId layer, const FoldSums& sums,
              const std::vector<StruckLayer>& struck, LayerChanges& changes, Resolution& result) const;
    bool same_registers(const array::ArrayModel& a, const array::ArrayModel& b) const;

    const MachineView& machine_;
    const bool joint_;
    std::vector<StruckRegister> struck_;
    std::vector<Window> windows_;
};

}  // namespace fluence::fault
