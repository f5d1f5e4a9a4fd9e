#include "sim/campaign/request_state.h"

#include <algorithm>

#include "sim/fault/bit_change.h"

namespace fluence::campaign {

using fault::DeadReason;
using fault::SiteKind;
using traces::Cycle;

RequestState::RequestState(const protect::Policy& policy, const AcceleratorConfig& config,
                           const workloads::Graph& graph, const std::vector<fault::Upset>& upsets)
    : policy_(policy), graph_(graph), timing_(policy, config, graph) {
    for (const fault::Upset& upset : upsets) {
        if (traces::is_request_state(upset.site)) {
            strikes_.push_back(strike_of(upset));
        } else {
            others_ = true;
        }
    }
}

RequestState::Strike RequestState::strike_of(const fault::Upset& upset) const {
    const bool answer = upset.site == SiteKind::kept_answer;
    const std::int64_t words = answer ? protect::kept_words(policy_, graph_) : protect::kConfidenceThresholds;
    const std::int64_t places = answer ? protect::kept_answers(policy_) : policy_.confidence_rerun ? 1 : 0;
    const int width = answer ? protect::kept_bits(policy_) : protect::kConfidenceThresholdBits;
    Strike strike;
    strike.site = upset.site;
    strike.answer = upset.unit / words;
    strike.word = upset.unit % words;
    strike.cycle = upset.cycle;
    const auto unused = static_cast<std::size_t>(kMaxWordBits - width);
    strike.bits = fault::low_32(upset.bits << unused >> unused);
    if (strike.answer >= places || strike.bits == 0) {
        strike.dead = DeadReason::absent;
    }
    return strike;
}

workloads::Codes RequestState::read(std::size_t answer, std::vector<Strike*>& seen) {
    const Kept& kept = kept_[answer];
    workloads::Codes words = kept.words;
    for (Strike& strike : strikes_) {
        if (strike.site != SiteKind::kept_answer || strike.dead == DeadReason::absent ||
            strike.answer != static_cast<std::int64_t>(answer)) {
            continue;
        }
        const std::int64_t compared = timing_.compared(strike.word);
        if (strike.cycle > kept.begin + compared && strike.cycle <= begin_ + compared) {
            auto& word = words[static_cast<std::size_t>(strike.word)];
            word = static_cast<std::int32_t>(static_cast<std::uint32_t>(word) ^ strike.bits);
            seen.push_back(&strike);
            if (&strike == &strikes_.front()) {
                golden_bits_ = static_cast<std::uint32_t>(kept.words[static_cast<std::size_t>(strike.word)]);
                faulty_bits_ = golden_bits_ ^ strike.bits;
            }
        }
    }
    return words;
}

protect::ThresholdErrors RequestState::thresholds(std::vector<Strike*>& seen) {
    protect::ThresholdErrors errors{};
    for (Strike& strike : strikes_) {
        if (strike.site == SiteKind::confidence_threshold && strike.dead != DeadReason::absent &&
            strike.cycle <= begin_ + timing_.thresholds_read()) {
            errors[static_cast<std::size_t>(strike.word)] ^= strike.bits;
            seen.push_back(&strike);
        }
    }
    return errors;
}

protect::CheckedAnswer RequestState::check(const workloads::Codes& logits) {
    Kept answer = {protect::kept_form(policy_, graph_, logits), begin_};
    protect::CheckedAnswer right, found;  // without upsets of this state, and with them
    std::vector<Strike*> seen;
    for (std::size_t earlier = 0; earlier < kept_.size(); ++earlier) {
        right.agrees = right.agrees || kept_[earlier].words == answer.words;
        found.agrees = read(earlier, seen) == answer.words || found.agrees;
    }
    if (kept_.empty() && policy_.confidence_rerun) {
        const protect::ConfidenceRerunPart& part = *policy_.confidence_rerun;
        right.low_confidence = protect::low_confidence(part, graph_, logits);
        found.low_confidence = protect::low_confidence(part, graph_, logits, thresholds(seen));
    }
    const bool other = right.agrees != found.agrees || right.low_confidence != found.low_confidence;
    for (Strike* strike : seen) {
        strike->dead = other || strike->dead == DeadReason::none ? DeadReason::none : DeadReason::no_effect;
    }
    for (Strike& strike : strikes_) {
        if (strike.site == SiteKind::kept_answer && strike.dead == DeadReason::never_read &&
            strike.answer == static_cast<std::int64_t>(kept_.size()) &&
            strike.cycle <= begin_ + timing_.compared(strike.word)) {
            strike.dead = DeadReason::overwritten;
        }
    }
    kept_.push_back(std::move(answer));
    return found;
}

DeadReason RequestState::dead() const {
    const bool live = std::any_of(strikes_.begin(), strikes_.end(),
                                  [](const Strike& strike) { return strike.dead == DeadReason::none; });
    return live ? DeadReason::none : strikes_.front().dead;
}

}  // namespace fluence::campaign
