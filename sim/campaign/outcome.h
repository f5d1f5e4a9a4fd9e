// Outcome of one faulty inference against the fault-free inference of the same image under the same policy.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/arith/engine.h"
#include "sim/fault/resolver.h"
#include "sim/fault/sampler.h"

namespace fluence::campaign {

enum class Outcome {
    masked,  // identical logits
    benign,  // logits differ, top-1 is the same
    sdc,     // silent data corruption: top-1 differs and no unrepaired detection says so
    due,     // detected, neither repaired nor suppressed, and the logits differ
};
inline constexpr int kOutcomeCount = 4;
const char* name_of(Outcome outcome);

// The ledger: where the last difference between a faulty inference and the fault-free one vanished. Every
// fault under every policy has one entry.
enum class MaskedBy {
    nothing,  // SDC and DUE
    absent,   // it met nothing that was used: DeadReason
    idle,
    overwritten,
    never_read,
    padding,
    corrected,    // by a code, on every read
    suppressed,   // the policy altered what was wrong
    gemm,         // no product or sum was off: it met zeros, or bits that nothing looks at
    accumulate,   // products or partial sums were off, and the layer's sums are right
    requantise,   // sums were off, and rounding gives the same codes
    relu,         // codes differ in front of the clamp of the activation function, and not behind it
    pool,         // a pooling layer gave the same codes
    later_layer,  // a layer behind the struck one gave the same codes
    logits,       // the layer of the logits gave the same ones
    same_top1,    // the logits differ, the predicted class does not
    rerun,        // the first run, or what is kept of a run, was wrong, and the answer that counted was not
};
inline constexpr int kMaskedByCount = 17;
const char* name_of(MaskedBy by);

// Index of the largest logit; the lowest index wins a tie.
std::int32_t top1(const workloads::Codes& logits);
// Softmax confidence of the best class minus that of the second (Mahmoud: Top2Diff), in [0,1].
double top2_difference(const workloads::Codes& logits, double scale);
// Cross entropy against `label`, nats.
double cross_entropy(const workloads::Codes& logits, double scale, std::int32_t label);

// The rule (docs/results-format.md). `unrepaired`: a part of the policy detected the fault and no part acted
// on it. What was detected and repaired or suppressed is judged by its result alone. A batch of `images` is
// one inference: masked where all logits of all images are identical, benign where every image keeps its
// top-1.
Outcome classify(const workloads::Codes& golden, const workloads::Codes& faulty, bool unrepaired,
                 int images = 1);

// Whether the upset reached something that used it. A dead fault that a code corrected, or whose value the
// arithmetic absorbed, did fire.
bool fired(fault::DeadReason reason);

// One row: a fault under a policy.
struct OutcomeRow {
    std::int64_t fault = 0;
    std::int32_t policy = 0;
    std::int64_t cycle = 0;
    Outcome outcome = Outcome::masked;
    fault::DeadReason dead = fault::DeadReason::none;
    bool corrected = false, detected = false, suppressed = false;
    std::int32_t struck_layer = -1;  // whose work was at the site; −1: none
    std::int32_t first_changed_layer = -1, last_changed_layer = -1;
    std::int64_t changed_values = 0;
    std::int32_t top1 = 0;
    bool correct = false;   // top-1 equals the label
    double delta_loss = 0;  // cross entropy minus the fault-free one
    double top2diff = 0;
    std::uint64_t golden_bits = 0, faulty_bits = 0;
    MaskedBy masked_by = MaskedBy::nothing;
    std::int32_t masked_layer = -1;    // in which it vanished; −1: in none
    std::int32_t runs = 1;             // that the policy's inference end made of the inference
    std::int64_t recovery_cycles = 0;  // more than the fault-free request took; negative: fewer
};

struct FaultRow {
    std::int64_t id = 0;
    std::int32_t image = 0;
    fault::Upset upset;  // cycle not set: it differs by policy
    double phase = 0;
    std::int32_t stratum = 0;
    std::vector<fault::DrawnUpset> further;  // that strike the same inference
    fault::Cluster cluster;                  // that the first one begins
    // Full re-execution under every policy gave what the rows say (recheck.h).
    bool checked = false;
    fault::FaultDraw draw() const { return {upset, phase, further, cluster}; }
};

struct GoldenRow {
    std::int32_t image = 0;
    std::int32_t policy = 0;
    std::int32_t label = 0;
    std::int32_t top1 = 0;
    double top2diff = 0;
    double loss = 0;
    std::int32_t runs = 1;    // that the policy's inference end made of it
    std::int64_t cycles = 0;  // of all of them, with their checks
};

}  // namespace fluence::campaign
