#include "sim/fault/register_verdicts.h"

#include <algorithm>
#include <stdexcept>

#include "sim/dataflow/registers.h"
#include "sim/fault/bit_change.h"
#include "sim/protect/ppe.h"
#include "sim/protect/recovery.h"
#include "sim/protect/register_code.h"

namespace fluence::fault {
namespace {

// The oldest fold that the array has begun and not finished; −1: none.
std::int32_t oldest_in_work(const MachineView& machine, Cycle cycle) {
    std::int32_t oldest = -1;
    for (std::int32_t id = machine.last_preloaded(cycle); id >= 0; id = machine.preloaded_before(id)) {
        if (machine.latest_end(id) <= cycle) {
            break;
        }
        oldest = machine.fold(id).end > cycle ? id : oldest;
    }
    return oldest;
}

// `fold`: the oldest one in work; null: none.
Verdicts::Entry entry_of(const protect::RegisterPart& part, bool corrected, bool detected,
                         const traces::Fold* fold, Cycle cycle) {
    Verdicts::Entry entry;
    entry.cycle = cycle;
    entry.corrected = corrected;
    entry.detected = detected;
    entry.aborts = detected && part.on_due == protect::RegisterAction::abort;
    if (detected && !entry.aborts && fold != nullptr) {
        entry.stall = protect::replay_cycles(fold->preload, cycle).count();
    }
    return entry;
}

}  // namespace

std::uint32_t judge_register(const MachineView& machine, const Upset& upset, const WordBits& bits,
                             Verdicts& verdicts, Resolution& result) {
    const int data_bits = dataflow::register_bank(machine.config.array, upset.site)->bits;
    const protect::RegisterPart* const found = machine.register_part(upset.site, upset.unit, upset.cycle);
    if (found == nullptr) {
        // Check bits whose code does not look at them in this cycle are of no use.
        return low_32(bits) & (~std::uint32_t{0} >> (32 - data_bits));
    }
    const protect::RegisterPart& part = *found;
    const protect::RegisterVerdict verdict = protect::register_code(part.code).judge(bits, data_bits);
    if (!verdict.corrected && !verdict.detected) {
        return verdict.residual;
    }
    const std::int32_t fold = oldest_in_work(machine, upset.cycle);
    const Verdicts::Entry entry = entry_of(part, verdict.corrected, verdict.detected,
                                           fold >= 0 ? &machine.fold(fold) : nullptr, upset.cycle);
    verdicts.add(entry);
    result.layer = fold >= 0 ? static_cast<std::int32_t>(machine.fold(fold).layer) : -1;
    result.dead = verdict.corrected ? DeadReason::corrected : DeadReason::no_effect;
    return verdict.detected ? 0 : verdict.residual;
}

bool judge_mac_output(const MachineView& machine, LayerId layer, std::int64_t element, Verdicts& verdicts,
                      Resolution& result) {
    const traces::Fold* last = nullptr;
    std::int64_t column = 0;  // where columns differ, each computes a channel
    machine.for_each_fold_of(layer, element, [&](const traces::Fold& fold, std::int64_t, std::int64_t n) {
        last = last == nullptr || fold.end > last->end ? &fold : last;
        column = n;
    });
    if (last == nullptr) {
        throw std::logic_error("an output of a layer that no fold computes");
    }
    const int cols = machine.config.array.cols;
    const protect::RegisterPart& part =
        protect::register_part(machine.policy, RegisterRole::psum, column, cols);
    const protect::RegisterCode& code = protect::register_code(part.code);
    if (!code.whole_pe() ||
        !protect::is_checked(machine.policy, column, cols, machine.graph.layer(layer).name)) {
        return false;
    }
    verdicts.add(entry_of(part, !code.detects(), code.detects(), last, last->end - 1));
    result.dead = code.detects() ? DeadReason::no_effect : DeadReason::corrected;
    return true;
}

}  // namespace fluence::fault
