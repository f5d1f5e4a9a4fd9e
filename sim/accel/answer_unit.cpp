#include "sim/accel/answer_unit.h"

#include <algorithm>
#include <iterator>

namespace fluence::accel {

using traces::Cycle;
using traces::SiteKind;
using traces::Upset;

AnswerUnit::AnswerUnit(const Workload& workload, const std::vector<Upset>& upsets)
    : workload_(workload),
      timing_(workload.policy, workload.config, workload.graph),
      classes_(protect::compare_of(workload.policy) == protect::AnswerCompare::top1),
      words_(protect::kept_words(workload.policy, workload.graph)),
      places_(protect::kept_answers(workload.policy)),
      memory_(static_cast<std::size_t>(places_ * words_)) {
    std::copy_if(upsets.begin(), upsets.end(), std::back_inserter(upsets_),
                 [](const Upset& upset) { return traces::is_request_state(upset.site); });
    std::stable_sort(upsets_.begin(), upsets_.end(),
                     [](const Upset& a, const Upset& b) { return a.cycle < b.cycle; });
}

void AnswerUnit::strike_until(Cycle cycle) {
    for (; next_upset_ < upsets_.size() && upsets_[next_upset_].cycle <= cycle; ++next_upset_) {
        const Upset& upset = upsets_[next_upset_];
        const bool answer = upset.site == SiteKind::kept_answer;
        const int bits = answer ? protect::kept_bits(workload_.policy) : protect::kConfidenceThresholdBits;
        std::uint32_t mask = 0;
        for (int bit = 0; bit < bits; ++bit) {
            mask |= std::uint32_t{upset.bits[static_cast<std::size_t>(bit)]} << bit;
        }
        const auto unit = static_cast<std::size_t>(upset.unit);
        (answer ? memory_.at(unit) : thresholds_.at(unit)) ^= mask;
    }
}

void AnswerUnit::write() {
    for (const Word& word : written_) {
        if (answer_ < places_) {
            memory_[static_cast<std::size_t>(answer_ * words_ + word.number)] = word.value;
        }
    }
    written_.clear();
}

// The class of an image: of its logits, which lie plane by plane among those of the batch, the largest, and
// the first of equal ones.
std::uint32_t AnswerUnit::word_of(const workloads::Codes& logits, std::int64_t number) const {
    if (!classes_) {
        return static_cast<std::uint32_t>(logits[static_cast<std::size_t>(number)]);
    }
    const workloads::Shape& shape = workload_.graph.tensor(workload_.graph.logits).shape;
    const std::int64_t plane = std::int64_t{shape.height} * shape.width;
    std::uint32_t best = 0, index = 0;
    std::int32_t largest = 0;
    for (std::int64_t e = 0; e < static_cast<std::int64_t>(logits.size()); ++e) {
        if (e / plane % shape.images != number) {
            continue;
        }
        const std::int32_t logit = logits[static_cast<std::size_t>(e)];
        if (index == 0 || logit > largest) {
            largest = logit;
            best = index;
        }
        ++index;
    }
    return best;
}

void AnswerUnit::compare(const Word& word) {
    for (int earlier = 0; earlier < std::min(answer_, places_); ++earlier) {
        if (memory_[static_cast<std::size_t>(earlier * words_ + word.number)] != word.value) {
            differs_[static_cast<std::size_t>(earlier)] = true;
        }
    }
}

protect::CheckedAnswer AnswerUnit::check(const workloads::Codes& logits) {
    protect::CheckedAnswer found;
    differs_.assign(static_cast<std::size_t>(answer_), false);
    std::int64_t next = 0;
    for (std::int64_t cycle = 0; cycle < timing_.cycles().count(); ++cycle) {
        write();
        strike_until(now_ + cycle);
        for (; next < words_ && timing_.compared(next) == cycle; ++next) {
            const Word word = {next, word_of(logits, next)};
            compare(word);
            written_.push_back(word);
        }
        if (cycle == timing_.thresholds_read() && workload_.policy.confidence_rerun) {
            found.low_confidence = protect::low_confidence(*workload_.policy.confidence_rerun,
                                                           workload_.graph, logits, thresholds_);
        }
    }
    write();
    found.agrees = std::find(differs_.begin(), differs_.end(), false) != differs_.end();
    ++answer_;
    return found;
}

}  // namespace fluence::accel
