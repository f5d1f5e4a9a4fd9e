// State of the unit at the inference end (rerun.h): the answers that it keeps, the thresholds of the
// confidence, and the cycles of a check in which it reads and writes them.
//
// An answer is kept as its K logits of 32 bits, or (compare: top1) as the class of each image, 10 bits. In a
// check the logits come from DRAM, B bytes a cycle. In the cycle behind the one that brings a logit's last
// byte it is compared with that logit of every kept answer, and at the next edge written into the answer's
// own place; classes are compared in the last of these cycles. Answer a of a request, counted without runs
// that are thrown away, has place a; the last one that a request may have is not kept. A restart does not
// clear them: places of answers that are not there yet are not looked at. The thresholds are written before
// the request begins; they are read in the last cycle of the check of the first answer.
#pragma once

#include <array>
#include <cstdint>

#include "sim/core/accelerator_config.h"
#include "sim/protect/policy.h"
#include "workloads/graph.h"

namespace fluence::protect {

inline constexpr int kKeptLogitBits = 32;
inline constexpr int kKeptClassBits = 10;        // of 1,024 classes
inline constexpr int kConfidenceThresholds = 2;  // top1_confidence, top2_difference
inline constexpr int kConfidenceThresholdBits = 8;

// How answers are compared; logits where nothing compares them.
AnswerCompare compare_of(const Policy& policy);
// Answers that have a place; none where nothing compares them.
int kept_answers(const Policy& policy);
// Of a word of a kept answer; words of an answer.
int kept_bits(const Policy& policy);
std::int64_t kept_words(const Policy& policy, const workloads::Graph& graph);
// The words of an answer of these logits.
workloads::Codes kept_form(const Policy& policy, const workloads::Graph& graph,
                           const workloads::Codes& logits);

// Wrong bits of the thresholds' registers.
using ThresholdErrors = std::array<std::uint32_t, kConfidenceThresholds>;
// A threshold θ in [0, 1] stands in its register as c = min(⌊2⁸·θ⌋, 2⁸ − 1). Wrong bits that make c' of it
// make θ + (c' − c)/2⁸ of θ; what c leaves off of θ stays.
double struck_threshold(double threshold, std::uint32_t wrong_bits);
// Whether the confidence of any image is below a threshold.
bool low_confidence(const ConfidenceRerunPart& part, const workloads::Graph& graph,
                    const workloads::Codes& logits, const ThresholdErrors& errors = {});

// Cycles of a check, from 0 at its first one.
class CheckTiming {
  public:
    CheckTiming(const Policy& policy, const AcceleratorConfig& config, const workloads::Graph& graph);

    // K logits of E bytes together are read from DRAM, which delivers B bytes a cycle after L + d_dram
    // cycles, and compared as they come: L + d_dram + ⌈E/B⌉ + 1. For the confidence 2·K + 4 more: the two
    // largest are found, then the exponentials summed. None where due-rerun is alone: it looks at flags.
    Cycles cycles() const { return Cycles(cycles_); }
    // In which word `word` of an answer is compared. It is written at the next edge.
    std::int64_t compared(std::int64_t word) const;
    // In which the thresholds are read.
    std::int64_t thresholds_read() const { return cycles_ - 1; }

  private:
    bool classes_;
    std::int64_t first_, logit_bytes_, bytes_per_cycle_, last_comparison_, cycles_ = 0;
};

// What the check of an answer finds.
struct CheckedAnswer {
    bool low_confidence = false;  // of interest in the first answer alone
    bool agrees = false;          // with any kept answer
};
// Checks the answers of one request in their order, and keeps each.
class AnswerCheck {
  public:
    virtual ~AnswerCheck() = default;
    virtual CheckedAnswer check(const workloads::Codes& logits) = 0;
};

// Where nothing strikes what is kept. Keeps references.
class KeptAnswers : public AnswerCheck {
  public:
    KeptAnswers(const Policy& policy, const workloads::Graph& graph) : policy_(policy), graph_(graph) {}
    CheckedAnswer check(const workloads::Codes& logits) override;

  private:
    const Policy& policy_;
    const workloads::Graph& graph_;
    std::vector<workloads::Codes> kept_;
};

}  // namespace fluence::protect
