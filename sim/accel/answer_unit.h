// The unit at the inference end, register by register through the cycles of a check: logits come from DRAM,
// are compared with the kept answers' words and written behind those (sim/protect/answers.h has the cycles).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/accel/workload.h"
#include "sim/protect/answers.h"
#include "traces/upset.h"

namespace fluence::accel {

class AnswerUnit : public protect::AnswerCheck {
  public:
    // Those of `upsets` that strike it do so in their cycles of the request. Keeps a reference to the
    // workload.
    AnswerUnit(const Workload& workload, const std::vector<traces::Upset>& upsets);

    // The next check begins in cycle `begin` of the request.
    void check_begins(traces::Cycle begin) { now_ = begin; }
    protect::CheckedAnswer check(const workloads::Codes& logits) override;

  private:
    // A word on its way into the memory, or to the comparators.
    struct Word {
        std::int64_t number = 0;
        std::uint32_t value = 0;
    };
    void strike_until(traces::Cycle cycle);
    void write();
    // What the logits make of word `number` of the answer.
    std::uint32_t word_of(const workloads::Codes& logits, std::int64_t number) const;
    void compare(const Word& word);

    const Workload& workload_;
    const protect::CheckTiming timing_;
    const bool classes_;
    const std::int64_t words_;  // of an answer
    const int places_;
    std::vector<traces::Upset> upsets_;  // by cycle
    std::size_t next_upset_ = 0;
    traces::Cycle now_ = 0;
    std::vector<std::uint32_t> memory_;  // all places, one behind the other
    protect::ThresholdErrors thresholds_{};
    std::vector<Word> written_;  // at the next edge, into the place of the answer in work
    int answer_ = 0;             // in work
    std::vector<bool> differs_;  // from the answer in work, by earlier answer
};

}  // namespace fluence::accel
