#include "sim/protect/detection.h"

#include "sim/protect/checksum.h"
#include "sim/protect/duplication.h"
#include "sim/protect/layer_filters.h"
#include "sim/protect/relu_check.h"

namespace fluence::protect {

DetectionVerdict apply_detectors(const Policy& policy, const workloads::Graph& graph,
                                 const AcceleratorConfig& config, arith::LayerFault& fault) {
    const ChecksumVerdict checksum = apply_checksum(policy, graph, config, fault);
    const DuplicationVerdict copies = apply_duplication(policy, graph, fault);
    const bool relu = policy.relu_check && relu_check_detects(graph, fault);
    DetectionVerdict verdict;
    verdict.detected = checksum.detected || copies.detected || relu;
    verdict.suppressed = checksum.suppressed || copies.suppressed;
    verdict.unrepaired =
        (checksum.detected && !checksum.suppressed) || (copies.detected && !copies.suppressed) || relu;
    const workloads::Layer& layer = graph.layer(fault.layer);
    if (verdict.detected && filtered(policy, graph, layer).detected) {
        const workloads::Shape& shape = graph.tensor(layer.output).shape;
        fault.filter_outputs = true;
        verdict.unrepaired = false;
        verdict.recovery = filter_cycles(config, shape.plane(), shape.channels);
    }
    return verdict;
}

}  // namespace fluence::protect
