#include "sim/arith/contract.h"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>

namespace fluence::arith {

using workloads::Graph;
using workloads::Layer;
using workloads::TensorInfo;

namespace {

void require(bool holds, const std::string& where, const char* rule) {
    if (!holds) {
        throw std::invalid_argument(where + ": " + rule);
    }
}

bool is_code(const TensorInfo& tensor, std::int32_t code) {
    return code >= min_code(tensor.format) && code <= max_code(tensor.format);
}

bool inside(std::int64_t index, std::int64_t size) {
    return index >= 0 && index < size;
}

}  // namespace

void check_bounds(const Graph& graph, const std::vector<OutputBounds>& bounds) {
    require(bounds.empty() || bounds.size() == graph.layers.size(), "bounds", "not one a layer");
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        const Layer& layer = graph.layers[i];
        const TensorInfo& output = graph.tensor(layer.output);
        const OutputBounds& bound = bounds[i];
        require(bound.lo.size() == bound.hi.size(), layer.name, "as many lower as upper bounds needed");
        require(bound.lo.empty() || bound.lo.size() == static_cast<std::size_t>(output.shape.channels),
                layer.name, "not one bound a channel");
        for (std::size_t c = 0; c < bound.lo.size(); ++c) {
            require(
                bound.lo[c] <= bound.hi[c] && is_code(output, bound.lo[c]) && is_code(output, bound.hi[c]),
                layer.name, "bounds are out of order or no codes of the output's format");
        }
    }
}

void check_filters(const Graph& graph, const std::vector<LayerFilters>& filters) {
    require(filters.empty() || filters.size() == graph.layers.size(), "filters", "not one entry a layer");
}

void check_sums(const Graph& graph, const SumRule& sums) {
    require(sums.bits >= 2 && sums.bits <= 32, "sums", "registers have 2 to 32 bits");
    if (sums.exact()) {
        return;
    }
    require(sums.fold_ends.size() == graph.layers.size(), "sums", "not one list of folds a layer");
    for (std::size_t i = 0; i < graph.layers.size(); ++i) {
        const Layer& layer = graph.layers[i];
        const std::vector<std::int64_t>& ends = sums.fold_ends[i];
        if (!layer.has_macs()) {
            require(ends.empty(), layer.name, "folds in a layer without MACs");
            continue;
        }
        const bool ascending =
            std::adjacent_find(ends.begin(), ends.end(), std::greater_equal<>()) == ends.end();
        require(!ends.empty() && ends.front() > 0 && ascending && ends.back() == gemm_shape(graph, layer).k,
                layer.name, "folds do not cover the reduction");
    }
}

void check_image(const Graph& graph, const Codes& image) {
    const TensorInfo& input = graph.tensor(graph.input);
    require(image.size() == static_cast<std::size_t>(input.shape.elements()), "image", "wrong size");
    require(std::all_of(image.begin(), image.end(), [&](std::int32_t code) { return is_code(input, code); }),
            "image", "values outside its format");
}

void check_layer_fault(const Graph& graph, const LayerFault& fault) {
    require(index_of(fault.layer) < graph.layers.size(), "faults", "layer does not exist");
    const Layer& layer = graph.layer(fault.layer);
    const TensorInfo& output = graph.tensor(layer.output);
    const std::int64_t outputs = output.shape.elements();
    for (const AccumulatorDelta& change : fault.accumulators) {
        require(layer.has_macs(), layer.name, "accumulator fault in a layer without MACs");
        require(inside(change.index, outputs), layer.name, "accumulator outside the output");
    }
    for (const OperandChange& change : fault.operands) {
        require(!layer.has_macs(), layer.name, "operand fault in a layer with MACs");
        require(inside(change.input, static_cast<std::int64_t>(layer.inputs.size())), layer.name,
                "operand of an input that does not exist");
        const TensorInfo& input = graph.tensor(layer.inputs[static_cast<std::size_t>(change.input)]);
        require(inside(change.element, input.shape.elements()), layer.name, "operand outside its tensor");
        require(is_code(input, change.code), layer.name, "operand is no code of its format");
    }
    for (const ParameterChange& change : fault.parameters) {
        const std::size_t size = change.parameter == Parameter::bias         ? layer.bias.size()
                                 : change.parameter == Parameter::multiplier ? layer.multiplier.size()
                                                                             : layer.shift.size();
        require(inside(change.index, static_cast<std::int64_t>(size)), layer.name,
                "parameter that the layer does not have");
    }
    for (const OutputFlip& flip : fault.outputs) {
        require(inside(flip.index, outputs), layer.name, "flip outside the output");
    }
    require(fault.disturbed.empty() || layer.has_macs(), layer.name,
            "disturbed outputs of a layer without MACs");
    std::int64_t last = -1;
    for (const DisturbedOutput& disturbed : fault.disturbed) {
        require(disturbed.index > last && inside(disturbed.index, outputs), layer.name,
                "disturbed output outside the output, or not behind the one before it");
        last = disturbed.index;
    }
    for (const RestrictedOutput& restricted : fault.restricted) {
        require(inside(restricted.index, outputs), layer.name, "restricted value outside the output");
        require(is_code(output, restricted.code), layer.name,
                "restricted value is no code of the output's format");
    }
    for (const ThresholdFlip& flip : fault.thresholds) {
        require(inside(flip.pixel, output.shape.plane()), layer.name,
                "threshold of a pixel outside the output");
        require(flip.first >= 0 && flip.first <= flip.last && flip.last <= output.shape.channels + 1,
                layer.name, "comparisons that a pixel does not have");
    }
    for (const ForcedOutput& forced : fault.forced) {
        require(inside(forced.index, outputs), layer.name, "forced value outside the output");
        require(is_code(output, forced.code), layer.name, "forced value is no code of the output's format");
    }
}

void check_faults(const Graph& graph, const std::vector<LayerFault>& faults) {
    for (std::size_t i = 0; i < faults.size(); ++i) {
        require(i == 0 || faults[i - 1].layer < faults[i].layer, "faults", "layers not ascending");
        check_layer_fault(graph, faults[i]);
    }
}

}  // namespace fluence::arith
