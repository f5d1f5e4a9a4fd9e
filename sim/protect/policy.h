// A protection policy: a composition of parts that act at six points of the machine
// (configs/policies/*.json; docs/policies.md).
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/arith/engine.h"
#include "sim/core/accelerator_config.h"
#include "sim/core/json.h"
#include "sim/core/memory.h"
#include "sim/core/register_role.h"
#include "sim/protect/plan.h"
#include "sim/protect/ranking.h"

namespace fluence::protect {

// What the machine does with a word whose error is detected and not corrected. While it recovers its clock
// stands: cycle numbers, of upsets too, count working cycles, and the stall is added to the latency.
//   zero       the word reads as zero
//   refetch    weight and activation buffer: the word is fetched from DRAM again and written to the buffer;
//              where DRAM's own code detects an error in it, it is zero; where DRAM does not hold it (an
//              activation kept on chip), abort
//   recompute  output buffer: the sum is computed again from the words that DRAM holds
//   abort      the inference ends here
enum class DueAction { zero, refetch, recompute, abort };

// Point 1, memory words: a code; what follows an uncorrectable error; scrubbing: in cycle j·period, j = 1, 2,
// … word (j−1) mod words is read, and written back at the next edge where the code corrected it (a write of
// the machine at that edge wins). Reads of the same cycle see the word as it was. 0: none.
struct MemoryPart {
    std::string code = "none";
    DueAction on_due = DueAction::zero;
    Cycles scrub_period{};
    std::int32_t interleave = 1;  // words a physical row holds, bit by bit (sim/fault/cluster.h)
};
inline constexpr int kMostInterleaved = 64;

// Point 1 by a plan: selective ECC of the weights that stand in DRAM, and in the weight buffer, with a
// signature that says which they are (sim/protect/selective_code.h). What follows an error that is not
// corrected is MemoryPart::on_due of those memories: zero or abort.
inline constexpr int kDefaultCheckSlots = 2;
struct SelectiveEccPart {
    PlanRequest plan;
    bool weight_buffer = true;             // besides DRAM
    int check_slots = kDefaultCheckSlots;  // a word of the weight buffer has room for the check bits of so
                                           // many parameters; those beyond are not protected there
};

// What follows an error of a register that its code detects and cannot correct.
//   recompute  what the array has in work is computed again from the edge at which its oldest unfinished fold
//              began; the upset is gone. The clock stands as long (sim/protect/recovery.h)
//   abort      the inference ends here
enum class RegisterAction { recompute, abort };

// Point 2, PE registers: a code a role (sim/protect/register_code.h). Each upset is judged by the bits that
// it inverts in its register alone.
struct RegisterPart {
    std::string code = "none";
    RegisterAction on_due = RegisterAction::recompute;
};

// Point 2, protected PEs (Schorn et al.; ppe.h): the first columns of the array have codes in their
// registers, and each layer's least resilient channels go to them.
struct PpePart {
    // So many columns, or (share ≥ 0) that share of the array's, rounded up.
    struct Split {
        int columns = 0;
        double share = -1;
    };
    Split split;
    std::map<std::string, Split> schedule;                   // by layer: while the array works on it
    std::array<RegisterPart, kRegisterRoleCount> registers;  // of the columns, by index_of(RegisterRole)
    RankingPart ranking;
};

// Point 3, MAC output: linear checksum (filter sum) computed by a checksum column beside the array; see
// sim/protect/checksum.h.
struct ChecksumPart {};
// Duplicated filters (FLR): the planned output channels are computed twice and their accumulators compared
// (sim/protect/duplication.h).
struct DuplicationPart {
    PlanRequest plan;
};

// Point 5, layer output.
struct ZeroPart {};  // zero on detection: the outputs of the pixel and column block that the checksum located
struct RangePart {
    enum class Mode { clamp, zero };
    enum class Granularity { layer, channel };
    Mode mode = Mode::clamp;
    Granularity granularity = Granularity::layer;
};

// Point 4, activation: a detector. y ∈ {0, x} behind ReLU, and y = 0 exactly where x ≤ 0 (relu_check.h).
struct ReluCheckPart {};

// Point 5, filters: they act on all channels of one output pixel, so that a layer's codes wait in a buffer of
// `buffer_bytes` until the pixel is complete (layer_filters.h).
inline constexpr std::int64_t kFilterBufferBytes = 65536;
inline constexpr std::int64_t kCalibrationImages = 200;

// Gradient statistics (gradient.h).
struct GradientPart {
    enum class Gate { detection, always };
    enum class Statistics { layer, channel, neuron };
    Gate gate = Gate::detection;
    Statistics statistics = Statistics::channel;
    double threshold = 0;  // t; 0 is "auto": the largest fault-free gradient of a layer just passes
    std::int64_t calibration_images = kCalibrationImages;
    std::int64_t buffer_bytes = kFilterBufferBytes;
};
// Median of three neighbouring channels, always (median.h).
struct MedianPart {
    std::int64_t buffer_bytes = kFilterBufferBytes;
};
// Codes become zero that disagree with their neighbours, always (just_say_zero.h).
struct JustSayZeroPart {
    std::string predicate = "peak";
    std::int64_t calibration_images = kCalibrationImages;
    std::int64_t buffer_bytes = kFilterBufferBytes;
};

// Point 6, inference end: what makes the machine run an inference again, and which answer then counts
// (rerun.h). Answers are compared by their logits or by their predicted classes; `runs`: so many answers at
// most.
inline constexpr int kMostRuns = 8;
enum class AnswerCompare { logits, top1 };
// The first answer's softmax confidence, or its margin over the second class, is below the threshold (ILR).
struct ConfidenceRerunPart {
    double top1_confidence = 0;    // 0: not looked at
    double top2_difference = 0;    // likewise
    double calibration_share = 0;  // > 0: top2_difference is to be such that this share of the calibration
                                   // images at most is below it (calibrated())
    std::int64_t calibration_images = kCalibrationImages;
    AnswerCompare compare = AnswerCompare::logits;
    int runs = 3;
};
// Always: full temporal redundancy.
struct TemporalDmrPart {
    AnswerCompare compare = AnswerCompare::logits;
    int runs = 3;
};
// A run in which something was detected and not repaired is thrown away, `reruns` times at most.
struct DueRerunPart {
    bool aborted = true;  // it was aborted
    bool zeroed = true;   // a memory word read as zero
    bool alarm = true;    // a checksum or a ReLU check raised an alarm on which no part acts
    int reruns = 1;
};

struct Policy {
    std::string name;
    std::string description;
    std::array<MemoryPart, kMemoryCount> memory;             // by index_of(Memory)
    std::array<RegisterPart, kRegisterRoleCount> registers;  // by index_of(RegisterRole)
    std::optional<PpePart> ppe;
    std::optional<SelectiveEccPart> selective_ecc;
    std::optional<ChecksumPart> checksum;
    std::optional<DuplicationPart> duplication;
    std::optional<ZeroPart> zero;
    std::optional<RangePart> range;
    std::optional<ReluCheckPart> relu_check;
    std::optional<GradientPart> gradient;
    std::optional<MedianPart> median;
    std::optional<JustSayZeroPart> just_say_zero;
    std::optional<ConfidenceRerunPart> confidence_rerun;
    std::optional<TemporalDmrPart> temporal_dmr;
    std::optional<DueRerunPart> due_rerun;
};

// Throws InputError: unknown keys or parts, two owners of one point, a suppressor without its detector.
Policy parse_policy(const nlohmann::json& value, const std::string& file);
// `name`: a preset, or the path of a JSON file.
Policy load_policy(const std::string& name_or_path);
std::vector<Policy> preset_policies();
nlohmann::json to_json(const Policy& policy);

// What a policy does to the machine's timing.
struct PolicyTiming {
    std::array<std::int32_t, kMemoryCount> decode_cycles{};  // latency of a read, by Memory
    bool checksum_column = false;                            // one more column, drained with every fold
    Cycles vector_pipeline{};  // added to the vector unit's pipeline (range restriction, comparator)
};
PolicyTiming timing_of(const Policy& policy);

// Stored bits of a word of `memory` under this policy, check bits included.
int stored_bits(const Policy& policy, Memory memory, int data_bits);
// Whether words of `memory` are under selective ECC; those that hold weights are. stored_bits() then is the
// most that any of them may have: check bits for selective_slots() parameters.
bool is_selective(const Policy& policy, Memory memory);
int selective_slots(const Policy& policy, Memory memory, int data_bits);
// Of a PE register; the most that one has where columns differ.
int stored_bits(const Policy& policy, RegisterRole role, int data_bits);

}  // namespace fluence::protect
