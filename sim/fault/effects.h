// Collects what upsets leave wrong, layer by layer, and turns it into changes of the layers' arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/arith/engine.h"
#include "sim/fault/fold_sums.h"
#include "sim/fault/machine_view.h"
#include "sim/fault/struck_column.h"
#include "sim/fault/struck_vector.h"
#include "sim/fault/upset.h"

namespace fluence::fault {

// Element `element` of input `input` is read wrong by the outputs in [first_output, last_output).
struct StruckRead {
    std::int32_t input = 0;
    std::int64_t element = 0;
    BitChange change;
    std::int64_t first_output = 0, last_output = 0;
};
struct StruckParameter {
    arith::Parameter parameter = arith::Parameter::bias;
    std::int64_t index = 0;
    BitChange change;
};

// Bits of the finished sum of products of an output, in front of the bias.
struct StruckMacOutput {
    std::int64_t element = 0;
    std::uint32_t mask = 0;
};

// Bits of the sum of an output that waits for its copy's, or of the difference of the two.
struct StruckKeptSum {
    std::int64_t element = 0;
    std::uint32_t mask = 0;
};

// What is wrong in one layer.
struct StruckLayer {
    LayerId layer{};
    std::vector<StruckOperand> operands;
    std::vector<StruckProduct> products;
    std::vector<StruckSum> sums;
    std::vector<StruckRead> reads;
    std::vector<StruckParameter> parameters;
    std::vector<StruckMacOutput> mac_outputs;
    std::vector<StruckKeptSum> kept_sums;
    std::vector<arith::OutputFlip> outputs;
    std::vector<Upset> disturbances;
    StruckColumn column;
    StruckVector vector;
};

class Effects {
  public:
    explicit Effects(const MachineView& machine) : machine_(machine) {}

    StruckLayer& of(LayerId layer);
    StruckLayer& of_fold(std::int32_t fold) { return of(machine_.fold(fold).layer); }
    // Ascending by layer.
    const std::vector<StruckLayer>& layers();

  private:
    const MachineView& machine_;
    std::vector<StruckLayer> layers_;
};

// The arithmetic of one layer on given tensors, with what is wrong in it.
class LayerChanges {
  public:
    // `joint`: the things that are wrong may meet each other. Otherwise there is one upset, whose
    // consequences add up.
    LayerChanges(const MachineView& machine, const FoldSums& sums, const StruckLayer& struck, bool joint);

    // Joint: how far the fold's sum of (m, n), inside the fold, is off. Once it was asked for, take() leaves
    // it to the one who asked.
    std::uint32_t claim(std::int32_t fold, std::int64_t m, std::int64_t n);
    // `copy`: of the second accumulator of an output that is computed twice.
    enum class Copy { no, yes };
    void output_off(std::int64_t element, Copy copy, std::uint32_t delta);
    // The sums of a fold are known to be off by `deltas`, what leaves it for the checksum column by `rows`.
    void replace(std::int32_t fold, StruckFold::Deltas deltas, StruckFold::RowChanges rows) {
        folds_[fold] = std::move(deltas);
        rows_[fold] = std::move(rows);
    }
    // Deltas of one accumulator added up, zeros dropped; where nothing is left the layer is as it should be.
    arith::LayerFault take();
    // Whether sums were off on their way to one that is right (Resolution::sums_absorbed). Behind take().
    bool absorbs() const;

  private:
    void add_up_folds();
    void add_one_by_one();
    void weight_off(const StruckOperand& struck);
    void activation_off(const StruckOperand& struck);
    void accumulator_off(const traces::Fold& f, std::int64_t m, std::int64_t n, std::uint32_t delta);
    void read_wrong();
    void parameters_wrong();
    void flip_mac_outputs();
    void flip_kept_sums();

    const MachineView& machine_;
    const FoldSums& sums_;
    const StruckLayer& struck_;
    std::map<std::int32_t, StruckFold::Deltas> folds_;     // by fold
    std::map<std::int32_t, StruckFold::RowChanges> rows_;  // the same
    std::map<std::int32_t, StruckFold> struck_folds_;      // those that were added up
    arith::LayerFault fault_;
    bool cancelled_ = false;  // deltas of one accumulator added up to nothing
};

bool changes_anything(const arith::LayerFault& fault);

// What a ReLU check says of the fault's disturbed outputs: an alarm where the code of one is not what the
// layer computed. `sums`: on the tensors that the layer meets; all else in `fault` is complete.
void check_disturbed(const MachineView& machine, const FoldSums& sums, arith::LayerFault& fault);

}  // namespace fluence::fault
