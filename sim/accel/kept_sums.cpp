#include "sim/accel/kept_sums.h"

#include "sim/dataflow/kept_sums.h"

namespace fluence::accel {

KeptSums::KeptSums(const Workload& workload)
    : workload_(workload),
      words_(static_cast<std::size_t>(dataflow::kept_sum_words(workload.graph, workload.config))),
      comparators_(static_cast<std::size_t>(workload.config.vector_unit.lanes)) {}

void KeptSums::take(traces::Cycle t, const traces::VectorPass& pass, std::int64_t element, std::int32_t sum) {
    const std::int64_t n = pass.first_n + element / pass.pixels;
    const std::int64_t channel = workload_.map.channel(pass.layer, pass.group, n);
    if (workload_.map.copy_of(pass.layer, channel) < 0) {
        return;
    }
    const std::int64_t pixel = element % pass.pixels;
    const workloads::Graph& graph = workload_.graph;
    const std::int64_t plane = graph.tensor(graph.layer(pass.layer).output).shape.plane();
    const Output output(static_cast<std::int32_t>(pass.layer), channel * plane + pass.first_pixel + pixel);
    arriving_.push_back({t, workload_.map.is_copy(pass.layer, pass.group, n), static_cast<std::size_t>(pixel),
                         static_cast<std::size_t>(element % pass.lanes), output,
                         static_cast<std::uint32_t>(sum)});
}

void KeptSums::edge(traces::Cycle t) {
    for (Comparator& comparator : comparators_) {
        comparator.used = false;
    }
    for (; !arriving_.empty() && arriving_.front().edge <= t; arriving_.pop_front()) {
        const Sum& sum = arriving_.front();
        if (sum.of_copy) {
            comparators_[sum.lane] = {words_.at(sum.word) ^ sum.bits, true, sum.output};
        } else {
            words_.at(sum.word) = sum.bits;
        }
    }
}

void KeptSums::compare() {
    for (const Comparator& comparator : comparators_) {
        if (comparator.used && comparator.difference != 0) {
            differing_.insert(comparator.output);
        }
    }
}

}  // namespace fluence::accel
