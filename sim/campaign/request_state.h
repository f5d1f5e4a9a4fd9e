// What upsets make of the answers and thresholds that the unit at the inference end keeps through a request,
// in closed form: an upset of a kept word is seen by every check that compares the word in the upset's cycle
// or later, if the word was written in that cycle or before (sim/protect/answers.h has the cycles).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/fault/upset.h"
#include "sim/protect/answers.h"

namespace fluence::campaign {

class RequestState : public protect::AnswerCheck {
  public:
    // Of one request, with its upsets, whatever they strike. Keeps references to policy and graph.
    RequestState(const protect::Policy& policy, const AcceleratorConfig& config,
                 const workloads::Graph& graph, const std::vector<fault::Upset>& upsets);

    traces::Cycle check_cycles() const { return timing_.cycles().count(); }
    // The next check begins in cycle `begin` of the request.
    void check_begins(traces::Cycle begin) { begin_ = begin; }
    protect::CheckedAnswer check(const workloads::Codes& logits) override;

    // Whether any of the upsets strikes such state, and nothing else.
    bool struck() const { return !strikes_.empty(); }
    bool struck_alone() const { return struck() && !others_; }
    // Behind the request. Whether any of them made a check find something else; if not, why the first did
    // not: never_read (there was no later check that compares it), overwritten (it was not written yet),
    // absent, no_effect.
    fault::DeadReason dead() const;
    // The word that the first of them struck, as a check saw it; 0 where none did.
    std::uint64_t golden_bits() const { return golden_bits_; }
    std::uint64_t faulty_bits() const { return faulty_bits_; }

  private:
    struct Strike {
        fault::SiteKind site{};
        std::int64_t answer = 0, word = 0;  // of a threshold: which one
        traces::Cycle cycle = 0;
        std::uint32_t bits = 0;
        fault::DeadReason dead = fault::DeadReason::never_read;
    };
    struct Kept {
        workloads::Codes words;
        traces::Cycle begin = 0;  // of the check that wrote it
    };
    Strike strike_of(const fault::Upset& upset) const;
    // The kept answer as the check that begins in begin_ reads it; what it sees is noted in `seen`.
    workloads::Codes read(std::size_t answer, std::vector<Strike*>& seen);
    protect::ThresholdErrors thresholds(std::vector<Strike*>& seen);

    const protect::Policy& policy_;
    const workloads::Graph& graph_;
    const protect::CheckTiming timing_;
    std::vector<Strike> strikes_;
    bool others_ = false;
    traces::Cycle begin_ = 0;
    std::vector<Kept> kept_;
    std::uint64_t golden_bits_ = 0, faulty_bits_ = 0;
};

}  // namespace fluence::campaign
