#include "sim/fault/register_verdicts.h"

#include <algorithm>

#include "sim/dataflow/registers.h"
#include "sim/fault/bit_change.h"
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
    Verdicts::Entry entry;
    entry.cycle = upset.cycle;
    entry.corrected = verdict.corrected;
    entry.detected = verdict.detected;
    entry.aborts = verdict.detected && part.on_due == protect::RegisterAction::abort;
    if (verdict.detected && !entry.aborts && fold >= 0) {
        entry.stall = protect::replay_cycles(machine.fold(fold).preload, upset.cycle).count();
    }
    verdicts.add(entry);
    result.layer = fold >= 0 ? static_cast<std::int32_t>(machine.fold(fold).layer) : -1;
    result.dead = verdict.corrected ? DeadReason::corrected : DeadReason::no_effect;
    return verdict.detected ? 0 : verdict.residual;
}

}  // namespace fluence::fault
